//! Threads whose work takes long: where there is too much to do they give way to what people wait for. Never knows the work.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Where all cores are busy such a thread gets a quarter to a third of what another gets (Linux, `sched(7)`).
const NICE: i32 = 5;

/// Starts a thread that gives way to others.
pub(crate) fn spawn_yielding<T: Send + 'static>(
    name: impl Into<String>,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.into()).spawn(move || {
        give_way();
        work()
    })
}

#[cfg(target_os = "linux")]
fn give_way() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "the system does not let a thread give way");
    }
}

/// Elsewhere it would be the whole process that gives way.
#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn such_a_thread_gives_way_and_no_other() {
        let own = getpriority_process(None).unwrap();
        let its = spawn_yielding("slow", || getpriority_process(None).unwrap()).unwrap().join().unwrap();
        assert_eq!((its, getpriority_process(None).unwrap()), ((own + NICE).min(19), own));
    }
}
