//! A subscription: every change the user may see, in order, without a gap, as fast as the receiver acknowledges. It reads
//! the tables until it has caught up, and then lives on what is delivered to its inbox.

use std::rc::Rc;
use std::sync::Arc;

use futures::stream::{FuturesOrdered, StreamExt as _};
use futures::{Future, FutureExt as _, future::LocalBoxFuture};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::{receiver, subscription};
use raftchat_schema::id::{ChangeNumber, Cursor};
use raftchat_schema::limits::{PUSH_WINDOW_BYTES, PUSH_WINDOW_CHANGES};
use raftchat_schema::view::{Change, ChangedRow};
use raftchat_schema::wire;
use raftchat_state::{PageLimits, feed_page, feeds_of, user};
use tokio::sync::broadcast;
use tokio::sync::oneshot;

use super::answer::Denied;
use super::session::Acting;
use crate::fanout::{Place, Taken};
use crate::presence::PresenceNews;

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
    acting.must_live()?;
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
        source: Source::Tables,
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
    Tables,
    Inbox,
}

/// What is on its way to the receiver.
#[derive(Clone, Copy, Default)]
struct Window {
    changes: usize,
    bytes: usize,
}

impl Window {
    fn room(self) -> Option<PageLimits> {
        let changes = PUSH_WINDOW_CHANGES.saturating_sub(self.changes);
        let bytes = PUSH_WINDOW_BYTES.saturating_sub(self.bytes);
        (changes > 0 && bytes > 0).then_some(PageLimits { changes, bytes })
    }

    fn add(&mut self, page: Window) {
        self.changes = self.changes.saturating_add(page.changes);
        self.bytes = self.bytes.saturating_add(page.bytes);
    }

    fn take(&mut self, page: Window) {
        self.changes = self.changes.saturating_sub(page.changes);
        self.bytes = self.bytes.saturating_sub(page.bytes);
    }
}

struct Pusher {
    acting: Rc<Acting>,
    receiver: receiver::Client,
    place: Place,
    cursor: Cursor,
    source: Source,
    caught_up: bool,
    unacknowledged: FuturesOrdered<LocalBoxFuture<'static, Result<Window, capnp::Error>>>,
    window: Window,
}

/// Why pushing is over.
enum Over {
    /// The receiver is gone.
    Gone,
    /// The session is, or its state cannot be read.
    Told(ErrorCode),
}

impl Pusher {
    async fn run(mut self, mut news: broadcast::Receiver<PresenceNews>) {
        let mut ended = self.acting.live.watch();
        let over = loop {
            if let Err(over) = self.push_what_fits() {
                break over;
            }
            tokio::select! {
                Some(acknowledged) = self.unacknowledged.next() => match acknowledged {
                    Ok(page) => self.window.take(page),
                    Err(_) => break Over::Gone,
                },
                () = self.place.filled(), if self.window.room().is_some() => {}
                heard = news.recv() => match heard {
                    Ok(news) => self.tell_presence(news),
                    // A hint that was missed is a hint; the list of users says who is online.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => break Over::Gone,
                },
                _ = ended.wait_for(|ended| *ended) => break Over::Told(ErrorCode::SessionEnded),
            }
        };
        if let Over::Told(code) = over {
            let mut call = self.receiver.ended_request();
            wire::write_refusal(call.get().init_refusal(), &code.into());
            // Whether it is heard or not, this is the end.
            let _heard = call.send().promise.await;
        }
    }

    fn push_what_fits(&mut self) -> Result<(), Over> {
        while let Some(room) = self.window.room() {
            let source = self.source;
            let changes = match source {
                Source::Tables => self.read_tables(room)?,
                Source::Inbox => self.place.take(self.cursor.change, room.changes, room.bytes),
            };
            match changes {
                Taken::Overflowed => {
                    self.place.restart();
                    self.source = Source::Tables;
                }
                Taken::Changes(changes) if !changes.is_empty() => self.push(&changes),
                Taken::Changes(_) if source == Source::Tables => {}
                Taken::Changes(_) if !self.caught_up => {
                    self.caught_up = true;
                    self.push(&[]);
                }
                Taken::Changes(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// The next page of the tables. The last one leads over to the inbox, which has been filled since before it was read.
    fn read_tables(&mut self, room: PageLimits) -> Result<Taken, Over> {
        let (services, own) = (&self.acting.services, self.acting.user);
        let unreadable = |error: raftchat_state::ReadError<crate::store::StoreError>| {
            tracing::error!(%error, "the state cannot be read");
            Over::Gone
        };
        self.place.add_feeds(feeds_of(&services.view(), own).map_err(unreadable)?);
        // A view that is taken after the feeds are known: what it lacks comes to the inbox.
        let page = feed_page(&services.view(), own, self.cursor.change, room).map_err(unreadable)?;
        if page.complete {
            self.source = Source::Inbox;
        }
        self.cursor.change = self.cursor.change.max(page.upto);
        Ok(Taken::Changes(page.changes.into_iter().map(Arc::new).collect()))
    }

    fn push(&mut self, changes: &[Arc<Change>]) {
        let mut call = self.receiver.changes_request();
        let mut list = call.get().init_changes(u32::try_from(changes.len()).unwrap_or(u32::MAX));
        let mut page = Window { changes: changes.len(), bytes: 0 };
        for (at, change) in (0..).zip(changes) {
            page.bytes = page.bytes.saturating_add(change.row.weight());
            self.write(list.reborrow().get(at), change);
            self.cursor.change = self.cursor.change.max(change.number);
        }
        call.get().init_cursor().set_bytes(&self.cursor.to_bytes());
        self.window.add(page);
        self.unacknowledged.push_back(acknowledged(call.send().promise, page));
    }

    fn write(&self, builder: raftchat_schema::generated::types_capnp::change::Builder<'_>, change: &Change) {
        let services = &self.acting.services;
        match &change.row {
            // Who is online is not in the rows.
            ChangedRow::User(user) => {
                let row = ChangedRow::User(services.online(user.clone()));
                wire::write_change(builder, &Change { number: change.number, row });
            }
            _ => wire::write_change(builder, change),
        }
    }

    fn tell_presence(&self, news: PresenceNews) {
        let Ok(Some(user)) = user(&self.acting.services.view(), news.user) else { return };
        let mut call = self.receiver.presence_request();
        call.get().set_user(user.id.0);
        call.get().set_username(user.username.as_str());
        call.get().set_online(news.online);
        // A hint: whether it arrives is not looked at. That the receiver is gone shows elsewhere.
        tokio::task::spawn_local(call.send().promise.map(drop));
    }
}

fn acknowledged<T: 'static>(
    answer: impl Future<Output = Result<T, capnp::Error>> + 'static,
    page: Window,
) -> LocalBoxFuture<'static, Result<Window, capnp::Error>> {
    answer.map(move |outcome| outcome.map(|_| page)).boxed_local()
}
