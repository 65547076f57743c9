//! Why a node does not start, and what its process ends with because of that. Never knows how it is started.

use raftchat_certs::FileError;
use raftchat_transport::{BindError, CredentialError};

use crate::peers::exposure::OpenKey;
use crate::raft::StartError;
use crate::store::StoreError;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A certificate or key is missing or cannot be used.
    #[error(transparent)]
    Certificates(#[from] FileError),
    /// The certificate is of somebody else.
    #[error(
        "the certificate in {directory} is of {found}, not of node {node} of cluster {cluster}: point `certs` at this node's own"
    )]
    OtherCertificate {
        /// Where it is.
        directory: String,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        node: u64,
        /// Of which cluster.
        cluster: String,
    },
    /// The key is no secret.
    #[error(transparent)]
    OpenKey(#[from] OpenKey),
    /// The TLS library does not take the certificates.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// What the node keeps cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Raft cannot go on from what is stored.
    #[error(transparent)]
    Raft(#[from] StartError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The system does not give what a process needs.
    #[error("the system does not give what a node needs: {0}")]
    System(String),
    /// A value of the configuration.
    #[error("the configuration: {0}")]
    Config(String),
}

impl NodeError {
    /// The process's exit status: 2 the configuration, 4 a local file, 1 anything else.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::OtherCertificate { .. } | Self::Bind(_) | Self::Config(_) => 2,
            Self::Certificates(_) | Self::OpenKey(_) | Self::Credentials(_) | Self::Store(_) => 4,
            Self::Raft(_) | Self::System(_) => 1,
        }
    }
}
