//! Whether a node is more open than it need be: whoever has a node's key can speak as that node wherever its peers listen, and
//! whoever speaks as a node is believed. Looked at once, at a start.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::config::NodeConfig;

/// The file of a node's private key, in its directory of certificates.
const KEY_FILE: &str = "leaf.key";
/// What others than the owner's group may do with a file.
const OTHERS: u32 = 0o007;
/// What the owner's group may.
const GROUP: u32 = 0o070;

/// A private key that anybody on the machine can read.
#[derive(Debug, thiserror::Error)]
#[error("{} can be read by everybody on this machine (mode {mode:03o}): whoever has it speaks as this node. Make it your own: chmod 600", path.display())]
pub struct OpenKey {
    path: PathBuf,
    mode: u32,
}

/// Refuses a key that everybody can read, and warns of one that a group can.
pub(crate) fn key_must_be_private(certs: &Path) -> Result<(), OpenKey> {
    let path = certs.join(KEY_FILE);
    // Whether it is there at all is told by who reads it.
    let Ok(found) = path.metadata() else { return Ok(()) };
    let mode = found.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(OpenKey { path, mode });
    }
    if mode & GROUP != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{mode:03o}"), "a group can read this node's key: chmod 600");
    }
    Ok(())
}

/// Warns of a peer endpoint that all the world reaches.
pub(crate) fn warn_of_public_peers(config: &NodeConfig) {
    let told = config.members.iter().find(|member| member.node == config.node);
    let told =
        told.and_then(|member| member.peer_address.rsplit_once(':')).map(|(host, _)| host.trim_matches(['[', ']']));
    let told: Option<IpAddr> = told.and_then(|host| host.parse().ok());
    let public = [Some(config.peer_listen.ip()), told].into_iter().flatten().find(|address| is_public(*address));
    if let Some(address) = public {
        tracing::warn!(
            %address,
            "the other nodes reach this one at a public address. Whoever has the key of one node can then act as that node from \
             anywhere, in the name of every user: keep `peer_listen` inside a network of the cluster's own, or behind a \
             firewall that lets in the other nodes alone"
        );
    }
}

/// Whether packets from all the world may come there.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // Providers' own networks (RFC 6598).
            let shared = first == 100 && second & 0xc0 == 64;
            !(address.is_unspecified()
                || address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_documentation()
                || shared)
        }
        IpAddr::V6(address) => {
            !(address.is_unspecified()
                || address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ones_own_are_told_from_those_of_the_world() {
        for own in [
            "127.0.0.1",
            "0.0.0.0",
            "::",
            "::1",
            "192.168.1.11",
            "10.0.0.1",
            "172.16.9.9",
            "100.64.0.7",
            "fd00::7",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!is_public(own.parse().unwrap()), "{own}");
        }
        for public in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2001:4860::1", "::ffff:8.8.8.8"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_key_that_everybody_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join(KEY_FILE);
        key_must_be_private(dir.path()).unwrap();
        std::fs::write(&key, "key").unwrap();
        for (mode, private) in [(0o600, true), (0o400, true), (0o640, true), (0o644, false), (0o604, false)] {
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(key_must_be_private(dir.path()).is_ok(), private, "{mode:o}");
        }
    }
}
