//! The chat window of the demo: a program of its own, which lies beside this one or is built where cargo runs this.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::failure::Failure;

/// The program, as `cargo build` names it.
const PROGRAM: &str = "raftchat";

/// Whether there is a window, and why not.
pub(super) enum Opening {
    /// It runs, until the person closes it.
    Opened(Child),
    /// It does not. A sentence says why.
    Not(String),
}

/// Opens the window on a device's profile. Builds it first if cargo runs this program, which then is in a checkout.
pub(super) async fn open(profile: &Path) -> Result<Opening, Failure> {
    if !has_display() {
        return Ok(Opening::Not("There is no display here, so there is no window".to_owned()));
    }
    let own = env::current_exe().map_err(|error| Failure::System(format!("where is this program? {error}")))?;
    if let Some(cargo) = env::var_os("CARGO")
        && !built(Path::new(&cargo), &own).await
    {
        return Ok(Opening::Not("The window could not be built".to_owned()));
    }
    let program = own.with_file_name(PROGRAM);
    if !program.is_file() {
        return Ok(Opening::Not(format!("The window's program is not there ({})", program.display())));
    }
    let child = Command::new(&program)
        .arg("--profile")
        .arg(profile)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::System(format!("{} cannot be started: {error}", program.display())))?;
    Ok(Opening::Opened(child))
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Builds the window with the profile that this program was built with. Does nothing if it is built already.
async fn built(cargo: &Path, own: &Path) -> bool {
    let mut command = Command::new(cargo);
    // Without `--package`, as `cargo demo` is: the features are then the same, and nothing is compiled twice.
    command.args(["build", "--locked", "--bin", PROGRAM]);
    if is_release(own) {
        command.arg("--release");
    }
    if let Some(root) = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).as_deref().and_then(Path::parent) {
        command.current_dir(root);
    }
    eprintln!("building the window; the first time this takes some minutes");
    matches!(command.stdin(Stdio::null()).status().await, Ok(status) if status.success())
}

fn is_release(own: &Path) -> bool {
    own.parent().and_then(Path::file_name).is_some_and(|profile| profile == "release")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_built_as_this_program_was() {
        assert!(is_release(Path::new("checkout/target/release/raftchatctl")));
        assert!(!is_release(Path::new("checkout/target/debug/raftchatctl")));
    }
}
