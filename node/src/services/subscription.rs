//! A subscription: every change the user may see, in order, without a gap, as fast as the receiver acknowledges. It reads
//! the tables until it has caught up, and then lives on what is delivered to its inbox. An armed one holds its cursor and does
//! all that only once it is activated.

mod arming;
mod notices;
mod push;
mod window;

use std::rc::Rc;
use std::sync::Arc;

use futures::stream::{FuturesOrdered, StreamExt as _};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::{receiver, subscription};
use raftchat_schema::id::{ChangeNumber, Cursor, NodeId};
use raftchat_state::{PageLimits, ReadError, feed_page, feeds_of};
use raftchat_transport::Held;
use tokio::sync::broadcast;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::answer::Denied;
use super::context::{SUBSCRIBE_BYTES, SessionContext};
use super::link::Occupied;
use crate::audience::fanout::{Place, Taken};
use crate::audience::presence::PresenceNews;
use crate::store::StoreError;
pub(super) use arming::Arming;
use arming::StandingBy;
use notices::NoticeSender;
use window::{Acknowledgement, OwnWindow};

pub(super) use window::LinkWindow;

/// Ends its subscription by being dropped.
struct SubscriptionService {
    arming: Option<Rc<Arming>>,
    _stop: oneshot::Sender<std::convert::Infallible>,
    _occupied: Occupied,
    _places: Places,
}

/// What a subscription takes of what its link, its session and this node have.
struct Places {
    _link: Held,
    _session: Held,
    _node: Held,
}

impl Places {
    fn take(context: &SessionContext) -> Result<Self, Denied> {
        let subscriptions = &context.services.meters.subscriptions;
        let of_link = context.link.subscribe().ok_or(ErrorCode::TooMany);
        // Those of links that are lost and not given up yet are among them: later there is room.
        let of_session = context.subscribe().ok_or_else(|| Denied::later(ErrorCode::Busy));
        if of_link.is_err() || of_session.is_err() {
            subscriptions.refuse();
        }
        Ok(Self { _link: of_link?, _session: of_session?, _node: subscriptions.hold(1) })
    }
}

impl subscription::Server for SubscriptionService {
    async fn advance(
        self: Rc<Self>,
        params: subscription::AdvanceParams,
        _results: subscription::AdvanceResults,
    ) -> Result<(), capnp::Error> {
        let cursor = params.get()?.get_upto()?.get_bytes()?;
        if let Some(arming) = &self.arming {
            arming.advance(cursor);
        }
        Ok(())
    }

    async fn activate(
        self: Rc<Self>,
        params: subscription::ActivateParams,
        _results: subscription::ActivateResults,
    ) -> Result<(), capnp::Error> {
        let cursor = params.get()?.get_from()?.get_bytes()?;
        if let Some(arming) = &self.arming {
            arming.activate(cursor);
        }
        Ok(())
    }
}

/// Begins to push to `receiver` what comes after the cursor `from`; empty: everything.
pub(super) async fn subscribe(
    context: Rc<SessionContext>,
    from: &[u8],
    watching: Option<NodeId>,
    receiver: receiver::Client,
) -> Result<subscription::Client, Denied> {
    context.may_read()?;
    let places = Places::take(&context)?;
    context.owe(SUBSCRIBE_BYTES);
    let _occupied = context.link.occupy();
    let services = &context.services;
    let cursor = if from.is_empty() {
        Cursor { change: ChangeNumber(0), ..services.cursor(&services.view())? }
    } else {
        let cursor = services.own_cursor(from)?;
        services.reach(&context.link, context.device, cursor).await?;
        cursor
    };
    // Joined before the rows are looked at: what changes from here on comes to the inbox.
    let place = services.fanout.join(context.user);
    let notices = NoticeSender::new(&context, watching, receiver);
    let run = Pusher::new(context.clone(), notices, place, cursor).run();
    Ok(begin(&context, places, None, run))
}

