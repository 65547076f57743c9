//! Watching over one link for as long as it is of use: what comes and what does not, the beats of both sides, and what the
//! network and the system say of it. Decides nothing: tells what it has seen.

use std::rc::Rc;
use std::time::Duration;

use raftchat_transport::AddressWatch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::Worker;
use crate::link::engine::{Care, Event, LinkRole};
use crate::link::event::LinkCause;
use crate::link::node_link::NodeLink;
use crate::options::Attention;
use crate::rpc;

/// What has arrived while this thread did something else is read before its absence counts.
const READ_FIRST: Duration = Duration::from_millis(2);
/// Who wakes so much too late has been asleep itself, and gives the node time to be heard.
const OVERSLEPT: Duration = Duration::from_millis(20);

/// How often both sides of a link speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rhythm {
    /// What the node is asked for.
    theirs: Duration,
    /// How often this device says that it is there, and looks what has come.
    ours: Duration,
}

/// Somebody looks.
const FOREGROUND: Rhythm = Rhythm { theirs: Duration::from_millis(25), ours: Duration::from_millis(20) };
/// Nobody looks. This device speaks before its link would have to be kept alive, which so costs nothing more.
const BACKGROUND: Rhythm = Rhythm { theirs: Duration::from_secs(2), ours: Duration::from_millis(900) };

impl Rhythm {
    fn of(role: LinkRole, care: Care) -> Option<Self> {
        match (role, care) {
            (LinkRole::Active | LinkRole::Draining, Care::Follows(Attention::Focused)) => Some(FOREGROUND),
            (LinkRole::Active | LinkRole::Draining, Care::Follows(Attention::Away)) => Some(BACKGROUND),
            (LinkRole::Standby | LinkRole::Closed, _) | (_, Care::Calls) => None,
        }
    }
}

impl Worker {
    /// Watches over a link until it is closed or has ended.
    pub(super) fn watch(self: &Rc<Self>, link: Rc<NodeLink>) {
        tokio::task::spawn_local(watch(Rc::clone(self), link));
    }
}

async fn watch(worker: Rc<Worker>, link: Rc<NodeLink>) {
    let (mut roles, mut cares) = (link.role(), worker.care.subscribe());
    let mut unreachable = link.link.unreachable();
    let mut asked = None;
    loop {
        let (role, care) = (*roles.borrow_and_update(), *cares.borrow_and_update());
        if role == LinkRole::Closed {
            return;
        }
        let rhythm = Rhythm::of(role, care);
        if role == LinkRole::Active && asked != rhythm {
            asked = rhythm;
            tokio::task::spawn_local(ask_for_beats(Rc::clone(&worker), Rc::clone(&link), rhythm));
        }
        tokio::select! {
            failure = link.link.closed() => {
                worker.leave(&link, &failure.to_string(), LinkCause::of(&failure));
                return;
            }
            Ok(()) = roles.changed() => {}
            Ok(()) = cares.changed() => {}
            Ok(()) = unreachable.changed(), if care != Care::Calls => worker.handle(Event::Unreachable(link.id)),
            () = keep_rhythm(&worker, &link, rhythm) => {}
        }
    }
}

/// Speaks and listens in that rhythm; for ever.
async fn keep_rhythm(worker: &Rc<Worker>, link: &Rc<NodeLink>, rhythm: Option<Rhythm>) {
    worker.handle(Event::Rested(link.id));
    let Some(rhythm) = rhythm else { return std::future::pending().await };
    let mut ticks = interval(rhythm.ours);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let heard = link.link.heard();
        let (last, acknowledged) = (Instant::from_std(heard.last), Instant::from_std(heard.acknowledged));
        worker.handle(Event::Looked { link: link.id, last, acknowledged, rtt: link.link.rtt() });
        let next = worker.engine.borrow().next_look(link.id);
        tokio::select! {
            _ = ticks.tick() => {
                if link.has_role(LinkRole::Active) {
                    speak(worker, link, rhythm);
                }
            }
            () = due(next) => {}
        }
    }
}

fn speak(worker: &Rc<Worker>, link: &NodeLink, rhythm: Rhythm) {
    link.link.send_beat();
    if rhythm == FOREGROUND {
        worker.handle(Event::Spoke { link: link.id, beat: rhythm.ours, rtt: link.link.rtt() });
    }
}

/// Waits until a silence is too long, and what has arrived is read.
async fn due(due: Option<Instant>) {
    let Some(due) = due else { return std::future::pending().await };
    sleep_until(due).await;
    sleep(READ_FIRST).await;
    if due.elapsed() > OVERSLEPT {
        sleep(OVERSLEPT).await;
    }
}

/// Asks the node to be heard so often, or lets it be silent.
async fn ask_for_beats(worker: Rc<Worker>, link: Rc<NodeLink>, rhythm: Option<Rhythm>) {
    let Ok(session) = worker.session(&link).await else { return };
    let beat = rhythm.map(|rhythm| rhythm.theirs);
    worker.handle(Event::Asked { link: link.id, beat, rtt: link.link.rtt() });
    let promised = match rpc::attend(&session.granted.client, beat.unwrap_or_default()).await {
        Ok(beat) => {
            worker.arrived(&link);
            (!beat.is_zero()).then_some(beat)
        }
        Err(failure) => {
            tracing::debug!(cause = %failure.sentence(), node = %link.node, "the node does not beat");
            None
        }
    };
    worker.handle(Event::Promised { link: link.id, beat: promised });
}

impl Worker {
    /// Hears of changes of the system's addresses or routes, while something is followed.
    pub(super) fn watch_addresses(self: &Rc<Self>) {
        if self.watching.replace(true) {
            return;
        }
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            hear_of_addresses(&worker).await;
            worker.watching.set(false);
        });
    }
}

async fn hear_of_addresses(worker: &Rc<Worker>) {
    let mut cares = worker.care.subscribe();
    let mut watch = match AddressWatch::new() {
        Ok(watch) => watch,
        Err(error) => {
            tracing::debug!(%error, "changes of addresses are noticed by silence alone");
            return;
        }
    };
    loop {
        tokio::select! {
            changed = watch.changed() => match changed {
                Ok(()) => worker.handle(Event::Readdressed),
                Err(error) => {
                    tracing::debug!(%error, "changes of addresses are told no more");
                    return;
                }
            },
            _ = cares.wait_for(|care| *care == Care::Calls) => return,
        }
    }
}
