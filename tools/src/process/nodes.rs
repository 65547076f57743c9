//! Nodes as child processes of this one. Knows nothing of what they say to each other.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::future::{join_all, select_all};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::cluster::directory::ClusterDir;
use crate::failure::Failure;

/// The time that a node may take to end once it was asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// A log that is longer is set aside when its node is started: whoever writes much into it fills no disk with it.
const LOG_BYTES_MAX: u64 = 10 << 20;
/// How much of a dead node's log is shown.
const LAST_WORDS: usize = 5;
/// How much of a log is read for that.
const LAST_WORDS_BYTES: usize = 8 * 1024;

/// The nodes that run. Those still running when this is dropped are killed.
#[derive(Debug)]
pub(crate) struct Nodes {
    cluster: ClusterDir,
    running: BTreeMap<u64, Child>,
}

/// A node that is no more.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// The node's number.
    pub(crate) node: u64,
    /// The exit status of its process.
    pub(crate) status: ExitStatus,
    /// The end of its log.
    pub(crate) last_words: Vec<String>,
}

impl Ended {
    /// True if it ended as it does when it is asked to.
    pub(crate) fn in_order(&self) -> bool {
        self.status.success()
    }

    /// How it ended, in one line.
    pub(crate) fn in_one_line(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("node {} ended with exit status {code}", self.node),
            (None, Some(signal)) => format!("node {} was killed by signal {signal}", self.node),
            (None, None) => format!("node {} ended", self.node),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_one_line())?;
        if !self.in_order() && !self.last_words.is_empty() {
            write!(f, "; the end of its log:")?;
            self.last_words.iter().try_for_each(|line| write!(f, "\n    {line}"))?;
        }
        Ok(())
    }
}

impl Drop for Nodes {
    /// Kills what still runs, and waits: whoever removes the directory next must not find a node writing in it.
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let pid = pid_of(child);
            // Fails only where the node has ended by itself.
            let _ = child.start_kill();
            if let Some(pid) = pid {
                // Fails only where somebody has waited for it already.
                let _ = waitpid(Some(pid), WaitOptions::empty());
            }
        }
    }
}

/// A log that has become long is set aside, and the one that was set aside before goes.
fn turn_over(log: &Path) -> io::Result<()> {
    match log.metadata() {
        Ok(found) if found.len() > LOG_BYTES_MAX => fs::rename(log, log.with_extension("log.1")),
        _ => Ok(()),
    }
}

impl Nodes {
    /// None of them yet.
    pub(crate) const fn of(cluster: ClusterDir) -> Self {
        Self { cluster, running: BTreeMap::new() }
    }

    /// Starts a node. Must be called on the program's first thread: the child ends with the thread that started it.
    pub(crate) fn start(&mut self, node: u64) -> Result<(), Failure> {
        let path = self.cluster.node_log(node);
        let open = || {
            turn_over(&path)?;
            let log = OpenOptions::new().create(true).append(true).open(&path)?;
            Ok((log.try_clone()?, log))
        };
        let (log, same_log) = open().map_err(Failure::file(&path, "written"))?;
        let program = std::env::current_exe().map_err(|error| Failure::System(format!("where am I? {error}")))?;
        let mut command = Command::new(program);
        command.arg("node").arg("--config").arg(self.cluster.node_config(node));
        command.arg("--parent").arg(std::process::id().to_string());
        command.stdin(Stdio::null()).stdout(log).stderr(same_log).kill_on_drop(true);
        let child =
            command.spawn().map_err(|error| Failure::System(format!("node {node} cannot be started: {error}")))?;
        self.running.insert(node, child);
        Ok(())
    }

    /// The nodes that run, with their process ids.
    pub(crate) fn pids(&self) -> BTreeMap<u64, u32> {
        self.running.iter().filter_map(|(node, child)| Some((*node, child.id()?))).collect()
    }

    /// The numbers of the nodes that run.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.running.keys().copied().collect()
    }

    /// True if there is one at all.
    pub(crate) fn none_left(&self) -> bool {
        self.running.is_empty()
    }

    /// Ends nodes at once, as a power cut would, and waits until the system has.
    pub(crate) async fn kill(&mut self, nodes: &[u64]) {
        for (node, child) in self.running.iter_mut().filter(|(node, _)| nodes.contains(node)) {
            // Fails only where the node has ended by itself.
            if let Err(error) = child.start_kill() {
                tracing::debug!(node, %error, "there is nothing to kill");
            }
        }
        for node in nodes {
            if let Some(mut child) = self.running.remove(node) {
                // There is nobody but this process who could wait for it.
                let _ = child.wait().await;
            }
        }
    }

    /// Waits for the next node that ends; never, if none runs.
    pub(crate) async fn next_end(&mut self) -> Ended {
        if self.running.is_empty() {
            return std::future::pending().await;
        }
        let waits = self.running.iter_mut().map(|(node, child)| Box::pin(wait(*node, child)));
        let ((node, status), ..) = select_all(waits).await;
        self.running.remove(&node);
        self.ended(node, status)
    }

    /// Asks all nodes to end, at once as their devices have nowhere to go, and waits until they have; kills those that take
    /// more than ten seconds.
    pub(crate) async fn stop(&mut self) -> Vec<Ended> {
        for (node, child) in &self.running {
            if let Some(pid) = pid_of(child)
                && let Err(error) = kill_process(pid, Signal::INT)
            {
                tracing::debug!(node, %error, "there is nothing to stop");
            }
        }
        let mut running = std::mem::take(&mut self.running);
        let ends = join_all(running.iter_mut().map(|(node, child)| stopped(*node, child))).await;
        ends.into_iter().map(|(node, status)| self.ended(node, status)).collect()
    }

    fn ended(&self, node: u64, status: ExitStatus) -> Ended {
        Ended { node, status, last_words: self.last_words(node) }
    }

    fn last_words(&self, node: u64) -> Vec<String> {
        let log = fs::read(self.cluster.node_log(node)).unwrap_or_default();
        let end = log.get(log.len().saturating_sub(LAST_WORDS_BYTES)..).unwrap_or_default();
        let text = String::from_utf8_lossy(end);
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines
            .iter()
            .skip(lines.len().saturating_sub(LAST_WORDS))
            .map(|line| crate::shell::text::printable(line))
            .collect()
    }
}

/// None for one that was waited for.
fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw)
}

async fn wait(node: u64, child: &mut Child) -> (u64, ExitStatus) {
    let status = child.wait().await;
    // Nobody else waits for our children; what cannot be waited for is gone.
    (node, status.unwrap_or_default())
}

async fn stopped(node: u64, child: &mut Child) -> (u64, ExitStatus) {
    if let Ok(end) = timeout(STOP_PATIENCE, wait(node, child)).await {
        return end;
    }
    tracing::warn!(node, "the node did not end within {STOP_PATIENCE:?} and is killed");
    // Fails only where it has ended meanwhile.
    let _ = child.start_kill();
    wait(node, child).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_with_its_reason() {
        let ended =
            |status| Ended { node: 3, status: ExitStatus::from_raw(status), last_words: vec!["disk full".to_owned()] };
        assert_eq!(ended(0).to_string(), "node 3 ended with exit status 0");
        assert_eq!(ended(4 << 8).to_string(), "node 3 ended with exit status 4; the end of its log:\n    disk full");
        assert!(ended(9).to_string().starts_with("node 3 was killed by signal 9"));
    }
}
