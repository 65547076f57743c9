//! The headless raftchat client: a session that follows the cluster.
//!
//! A [`Profile`] is what a device has on its disk: who the nodes are, its certificate, and the session it is logged in
//! with. A [`Client`] acts with it: it keeps one link to whichever node answers first, repeats what was under way when
//! that node is lost, and goes on with subscriptions where they were, over another.
//!
//! ```no_run
//! # async fn story() -> Result<(), Box<dyn std::error::Error>> {
//! use raftchat_client::{Client, ClientOptions, Event, Following, Profile};
//!
//! let client = Client::start(Profile::open("devices/alice".as_ref())?, ClientOptions::default())?;
//! println!("I am {}", client.whoami().await?.user.username);
//! let mut changes = client.subscribe(Following::FromNow);
//! while let Some(event) = changes.next().await {
//!     if let Event::Change { change, .. } = event {
//!         println!("change {}", change.number);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The crate knows how to speak with nodes and never what a message says: a payload is bytes to it. It knows no window,
//! no consensus, and none of the node's insides.

mod account;
mod call;
mod client;
mod connect;
mod conversations;
mod cursor;
mod error;
mod follow;
mod order;
mod profile;
mod receiver;
mod repeat;
mod request;
mod rpc;
mod session_file;
mod status;
mod subscription;
mod worker;

pub use client::{Client, ClientOptions, SessionInfo, Target, WhoAmI};
pub use error::{ClientError, StartError};
pub use profile::{ClientConfig, NodeEntry, Profile, ProfileError};
pub use rpc::Sent;
pub use session_file::{SessionToken, StoredSession};
pub use subscription::{Event, Following, Subscription};
pub use worker::LinkState;
