//! How fast the window is: the program itself, on a screen of its own that times each frame.
//!
//! `cargo bench --workspace --bench window` measures; with `-- keep DIR` it leaves the profile with 100,000 messages in
//! DIR, for `raftchat --profile DIR`. This program is all that it needs: it starts itself as the window and as the nodes.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails by panicking")]

mod burst;
mod scenes;
mod screen;
mod stored;

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Names the scene that a window is to play, and when it was started, in milliseconds since 1970.
const SCENE: &str = "RAFTCHAT_BENCH_SCENE";
const STARTED: &str = "RAFTCHAT_BENCH_STARTED";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--profile", ..] => return scenes::play(&std::env::var(SCENE).unwrap()),
        // As clusters of the stories start their nodes.
        ["--log", ..] => return raftchat_tools::main(),
        ["keep", dir, ..] => std::fs::rename(stored::profile(&stored::cluster()), dir).unwrap(),
        _ => measure(),
    }
    ExitCode::SUCCESS
}

fn measure() {
    let cluster = stored::cluster();
    let profile = stored::profile(&cluster);
    for _ in 0..5 {
        window(&profile, "start").wait().unwrap();
    }
    window(&profile, "scroll").wait().unwrap();
    window(&profile, "idle").wait().unwrap();
    burst::measure();
}

/// The window of the device in `profile`, as a process.
fn window(profile: &Path, scene: &str) -> Child {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .arg("--profile")
        .arg(profile)
        .env("SLINT_BACKEND", "headless-software")
        .env(SCENE, scene)
        .env(STARTED, now.as_millis().to_string())
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}
