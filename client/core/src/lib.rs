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
//! A [`Messenger`] is what a window holds: the model of [`raftchat_model`], what this device has stored, and a client, which
//! together open without a node and lose nothing that was typed.
//!
//! The crate knows how to speak with nodes, and looks into a message only to search and to export it. It knows no window, no
//! consensus, and none of the node's insides.

mod account;
mod acts;
mod call;
mod client;
mod connect;
mod conversations;
mod cursor;
mod error;
mod export;
mod feed;
mod follow;
mod messenger;
mod order;
mod profile;
mod receiver;
mod repeat;
mod request;
mod rpc;
mod session_file;
mod status;
pub mod store;
mod subscription;
mod worker;

pub use client::{Client, ClientOptions, Page, SessionInfo, Target, WhoAmI};
pub use error::{ClientError, StartError};
pub use export::{ExportError, ExportFormat, Exported};
pub use feed::{Batch, Feed, FeedEvent, Following};
pub use messenger::{Messenger, MessengerOptions, OpenError, Update, Updates};
pub use profile::{ClientConfig, NodeEntry, Profile, ProfileError};
pub use rpc::{Applied, Sent};
pub use session_file::{SessionToken, StoredSession};
pub use subscription::{Event, Subscription};
pub use worker::LinkState;
