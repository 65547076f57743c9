//! Why the local store cannot be opened or used, each reason with what to do about it.

use std::path::{Path, PathBuf};

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
    #[error("{doing} {} failed: {source}. Check the disk's free space and the directory's permissions, then try again", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl StoreOpenError {
    /// A constructor for `map_err`: what was being done to which file.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// Why an open store failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk did not take or give what was asked. Final for writing: nothing more is stored until the store is opened
    /// again.
    #[error(
        "{doing} the stored messages failed: {reason}. Check the disk's free space and health, then start the program again"
    )]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        reason: String,
    },
    /// A file of the database is not what was written.
    #[error(
        "{doing} the stored messages failed, because a file is damaged: {reason}. Close the program, keep a copy of its directory and start it again"
    )]
    Damaged {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        reason: String,
    },
}
