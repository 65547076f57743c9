//! Where a person's files lie when nobody says where: the desktop's own place for such files. Never looks whether they are
//! there.

use std::path::PathBuf;

use etcetera::BaseStrategy as _;

/// The profile of this device.
pub fn profile() -> PathBuf {
    data().join("profile")
}

/// A cluster's directory, with its authorities.
pub fn cluster() -> PathBuf {
    data().join("cluster")
}

/// `$XDG_DATA_HOME/raftchat`, or else `~/.local/share/raftchat`: the XDG Base Directory Specification. Where nobody has a home, as
/// some services, the working directory.
fn data() -> PathBuf {
    etcetera::choose_base_strategy().map_or_else(|_| PathBuf::new(), |base| base.data_dir().join("raftchat"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_and_a_cluster_lie_side_by_side_and_apart() {
        assert_ne!(profile(), cluster());
        assert_eq!(profile().parent(), cluster().parent());
    }
}
