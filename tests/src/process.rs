//! One node as a process that can be killed, paused and asked to stop.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A node that runs. Killed when dropped.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    log: PathBuf,
}

impl NodeProcess {
    /// Starts the node of that configuration; what it says goes to the end of `log`.
    pub fn start(program: &Path, config: &Path, log: &Path) -> Self {
        Self::start_with(program, config, log, Vec::new())
    }

    /// The same, with these in its environment.
    pub fn start_with(program: &Path, config: &Path, log: &Path, environment: Vec<(&str, OsString)>) -> Self {
        let sink = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child = Command::new(program)
            .args(["--log", raftchat_node::daemon::LOG_FILTER, "node", "--config"])
            .arg(config)
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(sink.try_clone().unwrap())
            .stderr(sink)
            .spawn()
            .unwrap();
        Self { child, log: log.to_owned() }
    }

    /// SIGKILL: it ends as by a power cut of its machine, but for what the system still writes.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGSTOP: it stays and does nothing.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Goes on after [`Self::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGTERM, and waits for its end.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.wait().unwrap()
    }

    /// SIGTERM, and no more.
    pub fn ask_to_stop(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGHUP: its terminal is gone.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// How it ended, if it did by itself.
    pub fn end(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

/// The text of a log.
pub(crate) fn read(log: &Path) -> String {
    File::open(log).and_then(std::io::read_to_string).unwrap_or_default()
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
