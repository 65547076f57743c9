//! Reading and writing the files of certificates and keys: nothing is ever overwritten, keys are private from their
//! first byte, what is written is on the disk. Knows nothing about what the files say.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Access for the owner alone.
const KEY_MODE: u32 = 0o600;
const CERTIFICATE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o700;
/// The bits by which a group or anybody else could get at a file.
const FOREIGN_ACCESS: u32 = 0o077;

/// Troubles with a file, always by its path.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Something is there already.
    #[error("{} is already there, and certificates and keys are never overwritten: move it away or name another directory", .0.display())]
    AlreadyExists(PathBuf),
    /// There is no such file.
    #[error("{} is missing: {hint}", path.display())]
    Missing {
        /// The path that was looked at.
        path: PathBuf,
        /// The hint where it comes from.
        hint: &'static str,
    },
    /// There, but the system does not give it.
    #[error("{} cannot be read: {source}. {}", path.display(), remedy(source, path))]
    Unreadable {
        /// The file that is there.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system does not take it.
    #[error("{} cannot be written: {source}. {}", path.display(), remedy(source, path))]
    Unwritable {
        /// The file or directory that was to be written.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Its contents cannot be used.
    #[error("{} is damaged or not what belongs there: {reason}", path.display())]
    Damaged {
        /// The file with those contents.
        path: PathBuf,
        /// The reason, as a part of a sentence.
        reason: String,
    },
    /// A key and a certificate that do not belong together.
    #[error("the key in {} does not belong to the certificate in {}: put back the pair that was made together", key.display(), certificate.display())]
    KeyMismatch {
        /// The key file.
        key: PathBuf,
        /// The certificate file.
        certificate: PathBuf,
    },
    /// Others could have read, or changed, the key.
    #[error(
        "the key in {} can be read or changed by others than its owner (mode {mode:04o}): run `chmod 600` on it, and if others \
         use this machine, have a new pair made", path.display()
    )]
    KeyNotPrivate {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Its time is over.
    #[error("the certificate in {} expired on {on}: ask who runs the cluster for a new one, or check this machine's clock", path.display())]
    Expired {
        /// The certificate's file.
        path: PathBuf,
        /// The last second of its validity, RFC 3339.
        on: String,
    },
    /// Its time has not come.
    #[error("the certificate in {} is valid from {from} only: check this machine's clock", path.display())]
    NotYetValid {
        /// The certificate's file.
        path: PathBuf,
        /// The first second of its validity, RFC 3339.
        from: String,
    },
}

fn remedy(source: &io::Error, path: &Path) -> raftchat_files::Trouble {
    raftchat_files::Trouble::of(source, path).unwrap_or(raftchat_files::Trouble::Other)
}

/// A file that is to be made.
pub(crate) struct NewFile {
    name: &'static str,
    mode: u32,
    text: String,
}

impl NewFile {
    pub(crate) const fn certificate(name: &'static str, text: String) -> Self {
        Self { name, mode: CERTIFICATE_MODE, text }
    }

    pub(crate) const fn key(name: &'static str, text: String) -> Self {
        Self { name, mode: KEY_MODE, text }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        raftchat_files::create(path, self.text.as_bytes(), self.mode)
    }
}

/// Makes `directory`, private, with its missing parents. An empty one that is there already is made private.
pub(crate) fn make_empty_private_directory(directory: &Path) -> Result<(), FileError> {
    make_private_directory(directory)?;
    let mut entries = std::fs::read_dir(directory).map_err(unreadable(directory))?;
    if entries.next().is_some() {
        return Err(FileError::AlreadyExists(directory.to_owned()));
    }
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(DIRECTORY_MODE)).map_err(unwritable(directory))
}

/// Makes `directory`, private, with its missing parents; one that is there already is left as it is.
pub(crate) fn make_private_directory(directory: &Path) -> Result<(), FileError> {
    if let Some(parent) = directory.parent() {
        std::fs::create_dir_all(parent).map_err(unwritable(parent))?;
    }
    match DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        other => other.map_err(unwritable(directory)),
    }
}

/// Writes all of `files` or, if any of them is there already, none.
pub(crate) fn write_new(directory: &Path, files: &[NewFile]) -> Result<(), FileError> {
    for file in files {
        let path = directory.join(file.name);
        if path.symlink_metadata().is_ok() {
            return Err(FileError::AlreadyExists(path));
        }
    }
    for file in files {
        let path = directory.join(file.name);
        file.write(&path).map_err(unwritable(&path))?;
    }
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(unwritable(directory))
}

/// The contents of a file; `hint` says what would make one that is missing.
pub(crate) fn read(path: &Path, hint: &'static str) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing { path: path.to_owned(), hint },
        _ => FileError::Unreadable { path: path.to_owned(), source },
    })
}

/// The permission bits of a file that others than its owner can get at; nothing for a private one.
pub(crate) fn foreign_access(path: &Path) -> Result<Option<u32>, FileError> {
    let mode = path.metadata().map_err(unreadable(path))?.permissions().mode() & 0o777;
    Ok((mode & FOREIGN_ACCESS != 0).then_some(mode))
}

/// Refuses a key that others than its owner can get at.
pub(crate) fn must_be_private(key: &Path) -> Result<(), FileError> {
    match foreign_access(key)? {
        Some(mode) => Err(FileError::KeyNotPrivate { path: key.to_owned(), mode }),
        None => Ok(()),
    }
}

pub(crate) fn damaged(path: &Path, reason: &impl ToString) -> FileError {
    FileError::Damaged { path: path.to_owned(), reason: reason.to_string() }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    move |source| FileError::Unreadable { path: path.to_owned(), source }
}

/// A file that came into being since it was looked for is told as such.
fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    move |source| match source.kind() {
        io::ErrorKind::AlreadyExists => FileError::AlreadyExists(path.to_owned()),
        _ => FileError::Unwritable { path: path.to_owned(), source },
    }
}
