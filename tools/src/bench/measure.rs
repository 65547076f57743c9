//! What processes and directories take, read from the system. Knows nothing of whose they are.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::Failure;

/// Clock ticks a second in `/proc`: part of Linux's interface on every architecture we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time that a process has taken so far, in seconds; 0 for one that is gone.
pub(super) fn cpu_seconds(pid: u32) -> f64 {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|stat| cpu_of(&stat)).unwrap_or(0.0)
}

/// The fields 14 and 15, user and system time; the second field is a name that may hold anything.
fn cpu_of(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}

/// Memory that a process holds now, in bytes; 0 for one that is gone.
pub(super) fn resident_bytes(pid: u32) -> u64 {
    fs::read_to_string(format!("/proc/{pid}/status")).ok().and_then(|status| resident_of(&status)).unwrap_or(0)
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What a directory takes on the disk, in bytes; files that go meanwhile are not counted.
pub(super) fn disk_bytes(directory: &Path) -> u64 {
    const BLOCK: u64 = 512;
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.blocks().saturating_mul(BLOCK),
        Err(_) => 0,
    });
    sizes.fold(0, u64::saturating_add)
}

/// Each link of a load has a socket, and a process may at first have few.
pub(super) fn allow_many_files(links: u64) -> Result<(), Failure> {
    const OTHERS: u64 = 256;
    let wanted = links.saturating_add(OTHERS);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < wanted) {
        let most = maximum.unwrap_or(0);
        return Err(Failure::System(format!(
            "{wanted} open files are needed and {most} allowed: raise it with `ulimit -n`"
        )));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
        .map_err(|error| Failure::System(format!("the system does not allow {wanted} open files: {error}")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 4 0 1000 0 0";
        assert_eq!(cpu_of(stat), Some(2.0));
        assert_eq!(cpu_of("42 (cut"), None);
        assert!(cpu_seconds(std::process::id()) >= 0.0);
    }

    #[test]
    fn resident_memory_is_in_kibibytes() {
        assert_eq!(resident_of("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(resident_of("Name:\tx\n"), None);
        assert!(resident_bytes(std::process::id()) > 0);
    }

    #[test]
    fn a_directory_weighs_what_is_below_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(disk_bytes(dir.path()), 0);
        fs::create_dir(dir.path().join("inner")).unwrap();
        fs::write(dir.path().join("inner/file"), vec![1; 100_000]).unwrap();
        assert!(disk_bytes(dir.path()) >= 100_000);
        assert_eq!(disk_bytes(&dir.path().join("nowhere")), 0);
    }
}
