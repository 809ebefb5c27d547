//! How much one client may ask for. Loopback is exempt from the limits per address.

use super::{ConfigError, Layers};

/// `[limits]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitsConfig {
    /// `TAPEDECK_CONNECTIONS_PER_ADDRESS`: sockets open at once from one address. Default 32.
    pub connections_per_address: usize,
    /// `TAPEDECK_FRAMES_PER_SECOND`: control frames of one socket; beyond, it is closed with 1008. Default 20.
    pub frames_per_second: u32,
    /// `TAPEDECK_SUBSCRIPTIONS`: topics of one socket. Default 200.
    pub subscriptions: usize,
    /// `TAPEDECK_FRAME_BYTES`: size of a client's frame. Default 65536.
    pub frame_bytes: usize,
    /// `TAPEDECK_REQUESTS_PER_SECOND`: HTTP requests from one address; beyond, 429. Default 50.
    pub requests_per_second: u32,
}

impl LimitsConfig {
    pub(super) fn read(layers: &Layers) -> Result<LimitsConfig, ConfigError> {
        let count = |key: &str, variable: &str, default: u32| {
            layers.count(key, &[variable]).map(|count| count.unwrap_or(default))
        };
        let connections = count("limits.connections_per_address", "TAPEDECK_CONNECTIONS_PER_ADDRESS", 32)?;
        Ok(LimitsConfig {
            connections_per_address: connections as usize,
            frames_per_second: count("limits.frames_per_second", "TAPEDECK_FRAMES_PER_SECOND", 20)?,
            subscriptions: count("limits.subscriptions", "TAPEDECK_SUBSCRIPTIONS", 200)? as usize,
            frame_bytes: count("limits.frame_bytes", "TAPEDECK_FRAME_BYTES", 65_536)? as usize,
            requests_per_second: count("limits.requests_per_second", "TAPEDECK_REQUESTS_PER_SECOND", 50)?,
        })
    }
}
