//! Connection machines in virtual time.
