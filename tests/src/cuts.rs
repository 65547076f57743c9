//! Programs whose machine loses its power right before one of their syncs: by `strace`, which kills them there, and a [`Disk`] that
//! then forgets what was not synced. Knows nothing of what the programs do.

use std::ffi::OsStr;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::disks::Disk;

/// The program that watches over others.
const STRACE: &str = "strace";
/// What makes something durable; all else is lost with the power anyway.
pub const SYNCS: &str = "fsync,fdatasync,syncfs,sync_file_range";
/// Of these only what is made whole elsewhere and put in its place.
pub const WHOLE_FILES: &str = "fsync,rename,renameat,renameat2";

/// How a program came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was stopped before the sync that was asked for.
    Cut,
    /// It made fewer, and was done.
    Done,
}

/// A program that runs and loses its machine's power before the `at`-th of the calls `before`, in whichever of its threads that
/// comes to pass first.
#[derive(Debug)]
pub struct Doomed {
    child: Child,
}

/// What it reads, and where what it says is appended.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Standard input.
    pub input: Option<PathBuf>,
    /// Standard error.
    pub log: Option<PathBuf>,
}

/// Whether it can be done here; why not.
///
/// # Errors
/// There is no `strace`, or it may not do that.
pub fn can_be() -> Result<(), String> {
    let tried = Command::new(STRACE).args(["-qq", "-o", "/dev/null", "true"]).output();
    let tried = tried.map_err(|error| format!("there is no program `{STRACE}`: {error}"))?;
    if tried.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&tried.stderr).trim().to_owned()) }
}

impl Doomed {
    /// Starts it.
    pub fn start(before: &str, at: u64, program: &str, arguments: &[&OsStr], files: Files) -> Self {
        let mut command = Command::new(STRACE);
        // The program is our own child, so that it can be killed as such; strace goes with it.
        command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={before}"));
        command.arg("-e").arg(format!("inject={before}:signal=SIGKILL:when={at}")).arg(program).args(arguments);
        let log = files.log.map(|log| File::options().create(true).append(true).open(log).unwrap());
        let input = files.input.map(|input| File::open(input).unwrap());
        let (log, input) = (log.map_or_else(Stdio::null, Stdio::from), input.map_or_else(Stdio::null, Stdio::from));
        let child = command.stdin(input).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { child }
    }

    /// How it has ended, if it has.
    pub fn end(&mut self) -> Option<End> {
        let status = self.child.try_wait().unwrap()?;
        Some(if status.code().is_none() { End::Cut } else { End::Done })
    }

    /// Waits for that.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub fn ends(&mut self) -> End {
        let begun = Instant::now();
        loop {
            if let Some(end) = self.end() {
                return end;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The power is cut now, wherever it is.
    pub fn cut(mut self, disk: &Disk) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        self.child.wait().unwrap();
        disk.loses_power().unwrap();
        disk.comes_back();
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
