//! What can be wrong with a profile directory. Knows nothing of how one is read.

use std::io;
use std::path::PathBuf;

use raftchat_certs::FileError;
use raftchat_config::ConfigError;

/// Exit status: wrong configuration.
const CONFIGURATION: u8 = 2;
/// Exit status: a local file is missing, unreadable or damaged.
const FILE: u8 = 4;

/// Why a profile cannot be used, always by its file.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// `client.toml` cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A value in `client.toml` cannot be.
    #[error("{}: {reason}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// `certs/` cannot be used.
    #[error(transparent)]
    Certs(#[from] FileError),
    /// The certificate is somebody else's than a device's.
    #[error("{}: {reason}", path.display())]
    NotADevice {
        /// The directory of certificates.
        path: PathBuf,
        /// Whose it is.
        reason: String,
    },
    /// The stored session cannot be used.
    #[error("{} is damaged ({reason}): remove it and log in again", path.display())]
    Session {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// There is a profile already.
    #[error("{} is already there and is not overwritten: move it away or name another directory", .0.display())]
    AlreadyExists(PathBuf),
    /// The system does not give a file.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system does not take a file.
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ProfileError {
    /// The name that scripts see, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config(ConfigError::Missing { .. }) | Self::Certs(FileError::Missing { .. }) => "file-missing",
            Self::Config(ConfigError::Unreadable { .. })
            | Self::Certs(FileError::Unreadable { .. })
            | Self::Unreadable { .. } => "file-unreadable",
            Self::Config(ConfigError::UnknownKey { .. } | ConfigError::Malformed { .. }) | Self::Value { .. } => {
                "wrong-configuration"
            }
            Self::AlreadyExists(_) | Self::Certs(FileError::AlreadyExists(_)) => "already-exists",
            Self::Unwritable { .. } | Self::Certs(FileError::Unwritable { .. }) => "not-writable",
            Self::Certs(_) | Self::NotADevice { .. } | Self::Session { .. } => "file-damaged",
        }
    }

    /// The exit status of a program that ends because of this.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Config(ConfigError::UnknownKey { .. } | ConfigError::Malformed { .. })
            | Self::Value { .. }
            | Self::AlreadyExists(_)
            | Self::Certs(FileError::AlreadyExists(_)) => CONFIGURATION,
            _ => FILE,
        }
    }
}
