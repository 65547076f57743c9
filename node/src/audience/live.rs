//! The sessions that are live on this node: told at once when they end, wherever that was decided. Knows nothing of what
//! they do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raftchat_schema::budgets::SUBSCRIPTIONS_A_SESSION_MAX;
use raftchat_schema::command::SessionUse;
use raftchat_schema::id::SessionId;
use raftchat_transport::{Held, Meter};
use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;

/// How often a node looks whether live sessions are still open.
pub(crate) const LOOK: Duration = Duration::from_secs(10);

/// All of them. One session may be live on several connections.
#[derive(Debug, Default)]
pub(crate) struct LiveSessions {
    state: Mutex<State>,
    joined: Notify,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<SessionId, Vec<Connected>>,
    /// How many subscriptions each has, over all its connections.
    subscriptions: HashMap<SessionId, Arc<Meter>>,
    /// Those that have joined and were not taken since.
    new: Vec<SessionUse>,
}

/// A session on one connection.
#[derive(Debug)]
struct Connected {
    ended: watch::Sender<bool>,
    address: String,
}

/// A live session on a connection; dropping it takes it off the list.
#[derive(Debug)]
pub(crate) struct LiveSession {
    sessions: Arc<LiveSessions>,
    id: SessionId,
    ended: watch::Receiver<bool>,
}

impl LiveSessions {
    /// The session is live, on a connection from that IP address.
    pub(crate) fn join(self: &Arc<Self>, id: SessionId, address: &str) -> LiveSession {
        let (sender, ended) = watch::channel(false);
        let mut state = self.lock();
        state.sessions.entry(id).or_default().push(Connected { ended: sender, address: address.to_owned() });
        state.new.push(SessionUse { session: id, address: address.to_owned() });
        drop(state);
        self.joined.notify_one();
        LiveSession { sessions: self.clone(), id, ended }
    }

    /// Waits until a session has joined.
    pub(crate) async fn joined(&self) {
        self.joined.notified().await;
    }

    /// Those that have joined since this was last called.
    pub(crate) fn take_new(&self) -> Vec<SessionUse> {
        std::mem::take(&mut self.lock().new)
    }

    /// All that are live, each with the address of its newest connection.
    pub(crate) fn uses(&self) -> Vec<SessionUse> {
        let state = self.lock();
        let newest = |(id, connections): (&SessionId, &Vec<Connected>)| {
            connections.last().map(|newest| SessionUse { session: *id, address: newest.address.clone() })
        };
        state.sessions.iter().filter_map(newest).collect()
    }

    /// The session is over.
    pub(crate) fn end(&self, id: SessionId) {
        let mut state = self.lock();
        state.subscriptions.remove(&id);
        let connections = state.sessions.remove(&id).unwrap_or_default();
        drop(state);
        for connected in connections {
            // Its connection may have gone.
            let _heard = connected.ended.send(true);
        }
    }

