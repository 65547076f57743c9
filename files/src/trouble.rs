//! What the system would not do, told apart by what helps, and from a file that is damaged. Never knows what the file is for.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::io::Errno;

/// Reasons why the system did not do what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The file system has no room (ENOSPC).
    Full,
    /// The user has no room (EDQUOT).
    Quota,
    /// The file system does not take writes (EROFS).
    ReadOnly,
    /// The disk, or the way to it, fails (EIO and its like).
    Device,
    /// The user may not (EACCES, EPERM).
    Denied {
        /// The owner of the file or directory, where that can be seen.
        owner: Option<u32>,
        /// As whom this program runs.
        own: u32,
    },
    /// The process, or the machine, has too many files open (EMFILE, ENFILE).
    OpenFiles,
    /// The machine has no memory (ENOMEM).
    Memory,
    /// There is nothing by this name (ENOENT).
    Missing,
    /// Any other error of the system.
    Other,
}

impl Trouble {
    /// What trouble an error about `path` is; none where it was not the system that said so: a file that is too short, or
    /// holds nonsense.
    pub fn of(error: &io::Error, path: &Path) -> Option<Self> {
        let errno = Errno::from_io_error(error)?;
        Some(match errno {
            // It was asked for a place before the beginning of a file, say: so a file told that is damaged.
            Errno::INVAL | Errno::OVERFLOW => return None,
            Errno::NOSPC => Self::Full,
            Errno::DQUOT => Self::Quota,
            Errno::ROFS => Self::ReadOnly,
            Errno::IO | Errno::NXIO | Errno::NODEV | Errno::STALE | Errno::TIMEDOUT | Errno::SHUTDOWN => Self::Device,
            Errno::ACCESS | Errno::PERM => {
                Self::Denied { owner: owner_near(path), own: rustix::process::geteuid().as_raw() }
            }
            Errno::MFILE | Errno::NFILE => Self::OpenFiles,
            Errno::NOMEM => Self::Memory,
            Errno::NOENT => Self::Missing,
            _ => Self::Other,
        })
    }
}

/// The remedy, as a sentence without its last full stop.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("The disk is full: free space on it, then start again. Nothing that was stored is lost"),
            Self::Quota => f.write_str(
                "This user has used up what it may store: raise its quota, or remove what else it keeps there, then start again",
            ),
            Self::ReadOnly => f.write_str(
                "The file system takes no writes: see in the system's log (`dmesg`) why, mount it for writing, then start again",
            ),
            Self::Device => f.write_str(
                "The disk or the way to it fails: look at the system's log (`dmesg`), cables and the disk's health, then start again",
            ),
            Self::Denied { owner: Some(owner), own } if owner != own => write!(
                f,
                "It belongs to user {owner}, and this program runs as user {own}: run it as that user, or give the files to this \
                 one with `chown -R`"
            ),
            Self::Denied { .. } => {
                f.write_str("This user may not: look at the permissions of the file and of each directory above it")
            }
            Self::OpenFiles => f.write_str(
                "Too many files are open: raise the limit (`ulimit -n`, or `LimitNOFILE=` of its service), then start again",
            ),
            Self::Memory => f.write_str("The machine has no memory left: free some, then start again"),
            Self::Missing => f.write_str("It is not there: is its disk mounted, and the path right?"),
            Self::Other => f.write_str("Remove the cause, then start again"),
        }
    }
}

/// The owner of the file, or of the nearest directory above it that is there.
fn owner_near(path: &Path) -> Option<u32> {
    path.ancestors().find_map(|path| path.metadata().ok()).map(|found| found.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_has_a_remedy_of_its_own() {
        let of = |errno: Errno| Trouble::of(&errno.into(), Path::new("/nowhere")).map(|trouble| trouble.to_string());
        let words = [
            (Errno::NOSPC, "free space"),
            (Errno::DQUOT, "quota"),
            (Errno::ROFS, "mount it for writing"),
            (Errno::IO, "dmesg"),
            (Errno::MFILE, "ulimit"),
            (Errno::NFILE, "ulimit"),
            (Errno::NOMEM, "memory"),
            (Errno::NOENT, "mounted"),
        ];
        for (errno, word) in words {
            assert!(of(errno).is_some_and(|remedy| remedy.contains(word)), "{errno}: {word}");
        }
    }

    #[test]
    fn a_file_that_is_cut_short_is_no_trouble_of_the_system() {
        let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(Trouble::of(&cut, Path::new("/nowhere")), None);
        let before_its_beginning = Errno::INVAL.into();
        assert_eq!(Trouble::of(&before_its_beginning, Path::new("/nowhere")), None);
    }

    #[test]
    fn who_may_not_is_told_whose_it_is() {
        let denied = Trouble::Denied { owner: Some(0), own: 1000 }.to_string();
        assert!(denied.contains("user 0") && denied.contains("user 1000"), "{denied}");
    }
}
