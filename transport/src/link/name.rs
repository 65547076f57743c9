//! What a link is called in logs: the same on both its sides, so that lines of two processes can be put together. Never knows what
//! is said over it.

use std::fmt;

use quinn::Connection;

/// The purpose of the secret that a name is made of; TLS gives another one for each.
const PURPOSE: &[u8] = b"raftchat link name";

/// A few bytes that both sides of a connection know and nobody else can choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkName([u8; 4]);

impl LinkName {
    pub(crate) fn of(connection: &Connection) -> Self {
        let mut name = Self::default();
        // Fails only before the handshake is complete, when there is nothing to tell yet.
        let _ = connection.export_keying_material(&mut name.0, PURPOSE, b"");
        name
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
