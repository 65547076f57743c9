//! A subscription: every change the user may see, in order, without a gap, as fast as the receiver acknowledges. It reads
//! the tables until it has caught up, and then lives on what is delivered to its inbox.

mod push;
mod window;

use std::rc::Rc;
use std::sync::Arc;

use futures::stream::{FuturesOrdered, StreamExt as _};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::{receiver, subscription};
use raftchat_schema::id::{ChangeNumber, Cursor};
use raftchat_schema::wire;
use raftchat_state::{PageLimits, ReadError, feed_page, feeds_of};
use tokio::sync::broadcast;
use tokio::sync::oneshot;

use super::acting::Acting;
use super::answer::Denied;
use crate::fanout::{Place, Taken};
use crate::presence::PresenceNews;
use crate::store::StoreError;
use window::{Acknowledgement, Window};

/// Ends its subscription by being dropped.
struct SubscriptionService {
    _stop: oneshot::Sender<std::convert::Infallible>,
}

impl subscription::Server for SubscriptionService {}

/// Begins to push to `receiver` what comes after the cursor `from`; empty: everything.
pub(super) async fn subscribe(
    acting: Rc<Acting>,
    from: &[u8],
    receiver: receiver::Client,
) -> Result<subscription::Client, Denied> {
    acting.may_read()?;
    let services = &acting.services;
    let cursor = if from.is_empty() {
        Cursor { change: ChangeNumber(0), ..services.cursor(&services.view())? }
    } else {
        let cursor = services.own_cursor(from)?;
        services.reach(cursor).await?;
        cursor
    };
    // Joined before the rows are looked at: what changes from here on comes to the inbox.
    let place = services.fanout.join(acting.user);
    let news = services.presence.news();
    let (stop, stopped) = oneshot::channel();
    let pusher = Pusher {
        acting,
        receiver,
        place,
        cursor,
        source: Source::NewTables,
        caught_up: false,
        unacknowledged: FuturesOrdered::new(),
        window: Window::default(),
    };
    tokio::task::spawn_local(async move {
        tokio::select! {
            () = pusher.run(news) => {}
            _ = stopped => {}
        }
    });
    Ok(capnp_rpc::new_client(SubscriptionService { _stop: stop }))
}

/// Where the next changes come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The tables, of which it is not yet known which feeds are the user's.
    NewTables,
    Tables,
    Inbox,
}

struct Pusher {
    acting: Rc<Acting>,
    receiver: receiver::Client,
    place: Place,
    cursor: Cursor,
    source: Source,
    caught_up: bool,
    unacknowledged: FuturesOrdered<Acknowledgement>,
    window: Window,
}

/// Why pushing is over.
enum Over {
    /// The receiver is gone, or this node cannot read what is for it.
    Gone,
    /// The session is.
    Told(ErrorCode),
}

impl From<ReadError<StoreError>> for Over {
    fn from(error: ReadError<StoreError>) -> Self {
        tracing::error!(%error, "the state cannot be read");
        Self::Gone
    }
}

impl Pusher {
    async fn run(mut self, mut news: broadcast::Receiver<PresenceNews>) {
        if let Over::Told(code) = self.until_over(&mut news).await {
            let mut call = self.receiver.ended_request();
            wire::write_refusal(call.get().init_refusal(), &code.into());
            // Whether it is heard or not, this is the end.
            let _heard = call.send().promise.await;
        }
    }

    async fn until_over(&mut self, news: &mut broadcast::Receiver<PresenceNews>) -> Over {
        let mut ended = self.acting.live.watch();
        loop {
            if let Err(over) = self.push_what_fits().and_then(|()| self.tell_hints()) {
                return over;
            }
            let heard = tokio::select! {
                Some(acknowledged) = self.unacknowledged.next() => match acknowledged {
                    Ok(batch) => {
                        self.acknowledged(batch);
                        continue;
                    }
                    Err(_) => return Over::Gone,
                },
                () = self.place.filled(), if self.window.room().is_some() => continue,
                heard = news.recv() => heard,
                _ = ended.wait_for(|ended| *ended) => return Over::Told(ErrorCode::SessionEnded),
            };
            let told = match heard {
                Ok(news) => self.tell_presence(news),
                // A hint that was missed is a hint; the list of users says who is online.
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
                Err(broadcast::error::RecvError::Closed) => Err(Over::Gone),
            };
            if let Err(over) = told {
                return over;
            }
        }
    }

    fn tell_hints(&self) -> Result<(), Over> {
        self.place.take_hints().into_iter().try_for_each(|news| self.tell_typing(news))
    }

    fn push_what_fits(&mut self) -> Result<(), Over> {
        while let Some(room) = self.window.room() {
            let source = self.source;
            let changes = match source {
                Source::NewTables | Source::Tables => self.read_tables(room)?,
                Source::Inbox => self.place.take(self.cursor.change, room.changes, room.bytes),
            };
            match changes {
                Taken::Overflowed => {
                    self.place.restart();
                    self.source = Source::NewTables;
                }
                Taken::Changes(changes) if !changes.is_empty() => self.push(&changes)?,
                Taken::Changes(_) if source != Source::Inbox => {}
                Taken::Changes(_) if !self.caught_up => {
                    self.caught_up = true;
                    self.push(&[])?;
                }
                Taken::Changes(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// The next page of the tables. The last one leads over to the inbox, which has been filled since before it was read.
    fn read_tables(&mut self, room: PageLimits) -> Result<Taken, Over> {
        let (services, own) = (&self.acting.services, self.acting.user);
        if self.source == Source::NewTables {
            self.place.follow(|| feeds_of(&services.view(), own))?;
            self.source = Source::Tables;
        }
        // A view that is taken after the feeds are known: what it lacks comes to the inbox.
        let page = feed_page(&services.view(), own, self.cursor.change, room)?;
        if page.complete {
            self.source = Source::Inbox;
        }
        self.cursor.change = self.cursor.change.max(page.upto);
        Ok(Taken::Changes(page.changes.into_iter().map(Arc::new).collect()))
    }
}
