//! `raftchatctl cluster device`: the profile of one more device.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use raftchat_certs::{Authorities, DeviceName, Subject};
use raftchat_client::Profile;
use raftchat_config::places;
use serde_json::json;

use super::directory::{self, ClusterDir};
use crate::failure::Failure;
use crate::shell::output::Output;

/// Which device of which cluster.
#[derive(Debug, Args)]
pub(crate) struct DeviceArguments {
    /// The cluster's directory
    #[arg(long, value_name = "CLUSTER", env = "RAFTCHAT_DIR", default_value_os_t = places::cluster())]
    dir: PathBuf,
    /// The device's name: 1 to 32 characters out of a-z, 0-9 and `-`
    name: DeviceName,
}

pub(super) fn run(arguments: &DeviceArguments, output: Output) -> Result<(), Failure> {
    let name = &arguments.name;
    let profile = make(&ClusterDir::new(&arguments.dir), name, SystemTime::now())?;
    let dir = profile.display().to_string();
    output.answer(&json!({ "device": name.as_str(), "dir": dir }), || dir.clone())
}

/// Makes the profile of a new device, all of it or nothing, and gives its directory.
pub(crate) fn make(cluster: &ClusterDir, name: &DeviceName, now: SystemTime) -> Result<PathBuf, Failure> {
    let profile = cluster.device(name.as_str());
    if profile.symlink_metadata().is_ok() {
        return Err(Failure::AlreadyExists(profile));
    }
    let authorities = Authorities::load(&cluster.pki())?;
    let subject = Subject::Device(name.clone());
    let leaf = authorities.issue(&subject, now)?;
    let config = cluster.client_config()?;
    let part = directory::part_of(&profile)?;
    directory::clear_part(&part, |name| matches!(name, "certs" | "client.toml"))?;
    fs::create_dir_all(cluster.devices()).map_err(Failure::file(&cluster.devices(), "made"))?;
    let write = |part: &Path| {
        directory::make_private(part)?;
        Profile::create(part, &config)?;
        leaf.write(&part.join("certs"), &authorities.anchors_for(&subject))?;
        directory::put_in_place(part, &profile)
    };
    if let Err(failure) = write(&part) {
        // What stays is cleared away the next time.
        let _ = fs::remove_dir_all(&part);
        return Err(failure);
    }
    Ok(profile)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cluster::init::{self, Endpoints, Plan, Strictness};

    #[test]
    fn a_device_gets_a_profile_once() {
        let home = tempfile::tempdir().unwrap();
        let at = |port| ([127, 0, 0, 1], port).into();
        let endpoints = vec![Endpoints { client: at(7400), peer: at(7401) }];
        let plan = Plan { dir: home.path().join("home"), endpoints, strictness: Strictness::Usual };
        init::make(&plan, SystemTime::now()).unwrap();
        let cluster = ClusterDir::new(&plan.dir);

        let alice = "alice".parse().unwrap();
        let dir = make(&cluster, &alice, SystemTime::now()).unwrap();
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let profile = Profile::open(&dir).unwrap();
        assert_eq!(profile.device_name(), "alice");
        let addresses: Vec<_> = profile.config().nodes.iter().map(|node| node.address.as_str()).collect();
        assert_eq!(addresses, ["127.0.0.1:7400"]);

        let again = make(&cluster, &alice, SystemTime::now()).unwrap_err();
        assert_eq!((again.code(), again.exit_status()), ("already-exists", 2));
        let nowhere = ClusterDir::new(home.path().join("nowhere"));
        assert_eq!(make(&nowhere, &alice, SystemTime::now()).unwrap_err().exit_status(), 4);

        // The power was cut in the middle of a file.
        let left = cluster.devices().join("bob.part");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("client.toml.7-0.tmp"), "cluster =").unwrap();
        make(&cluster, &"bob".parse().unwrap(), SystemTime::now()).unwrap();
        assert!(!left.exists());
    }
}
