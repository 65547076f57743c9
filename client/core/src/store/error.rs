//! Why the local store cannot be opened or used, each reason with what to do about it.

use std::path::{Path, PathBuf};

use raftchat_files::Trouble;
use raftchat_schema::id::UserId;

/// Why a store did not open.
#[derive(Debug, thiserror::Error)]
pub enum StoreOpenError {
    /// Another program has it open.
    #[error(
        "the messages in {} are open in another raftchat program of yours. Close that one first, or give this one \
         another profile directory", .path.display()
    )]
    InUse {
        /// The store's directory.
        path: PathBuf,
    },
    /// Its files are not what was written; [`move_aside`](super::move_aside) makes room for new ones.
    #[error(
        "the messages in {} are damaged ({reason}). Let them be moved aside, where they are kept for inspection: everything \
         that the nodes have comes again, and only what was not yet sent is missing", .path.display()
    )]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A newer program wrote it.
    #[error("the messages in {} were stored by a newer raftchat (format {found}, this one knows {known}). Use that one", .path.display())]
    Newer {
        /// The store's directory.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The highest that this program knows.
        known: u32,
    },
    /// It belongs to somebody else.
    #[error("the messages in {} are those of {found}, not of {me}. Open the directory of {me}", .path.display())]
    OtherUser {
        /// The store's directory.
        path: PathBuf,
        /// Whose it is.
        found: UserId,
        /// Who asked for it.
        me: UserId,
    },
    /// The system refused to read or write a file.
    #[error("{doing} {} failed: {source}. {trouble}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What helps.
        trouble: Trouble,
    },
    /// The system refused to read or write the database while it was opened.
    #[error(transparent)]
    Failed(StoreError),
}

impl StoreOpenError {
    /// A constructor for `map_err`: what was being done to which file.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            let trouble = Trouble::of(&source, &path).unwrap_or(Trouble::Other);
            Self::Io { doing, path, source, trouble }
        }
    }
}

/// Why an open store failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk did not take or give what was asked. Final for writing: nothing more is stored until the store is opened
    /// again.
    #[error("{doing} the stored messages in {} failed: {reason}. {trouble}", .path.display())]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        reason: String,
        /// What helps.
        trouble: Trouble,
    },
    /// The database gave up by itself, for a reason that it told nobody, and the disk takes what is written to it by now.
    #[error(
        "{doing} the stored messages failed: the database had stopped at a failure of the disk. Start the program again: if the disk still fails, it is told how"
    )]
    Stopped {
        /// What was being done.
        doing: &'static str,
    },
    /// A file of the database is not what was written.
    #[error(
        "{doing} the stored messages failed, because a file is damaged: {reason}. Close the program, keep a copy of its directory and start it again"
    )]
    Damaged {
        /// What was being done.
        doing: &'static str,
        /// In what way.
        reason: &'static str,
    },
}

/// A database that gave up while less was free than this, in bytes, gave up for want of room: it writes out what it has in
/// memory in one piece.
const ROOM_BYTES: u64 = 16 << 20;

impl StoreError {
    /// A constructor for `map_err`: what was being done in which directory.
    pub(super) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            let trouble = Trouble::of(&source, &path).unwrap_or(Trouble::Other);
            Self::Disk { doing, path, reason: source.to_string(), trouble }
        }
    }

    /// A constructor for `map_err`: what was being done to the database in which directory.
    pub(super) fn database(doing: &'static str, path: &Path) -> impl FnOnce(fjall::Error) -> Self {
        let path = path.to_owned();
        move |error| match Cause::of(error, &path) {
            Cause::System(source) => Self::disk(doing, &path)(source),
            Cause::Damage(reason) => Self::Damaged { doing, reason },
            Cause::Before => match raftchat_files::probe(&path, ROOM_BYTES) {
                Err(source) => Self::disk(doing, &path)(source),
                Ok(()) => Self::Stopped { doing },
            },
        }
    }
}

/// What is behind an error of fjall's.
pub(super) enum Cause {
    /// The system did not do what it was asked to.
    System(std::io::Error),
    /// An earlier failure, which was told nobody.
    Before,
    /// The files are not what was written.
    Damage(&'static str),
}

impl Cause {
    /// Looks into the error: fjall hands on what the system said, about `dir`, as well as what its files say.
    pub(super) fn of(error: fjall::Error, dir: &Path) -> Self {
        match error {
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
                match Trouble::of(&error, dir) {
                    // A file that its own directory speaks of: lost, not withheld.
                    Some(Trouble::Missing) => Self::Damage("one of its files is missing"),
                    Some(_) => Self::System(error),
                    None => Self::Damage("one of its files is cut short or holds nonsense"),
                }
            }
            fjall::Error::Poisoned => Self::Before,
            fjall::Error::Storage(fjall::LsmError::ChecksumMismatch { .. }) => Self::Damage("a checksum does not fit"),
            fjall::Error::InvalidVersion(_) | fjall::Error::Storage(fjall::LsmError::InvalidVersion(_)) => {
                Self::Damage("it is of a form that this program does not know")
            }
            fjall::Error::JournalRecovery(_) => Self::Damage("its journal is damaged"),
            _ => Self::Damage("one of its files is damaged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_not_told_as_damage_and_never_in_the_words_of_the_database() {
        let full = || std::io::Error::from_raw_os_error(28);
        for error in [fjall::Error::Io(full()), fjall::Error::Storage(fjall::LsmError::Io(full()))] {
            let told = StoreError::database("writing", Path::new("/somewhere"))(error);
            assert!(matches!(&told, StoreError::Disk { trouble: Trouble::Full, .. }), "{told}");
            assert!(told.to_string().contains("free space") && !told.to_string().contains("Fjall"), "{told}");
        }
        let cut = fjall::Error::Io(std::io::ErrorKind::UnexpectedEof.into());
        let told = StoreError::database("reading", Path::new("/somewhere"))(cut);
        assert!(matches!(&told, StoreError::Damaged { .. }), "{told}");
    }
}
