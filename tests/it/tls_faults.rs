//! What goes wrong below HTTP, and what a proxy says of a certificate.
