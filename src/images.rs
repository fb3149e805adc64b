//! Interim.
/// CA certificates.
#[derive(Debug, Clone)]
pub struct CaBundle(pub Vec<u8>);