/// Holds the cursor `from`, and pushes nothing until it is activated, by the device or because this node suspects `watching`.
pub(super) fn arm(
    context: &Rc<SessionContext>,
    from: &[u8],
    watching: Option<NodeId>,
    receiver: receiver::Client,
) -> Result<subscription::Client, Denied> {
    context.may_read()?;
    let places = Places::take(context)?;
    context.owe(SUBSCRIBE_BYTES);
    let services = &context.services;
    let cursor = if from.is_empty() {
        Cursor { change: ChangeNumber(0), ..services.cursor(&services.view())? }
    } else {
        services.own_cursor(from)?
    };
    let arming = Arming::new(cursor);
    context.link.arm(&arming);
    let notices = NoticeSender::new(context, watching, receiver);
    let run = follow_when_activated(context.clone(), arming.clone(), notices);
    Ok(begin(context, places, Some(arming), run))
}

fn begin(
    context: &SessionContext,
    places: Places,
    arming: Option<Rc<Arming>>,
    run: impl Future<Output = ()> + 'static,
) -> subscription::Client {
    let (stop, stopped) = oneshot::channel();
    let link_ended = context.link.ended();
    tokio::task::spawn_local(async move {
        tokio::select! {
            () = run => {}
            _ = stopped => {}
            // Also where nobody drops the capability: what it holds is given up with the link.
            () = link_ended => {}
        }
    });
    let occupied = context.link.occupy();
    capnp_rpc::new_client(SubscriptionService { arming, _stop: stop, _occupied: occupied, _places: places })
}

/// An armed subscription's life: it waits, and from then on is like any other.
async fn follow_when_activated(context: Rc<SessionContext>, arming: Rc<Arming>, mut notices: NoticeSender) {
    let standing_by = StandingBy::new(&context.services.standing_by);
    let mut ended = context.watch_end();
    loop {
        if notices.tell_news() {
            arming.activate_here();
        }
        tokio::select! {
            () = arming.activated() => break,
            () = notices.has_news() => {}
            _ = ended.wait_for(|ended| *ended) => return notices.tell_end(ErrorCode::SessionEnded).await,
        }
    }
    drop(standing_by);
    let place = context.services.fanout.join(context.user);
    let cursor = arming.cursor();
    Pusher::new(context, notices, place, cursor).run().await;
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
    context: Rc<SessionContext>,
    notices: NoticeSender,
    place: Place,
    cursor: Cursor,
    source: Source,
    caught_up: bool,
    unacknowledged: FuturesOrdered<Acknowledgement>,
    window: OwnWindow,
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
    fn new(context: Rc<SessionContext>, notices: NoticeSender, place: Place, cursor: Cursor) -> Self {
        let window = OwnWindow::new(context.link.clone());
        Self {
            context,
            notices,
            place,
            cursor,
            source: Source::NewTables,
            caught_up: false,
            unacknowledged: FuturesOrdered::new(),
            window,
        }
    }

    async fn run(self) {
        let span = tracing::debug_span!("feed", session = self.context.id.0, from = self.cursor.change.0);
        self.push_to_the_end().instrument(span).await;
    }

    async fn push_to_the_end(mut self) {
        let mut news = self.context.services.presence.news();
        if let Over::Told(code) = self.until_over(&mut news).await {
            self.notices.tell_end(code).await;
        }
    }

    async fn until_over(&mut self, news: &mut broadcast::Receiver<PresenceNews>) -> Over {
        let mut ended = self.context.watch_end();
        loop {
            self.notices.tell_news();
            if let Err(over) = self.push_what_fits().and_then(|()| self.tell_hints()) {
                return over;
            }
            let (link, has_room) = (self.context.link.clone(), self.window.room().is_some());
            let heard = tokio::select! {
                Some(acknowledged) = self.unacknowledged.next() => match acknowledged {
                    Ok(batch) => {
                        self.acknowledged(batch);
                        continue;
                    }
                    Err(_) => return Over::Gone,
                },
                () = self.place.filled(), if has_room => continue,
                // Others on this link may hold all the room there is.
                () = link.window.freed(), if !has_room => continue,
                () = self.notices.has_news() => continue,
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
        let (services, own) = (&self.context.services, self.context.user);
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
