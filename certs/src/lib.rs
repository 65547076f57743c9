//! The certificates of a raftchat cluster: three authorities, a leaf for each node and each device, and the files
//! that hold them.
//!
//! A root, kept offline, vouches for two authorities: one signs nodes, the other devices. An endpoint trusts exactly
//! one of the two as its anchor, never the root, so that a device's certificate ends at the client endpoint.
//!
//! ```
//! use std::time::SystemTime;
//! use raftchat_certs::{Authorities, Subject, describe};
//!
//! let authorities = Authorities::create(SystemTime::now())?;
//! let leaf = authorities.issue_device("alice-laptop", SystemTime::now())?;
//! let description = describe(leaf.certificate())?;
//! assert_eq!(description.identity()?.subject, Subject::device("alice-laptop")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate knows nothing else of raftchat: no network, no cluster state, no configuration. The time is always
//! handed in.

mod authority;
mod describe;
mod ending;
mod files;
mod finding;
mod fingerprint;
mod leaf;
mod name;
mod pem;
mod pki;
mod profile;
mod report;
mod request;
mod verify;

pub use authority::Authorities;
pub use describe::{CertificateError, Description, KeyUse, Role, describe};
pub use ending::Ending;
pub use files::FileError;
pub use finding::Finding;
pub use fingerprint::{MalformedFingerprint, SpkiFingerprint};
pub use leaf::{Anchors, Leaf, LeafFiles, SignedLeaf};
pub use name::{ClusterId, DeviceName, Identity, IdentityError, NameError, Subject};
pub use pem::{PemError, certificates_from_pem};
pub use profile::{AUTHORITY_DAYS, CLOCK_ALLOWANCE, IssueError, LEAF_DAYS, ROOT_DAYS};
pub use report::{FileReport, verify_files};
pub use request::{RequestError, RequestedKey};
pub use rustls::pki_types::{CertificateDer, PrivateKeyDer};
pub use verify::{EXPIRY_WARNING_DAYS, verify};
