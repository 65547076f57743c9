//! Watching over one link for as long as it is of use: what comes and what does not, the beats of both sides, and what the
//! network and the system say of it. Decides nothing: says whom to suspect.

use std::rc::Rc;
use std::time::Duration;

use raftchat_transport::AddressWatch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::{Care, Worker};
use crate::link::event::{LinkCause, LinkEvent, LinkEventKind};
use crate::link::node_link::{LinkRole, NodeLink, Suspicion};
use crate::link::suspicion::Alarm;
use crate::options::Attention;
use crate::rpc;

/// What has arrived while this thread did something else is read before its absence counts.
const READ_FIRST: Duration = Duration::from_millis(2);
/// Who wakes so much too late has been asleep itself, and gives the node time to be heard.
const OVERSLEPT: Duration = Duration::from_millis(20);

/// How long after a path was made anew a silence does not make it anew again, and the same in round trips.
const RENEW_PAUSE: Duration = Duration::from_secs(1);
const RENEW_RTTS: u32 = 4;

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

/// Watches over a link until it is dismissed or has ended.
pub(super) async fn watch(worker: Rc<Worker>, connected: Rc<NodeLink>) {
    let (mut roles, mut cares) = (connected.role(), worker.care.subscribe());
    let mut unreachable = connected.link.unreachable();
    let mut asked = None;
    loop {
        let (role, care) = (*roles.borrow_and_update(), *cares.borrow_and_update());
        if role == LinkRole::Closed {
            return;
        }
        let rhythm = Rhythm::of(role, care);
        if role == LinkRole::Active && asked != rhythm {
            asked = rhythm;
            tokio::task::spawn_local(ask_for_beats(Rc::clone(&worker), Rc::clone(&connected), rhythm));
        }
        tokio::select! {
            failure = connected.link.closed() => {
                worker.leave(&connected, &failure.to_string(), LinkCause::of(&failure));
                return;
            }
            Ok(()) = roles.changed() => {}
            Ok(()) = cares.changed() => {}
            Ok(()) = unreachable.changed(), if care != Care::Calls => {
                worker.suspect(&connected, Suspicion { cause: LinkCause::Icmp, since: Instant::now() });
            }
            () = keep_time(&worker, &connected, rhythm) => {}
        }
    }
}

/// Speaks and listens in that rhythm; for ever.
async fn keep_time(worker: &Rc<Worker>, connected: &Rc<NodeLink>, rhythm: Option<Rhythm>) {
    connected.acks.borrow_mut().rest();
    let Some(rhythm) = rhythm else { return std::future::pending().await };
    let mut ticks = interval(rhythm.ours);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (was_in_vain, now) = (connected.listen(), Instant::now());
        if was_in_vain {
            worker.patience.borrow_mut().was_in_vain(now);
        }
        let slack = worker.patience.borrow().slack(now);
        connected.heartbeats.borrow_mut().put_up_with(slack);
        connected.acks.borrow_mut().put_up_with(slack);
        let (heard, hears) = (connected.heartbeats.borrow_mut().look(now), connected.acks.borrow_mut().look(now));
        if let Some(alarm) = heard.alarm {
            raise(worker, connected, alarm, silence(connected));
        }
        if let Some(alarm) = hears.alarm {
            raise(worker, connected, alarm, not_being_heard(connected));
        }
        tokio::select! {
            _ = ticks.tick() => {
                if connected.has_role(LinkRole::Active) {
                    speak(connected, rhythm);
                }
            }
            () = due([heard.next, hears.next].into_iter().flatten().min()) => {}
        }
    }
}

fn speak(connected: &NodeLink, rhythm: Rhythm) {
    connected.link.send_beat();
    if rhythm == FOREGROUND {
        connected.acks.borrow_mut().speak(Instant::now(), rhythm.ours, connected.link.rtt());
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

fn silence(connected: &NodeLink) -> Suspicion {
    Suspicion { cause: LinkCause::Silence, since: connected.heartbeats.borrow().last_heard() }
}

/// Where the node is not heard either, that says more.
fn not_being_heard(connected: &NodeLink) -> Suspicion {
    let acks = connected.acks.borrow();
    if acks.is_one_sided(connected.heartbeats.borrow().last_heard()) {
        return Suspicion { cause: LinkCause::Unheard, since: acks.last_heard() };
    }
    silence(connected)
}

fn raise(worker: &Rc<Worker>, connected: &Rc<NodeLink>, alarm: Alarm, why: Suspicion) {
    if !connected.has_role(LinkRole::Active) {
        return;
    }
    match alarm {
        Alarm::Path => renew(worker, connected, why.cause),
        Alarm::Node => worker.suspect(connected, why),
    }
}

/// Makes the path anew unless that was just done: of two sockets before the present one the older is heard no more, and what
/// is on its way to that one would be missed, which is a silence too.
fn renew(worker: &Rc<Worker>, connected: &Rc<NodeLink>, cause: LinkCause) {
    let slack = worker.patience.borrow().slack(Instant::now());
    let pause = RENEW_PAUSE.max(connected.link.rtt().saturating_mul(RENEW_RTTS)).saturating_add(slack * 4);
    if connected.renewed.get().is_none_or(|before| before.elapsed() > pause) {
        rebind(worker, connected, cause);
    }
}

/// Takes another way through the network, which costs nothing.
fn rebind(worker: &Rc<Worker>, connected: &Rc<NodeLink>, cause: LinkCause) {
    connected.renewed.set(Some(Instant::now()));
    match connected.link.rebind() {
        Ok(()) => worker.tell(LinkEvent::because(LinkEventKind::PathChanged, connected.node, cause)),
        Err(error) => tracing::debug!(%error, "the link keeps its socket"),
    }
}

/// Asks the node to be heard so often, or lets it be silent.
async fn ask_for_beats(worker: Rc<Worker>, connected: Rc<NodeLink>, rhythm: Option<Rhythm>) {
    let Ok(session) = worker.session(&connected).await else { return };
    let beat = rhythm.map_or(Duration::ZERO, |rhythm| rhythm.theirs);
    if beat.is_zero() {
        connected.heartbeats.borrow_mut().promise(None);
    } else {
        connected.heartbeats.borrow_mut().ask(Instant::now(), connected.link.rtt(), beat);
    }
    match rpc::attend(&session.granted.client, beat).await {
        Ok(beat) => {
            worker.arrived(&connected);
            connected.heartbeats.borrow_mut().promise((!beat.is_zero()).then_some(beat));
        }
        Err(failure) => {
            tracing::debug!(cause = %failure.sentence(), node = %connected.node, "the node does not beat");
            connected.heartbeats.borrow_mut().promise(None);
        }
    }
}

/// Makes all paths anew whenever the system's addresses or routes change, while something is followed.
pub(super) async fn watch_addresses(worker: Rc<Worker>) {
    if worker.watching.replace(true) {
        return;
    }
    hear_of_addresses(&worker).await;
    worker.watching.set(false);
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
                Ok(()) => {
                    for connected in worker.all_links() {
                        rebind(worker, &connected, LinkCause::Addresses);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "changes of addresses are told no more");
                    return;
                }
            },
            _ = cares.wait_for(|care| *care == Care::Calls) => return,
        }
    }
}
