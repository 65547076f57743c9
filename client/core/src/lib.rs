//! The headless raftchat client: a session that follows the cluster.
//!
//! A [`Profile`] is what a device has on its disk: who the nodes are, its certificate, and the session it is logged in
//! with. A [`Client`] acts with it: it keeps a link to whichever node answers first, and while something is subscribed a
//! second one that stands by; when a node is suspected it repeats what is under way over the other and goes on with
//! subscriptions where they were.
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
//! A [`Messenger`] is what a window holds: the model of [`raftchat_model`], what this device has stored, and a client, which
//! together open without a node and lose nothing that was typed.
//!
//! The crate knows how to speak with nodes, and looks into a message only to search and to export it. It knows no window, no
//! consensus, and none of the node's insides.

mod call;
mod client;
mod cursor;
mod error;
mod export;
mod feed;
mod link;
mod messenger;
mod options;
mod profile;
mod rpc;
pub mod store;
mod until;

pub use client::Client;
pub use error::{ClientError, StartError};
pub use export::{ExportError, ExportFormat, Exported, MessageJson};
pub use feed::subscription::{Event, Subscription};
pub use feed::{Batch, Feed, FeedEvent, Hint};
pub use link::event::{LinkCause, LinkEvent, LinkEventKind};
pub use link::state::LinkState;
pub use messenger::open::OpenError;
pub use messenger::{CleanAfter, Messenger, MessengerOptions, Update, Updates};
pub use options::{Attention, ClientOptions, Following, Page, SessionInfo, Standby, Target, WhoAmI};
pub use profile::error::ProfileError;
pub use profile::session::{SessionToken, StoredSession};
pub use profile::{ClientConfig, NodeEntry, Profile};
pub use rpc::{Applied, Sent};
