//! Keys that must outlive a restart, so that a restarted node can tell the
//! peers of its former connections at once that those are gone.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{hkdf, hmac};
use quinn::crypto::{HandshakeTokenKey, HmacKey};

use crate::tls::identity::Role;

/// 32 secret bytes a node keeps with its data. Never shown by `Debug`.
#[derive(Clone)]
pub struct NodeSecret(pub [u8; 32]);

impl fmt::Debug for NodeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeSecret")
    }
}

impl NodeSecret {
    /// Signs stateless resets: without it a peer could not believe them.
    pub(crate) fn reset_key(&self, role: Role) -> Arc<dyn HmacKey> {
        let bytes = self.derive(role, "stateless reset");
        Arc::new(hmac::Key::new(hmac::HMAC_SHA256, bytes.as_ref()))
    }

    /// Marks connection ids as ours: a restarted node answers an unknown id
    /// with a reset only when it carries this mark.
    pub(crate) fn connection_id_key(&self, role: Role) -> u64 {
        let bytes = self.derive(role, "connection id");
        bytes.as_ref().iter().take(8).fold(0, |key, byte| (key << 8) | u64::from(*byte))
    }

    /// Seals address validation tokens, which then survive a restart.
    pub(crate) fn token_key(&self, role: Role) -> Arc<dyn HandshakeTokenKey> {
        let bytes = self.derive(role, "address token");
        Arc::new(hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(bytes.as_ref()))
    }

    fn derive(&self, role: Role, purpose: &str) -> hmac::Tag {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        hmac::sign(&key, format!("raftchat {} {purpose}", role.alpn()).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_stable_and_differ_by_role_and_purpose() {
        let secret = NodeSecret([7; 32]);
        let peer = secret.connection_id_key(Role::Node);
        assert_eq!(peer, NodeSecret([7; 32]).connection_id_key(Role::Node));
        assert_ne!(peer, secret.connection_id_key(Role::Device));
        assert_ne!(peer, NodeSecret([8; 32]).connection_id_key(Role::Node));
        assert_eq!(format!("{secret:?}"), "NodeSecret");
    }
}
