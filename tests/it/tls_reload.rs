//! Certificates that change while the gateway serves.
