//! Placeholder until the suite is in.
