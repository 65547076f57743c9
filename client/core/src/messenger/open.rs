//! Opening a messenger: whose store, and the thread on which all comes together. Knows nothing of what happens there.

use std::io;
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use super::driver::Driver;
use super::{Messenger, MessengerOptions, Order, Update, Updates};
use crate::client::Client;
use crate::error::StartError;
use crate::options::Attention;
use crate::profile::Profile;
use crate::profile::session::StoredSession;
use crate::store::{Store, StoreError, StoreOpenError};

const STORES: &str = "store";

/// Why a messenger did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no store without a user: log in with a [`Client`] first.
    #[error("nobody is logged in on this device: log in first")]
    NobodyLoggedIn,
    /// A profile in memory has no directory, and none was named.
    #[error("this profile is kept in memory only: name a directory for what is stored on this device")]
    NoDirectory,
    /// The store does not open; the sentence says what to do.
    #[error(transparent)]
    Store(#[from] StoreOpenError),
    /// The store opened and cannot be read.
    #[error(transparent)]
    Unreadable(#[from] StoreError),
    /// The client does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system gives no thread or no event queue.
    #[error("the system gives no thread for the messenger: {0}")]
    System(#[from] io::Error),
}

pub(super) fn open(profile: &Profile, options: MessengerOptions) -> Result<(Messenger, Updates), OpenError> {
    let session = profile.session().ok_or(OpenError::NobodyLoggedIn)?;
    let store = Store::open(&directory(profile, &session, options.stores)?, session.user)?;
    let head = store.head()?;
    let client = Client::start(profile.clone(), options.client)?;
    // Until it is told that somebody looks.
    client.attend(Attention::Away);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (orders, ordered) = mpsc::unbounded_channel::<Order>();
    let (publish, turns) = mpsc::unbounded_channel();
    let (closing, closed) = oneshot::channel();
    let of_driver = client.clone();
    std::thread::Builder::new().name("messenger".to_owned()).spawn(move || {
        let (mut driver, first) = Driver::new(store, head.stored, of_driver, publish.clone(), options.clean_after);
        let outcome = driver.give_up(&head.damaged_outbox);
        let outcome = outcome.and_then(|()| LocalSet::new().block_on(&runtime, driver.run(first, ordered)));
        // What is under way is in the outbox, and is done after the next opening.
        let outcome = outcome.and(driver.close());
        if let Err(error) = &outcome {
            tracing::error!(%error, "the local store has failed");
            // Nobody may listen any more.
            let _ = publish.send(vec![Update::Stopped(error.to_string())]);
        }
        let _ = closing.send(outcome);
    })?;
    Ok((Messenger { client, orders, closed }, Updates { turns }))
}

fn directory(profile: &Profile, session: &StoredSession, stores: Option<PathBuf>) -> Result<PathBuf, OpenError> {
    let stores = stores.or_else(|| profile.directory().map(|directory| directory.join(STORES)));
    // Another user on the same device has another store, and finds the old one again after coming back.
    let name = format!("{}-{}", profile.config().cluster, session.user);
    stores.map(|stores| stores.join(name)).ok_or(OpenError::NoDirectory)
}
