//! A network namespace of the system. Knows nothing of what is in it.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The program that makes them.
const IP: &str = "ip";

static MADE: AtomicU32 = AtomicU32::new(0);

/// A namespace with a name that nobody else has. Removed when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one; `purpose` is part of its name.
    ///
    /// # Errors
    /// The system makes none.
    pub fn make(purpose: &str) -> Result<Self, String> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("raftchat-{}-{number}-{purpose}", std::process::id());
        let made = Command::new(IP).args(["netns", "add", &name]).stdin(Stdio::null()).output();
        let output = made.map_err(|error| format!("there is no program `{IP}`: {error}"))?;
        if !output.status.success() {
            return Err(format!("no network namespace is given: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        let namespace = Self { name };
        namespace.ip(&["link", "set", "lo", "up"]);
        Ok(namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    /// Puts the calling thread into it, and with it the threads and processes that this one starts from now on.
    pub fn enter(&self) {
        let namespace = File::open(self.path()).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }

    /// Does something inside, on a thread of its own, and waits for it.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.enter();
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Calls `ip` inside.
    pub fn ip(&self, arguments: &[&str]) {
        let said = self.try_ip(arguments);
        assert!(said.is_none(), "ip {arguments:?} in {}: {said:?}", self.name);
    }

    /// Calls `ip` inside; what it says if it fails.
    pub fn try_ip(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(IP);
        command.args(["-n", &self.name]).args(arguments).stdin(Stdio::null());
        let output = command.output().unwrap();
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// Writes a setting of the system below `/proc/sys` that each namespace has for itself.
    pub fn write(&self, setting: &str, value: &str) {
        self.run(|| std::fs::write(Path::new("/proc/sys").join(setting), value).unwrap());
    }

    /// Packets that an interface inside has received and sent.
    pub fn packets(&self, interface: &str) -> (u64, u64) {
        // The file shows what the reading thread's own namespace has.
        let table = self.run(|| std::fs::read_to_string("/proc/thread-self/net/dev").unwrap());
        let line = table.lines().find_map(|line| line.trim().strip_prefix(&format!("{interface}:"))).unwrap();
        let figures: Vec<u64> = line.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
        (*figures.get(1).unwrap(), *figures.get(9).unwrap())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing could be done about it here.
        let _ = Command::new(IP).args(["netns", "del", &self.name]).stderr(Stdio::null()).status();
    }
}