    /// Every session is over but those that `lives` knows.
    pub(crate) fn end_unless(&self, lives: impl Fn(SessionId) -> bool) {
        let here: Vec<_> = self.lock().sessions.keys().copied().collect();
        for id in here.into_iter().filter(|id| !lives(*id)) {
            self.end(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every step, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the live sessions that `lives` does not know any more, for as long as the node runs: one that grows too old while it is
/// live is not ended by any entry.
pub(crate) async fn keep_ending(sessions: Arc<LiveSessions>, every: Duration, lives: impl Fn(SessionId) -> bool) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        sessions.end_unless(&lives);
    }
}

impl LiveSession {
    /// Takes it off the list, now and not only when it is dropped.
    pub(crate) fn leave(&self) {
        let mut state = self.sessions.lock();
        if let Some(connections) = state.sessions.get_mut(&self.id) {
            connections.retain(|connected| !connected.ended.subscribe().same_channel(&self.ended));
            if connections.is_empty() {
                state.sessions.remove(&self.id);
                state.subscriptions.remove(&self.id);
            }
        }
    }

    /// A place for one more subscription; none if there are as many as one session may have on this node.
    pub(crate) fn subscribe(&self) -> Option<Held> {
        let mut state = self.sessions.lock();
        if !state.sessions.contains_key(&self.id) {
            // It has ended, and its subscriptions say so themselves.
            return Some(Arc::<Meter>::default().hold(1));
        }
        state.subscriptions.entry(self.id).or_default().try_hold(1, SUBSCRIPTIONS_A_SESSION_MAX)
    }

    /// Whether it is over.
    pub(crate) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Becomes true when it is over.
    pub(crate) fn watch(&self) -> watch::Receiver<bool> {
        self.ended.clone()
    }
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures::FutureExt as _;

    use super::*;

    fn used(session: u64, address: &str) -> SessionUse {
        SessionUse { session: SessionId(session), address: address.to_owned() }
    }

    #[test]
    fn a_session_that_ends_is_told_on_all_its_connections() {
        let sessions = Arc::new(LiveSessions::default());
        let join = |id| sessions.join(SessionId(id), "192.0.2.1");
        let (desk, phone, other) = (join(1), join(1), join(2));
        drop(phone);
        let again = join(1);
        sessions.end(SessionId(1));
        assert!(desk.has_ended() && again.has_ended() && !other.has_ended());
        sessions.end_unless(|id| id != SessionId(2));
        assert!(other.has_ended());
        drop((desk, again, other));
        assert!(sessions.lock().sessions.is_empty());
    }

    #[tokio::test]
    async fn a_session_that_grows_too_old_while_it_is_live_is_ended() {
        let (sessions, old) = (Arc::new(LiveSessions::default()), Arc::new(AtomicBool::new(false)));
        let (alices, bobs) = (sessions.join(SessionId(1), "192.0.2.1"), sessions.join(SessionId(2), "192.0.2.2"));
        let grows_old = old.clone();
        let lives = move |id| id != SessionId(1) || !grows_old.load(Ordering::Relaxed);
        let ending = tokio::spawn(keep_ending(sessions, Duration::from_millis(5), lives));
        assert!(!alices.has_ended());
        old.store(true, Ordering::Relaxed);
        let told =
            tokio::time::timeout(Duration::from_mins(1), alices.watch().wait_for(|ended| *ended).map(drop)).await;
        assert!(told.is_ok() && alices.has_ended() && !bobs.has_ended());
        ending.abort();
    }

    #[test]
    fn who_has_left_is_off_the_list_whether_dropped_or_not() {
        let sessions = Arc::new(LiveSessions::default());
        let (desk, phone) = (sessions.join(SessionId(1), "192.0.2.1"), sessions.join(SessionId(1), "192.0.2.2"));
        phone.leave();
        assert_eq!(sessions.uses(), [used(1, "192.0.2.1")]);
        desk.leave();
        assert!(sessions.lock().sessions.is_empty());
    }

    #[test]
    fn a_session_has_so_many_subscriptions_over_all_its_connections() {
        let sessions = Arc::new(LiveSessions::default());
        let join = |id| sessions.join(SessionId(id), "192.0.2.1");
        let (desk, phone, other) = (join(1), join(1), join(2));
        let mut places: Vec<_> = (0..4).flat_map(|_| [desk.subscribe(), phone.subscribe()]).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(desk.subscribe().is_none() && phone.subscribe().is_none() && other.subscribe().is_some());
        places.pop();
        assert!(desk.subscribe().is_some());
        drop((desk, phone, other));
        assert!(sessions.lock().subscriptions.is_empty());
    }

    #[test]
    fn who_joins_is_told_once_and_who_stays_whenever_asked() {
        let sessions = Arc::new(LiveSessions::default());
        let _at_home = sessions.join(SessionId(1), "192.0.2.1");
        assert_eq!(sessions.take_new(), [used(1, "192.0.2.1")]);
        let _away = sessions.join(SessionId(1), "2001:db8::7");
        assert_eq!(sessions.take_new(), [used(1, "2001:db8::7")]);
        assert_eq!((sessions.take_new(), sessions.uses()), (vec![], vec![used(1, "2001:db8::7")]));
    }
}
