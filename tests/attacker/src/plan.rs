//! What an attack is told. Knows no attack.

use std::net::{IpAddr, SocketAddr};

use tokio::time::Instant;

use crate::quic::Device;
use crate::report::Trouble;

/// What an attack is told.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) node: SocketAddr,
    pub(crate) from: IpAddr,
    pub(crate) devices: Vec<Device>,
    pub(crate) until: Instant,
    pub(crate) victim: String,
    pub(crate) rounds: u64,
    pub(crate) calls: u32,
}

impl Plan {
    /// The device that attacks.
    pub(crate) fn device(&self) -> Result<&Device, Trouble> {
        Ok(self.devices.first().ok_or("a device is needed")?)
    }

    pub(crate) fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }
}
