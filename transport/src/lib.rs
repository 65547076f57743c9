//! QUIC endpoints with mutual TLS, identities read from certificates, and
//! Cap'n Proto RPC over links.
//!
//! The crate owns quinn, rustls and the RPC plumbing; nothing outside it names
//! their types. It knows nothing of messages, conversations, consensus or
//! storage: callers bring the capability that a connection starts from and
//! get the other side's as a typed client.
//!
//! * A node runs a [`Server`] per [`Role`] of its callers, on [`RpcThreads`].
//! * A device, or a node calling a node, dials with a [`Dialer`] and holds a
//!   [`Link`].
//! * A node keeps links to all other nodes in a [`PeerPool`].
//! * What else the system tells, that addresses have changed, comes from an
//!   [`AddressWatch`].
//! * Whatever goes wrong with a link is a [`LinkFailure`].

mod counter;
mod damped;
mod failure;
mod limits;
mod link;
mod load;
mod lot;
mod meter;
mod pool;
mod rpc;
mod server;
mod socket;
mod tls;

pub use counter::{Counter, CounterReading};
pub use damped::Damped;
pub use failure::{AuthRefusal, CallFailure, CloseCode, LinkFailure};
pub use limits::{LinkLimits, LinkTiming, TableLimits};
pub use link::datagram::Datagram;
pub use link::dialer::{Dialer, DialerConfig};
pub use link::{Link, LinkHeard, StreamPriority};
pub use load::{LargeAnswer, LinkMeters, RpcCounters};
pub use lot::{lot, lot_share};
pub use meter::{Held, Meter, MeterReading};
pub use pool::{Lane, LinkCounters, PeerHealth, PeerPool};
pub use rpc::threads::{RpcHandle, RpcThreads, ThreadGone};
pub use server::connection::ConnectionHandle;
pub use server::secrets::NodeSecret;
pub use server::{BindError, Server, ServerConfig};
pub use socket::addresses::AddressWatch;
pub use tls::clock::{Clock, DoubtfulClock, MachineClock};
pub use tls::credentials::{CredentialError, Credentials, TrustAnchors};
pub use tls::identity::{
    Admission, AdmitAll, Expect, Identity, IdentityError, PeerCertificate, Role, Spki, device_dns_name, node_dns_name,
};
