//! Who is online: who has a live session on this node, and who, by their own word, on another. Not replicated by Raft: a
//! node's word is good for a short lease, and for a shorter one without a link to it. Never knows what a session does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftchat_schema::id::{NodeId, UserId};
use raftchat_schema::peer::PresenceUpdate;
use tokio::sync::{Notify, broadcast};
use tokio::time::MissedTickBehavior;

/// How often a node says that its word is still good.
pub(crate) const SAY_INTERVAL: Duration = Duration::from_millis(500);
/// How long that is good. With what it takes to notice, a node that dies takes its users offline within three seconds.
const LEASE: Duration = Duration::from_secs(2);
/// How long, where there is no link to the node that said it: one that stops takes its links down, and that is soon known.
const LEASE_WITHOUT_LINK: Duration = Duration::from_secs(1);
/// How often it is looked whose word is no longer good.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(250);
/// News that a slow listener may miss: it is a hint.
const NEWS_KEPT: usize = 1024;

/// Somebody came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PresenceNews {
    pub(crate) user: UserId,
    pub(crate) online: bool,
}

/// Who is online, as far as this node knows.
#[derive(Debug)]
pub(crate) struct Presence {
    state: Mutex<State>,
    news: broadcast::Sender<PresenceNews>,
    changed_here: Notify,
}

#[derive(Debug, Default)]
struct State {
    here: BTreeMap<UserId, usize>,
    elsewhere: BTreeMap<NodeId, Word>,
    /// What has changed here since the peers were last told.
    untold: BTreeSet<UserId>,
}

/// What a node said.
#[derive(Debug)]
struct Word {
    online: BTreeSet<UserId>,
    said: Instant,
    lease: Duration,
}

impl Word {
    fn is_good(&self, now: Instant, lease_max: Duration) -> bool {
        now.saturating_duration_since(self.said) < self.lease.min(lease_max)
    }
}

impl State {
    fn is_online(&self, user: UserId) -> bool {
        self.here.contains_key(&user) || self.elsewhere.values().any(|word| word.online.contains(&user))
    }
}

/// A live session; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Here {
    presence: Arc<Presence>,
    user: UserId,
}

impl Presence {
    pub(crate) fn new() -> Arc<Self> {
        let (news, _) = broadcast::channel(NEWS_KEPT);
        Arc::new(Self { state: Mutex::default(), news, changed_here: Notify::new() })
    }

    /// The user has one more live session on this node.
    pub(crate) fn arrive(self: &Arc<Self>, user: UserId) -> Here {
        self.change_of([user], |state| {
            let sessions = state.here.entry(user).or_default();
            *sessions = sessions.saturating_add(1);
            state.untold.insert(user);
        });
        self.changed_here.notify_one();
        Here { presence: self.clone(), user }
    }

    fn leave(&self, user: UserId) {
        self.change_of([user], |state| {
            if let Some(sessions) = state.here.get_mut(&user) {
                *sessions = sessions.saturating_sub(1);
                if *sessions == 0 {
                    state.here.remove(&user);
                }
            }
            state.untold.insert(user);
        });
        self.changed_here.notify_one();
    }

    /// A peer says who is online on it.
    pub(crate) fn heard(&self, from: NodeId, update: PresenceUpdate, now: Instant) {
        let PresenceUpdate { full, online, offline, lease_ms } = update;
        let lease = Duration::from_millis(lease_ms);
        let before = self.lock().elsewhere.get(&from).map(|word| word.online.clone()).unwrap_or_default();
        let mut after: BTreeSet<UserId> = if full { BTreeSet::new() } else { before.clone() };
        after.extend(online);
        after.retain(|user| !offline.contains(user));
        let touched: Vec<_> = before.symmetric_difference(&after).copied().collect();
        self.change_of(touched, |state| {
            state.elsewhere.insert(from, Word { online: after, said: now, lease });
        });
    }

    /// Forgets the word of nodes that is no longer good.
    pub(crate) fn expire(&self, now: Instant, is_up: impl Fn(NodeId) -> bool) {
        let mut gone = Vec::new();
        let mut touched = BTreeSet::new();
        for (node, word) in &self.lock().elsewhere {
            let lease_max = if is_up(*node) { LEASE } else { LEASE_WITHOUT_LINK };
            if !word.is_good(now, lease_max) {
                gone.push(*node);
                touched.extend(&word.online);
            }
        }
        self.change_of(touched, |state| state.elsewhere.retain(|node, _| !gone.contains(node)));
    }

    /// Forgets in time, for as long as the node runs.
    pub(crate) async fn keep_expiring(self: Arc<Self>, is_up: impl Fn(NodeId) -> bool) {
        let mut ticks = tokio::time::interval(EXPIRY_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.expire(Instant::now(), &is_up);
        }
    }

    /// Whether somebody is online anywhere.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.lock().is_online(user)
    }

    /// Who is online on this node.
    pub(crate) fn users_here(&self) -> Vec<UserId> {
        self.lock().here.keys().copied().collect()
    }

    /// How many live sessions this node has.
    pub(crate) fn sessions_here(&self) -> usize {
        self.lock().here.values().sum()
    }

    /// All who are online here, for the peers; what has changed counts as told.
    pub(crate) fn full_update(&self) -> PresenceUpdate {
        let mut state = self.lock();
        state.untold.clear();
        let online = state.here.keys().copied().collect();
        PresenceUpdate { full: true, online, offline: Vec::new(), lease_ms: lease_ms() }
    }

    /// What has changed here since the peers were last told.
    pub(crate) fn update(&self) -> PresenceUpdate {
        let mut state = self.lock();
        let untold = std::mem::take(&mut state.untold);
        let (online, offline) = untold.into_iter().partition(|user| state.here.contains_key(user));
        PresenceUpdate { full: false, online, offline, lease_ms: lease_ms() }
    }

    /// Waits until something has changed here.
    pub(crate) async fn changed_here(&self) {
        self.changed_here.notified().await;
    }

    /// Who comes and goes from now on.
    pub(crate) fn news(&self) -> broadcast::Receiver<PresenceNews> {
        self.news.subscribe()
    }

    /// Makes a change and tells of those of the users who came or went by it.
    fn change_of(&self, users: impl IntoIterator<Item = UserId>, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        let before: Vec<_> = users.into_iter().map(|user| (user, state.is_online(user))).collect();
        change(&mut state);
        for (user, was_online) in before {
            let online = state.is_online(user);
            if online != was_online {
                // Nobody may be listening.
                let _heard = self.news.send(PresenceNews { user, online });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every step, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lease_ms() -> u64 {
    u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX)
}

impl Drop for Here {
    fn drop(&mut self) {
        self.presence.leave(self.user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: UserId = UserId(1001);
    const BOB: UserId = UserId(2001);
    const AWAY: NodeId = NodeId(2);

    fn said(full: bool, online: &[UserId], offline: &[UserId]) -> PresenceUpdate {
        PresenceUpdate { full, online: online.to_vec(), offline: offline.to_vec(), lease_ms: 60_000 }
    }

    fn heard(news: &mut broadcast::Receiver<PresenceNews>) -> Vec<(UserId, bool)> {
        std::iter::from_fn(|| news.try_recv().ok()).map(|news| (news.user, news.online)).collect()
    }

    #[test]
    fn somebody_is_online_while_any_session_anywhere_lives() {
        let (presence, now) = (Presence::new(), Instant::now());
        let mut news = presence.news();
        let (phone, desk) = (presence.arrive(ALICE), presence.arrive(ALICE));
        presence.heard(AWAY, said(true, &[ALICE, BOB], &[]), now);
        assert_eq!(heard(&mut news), [(ALICE, true), (BOB, true)]);
        drop(phone);
        drop(desk);
        assert!(presence.is_online(ALICE), "on the other node");
        presence.heard(AWAY, said(false, &[], &[ALICE]), now);
        presence.heard(AWAY, said(true, &[BOB], &[]), now);
        assert_eq!(heard(&mut news), [(ALICE, false)]);
    }

    #[test]
    fn a_word_is_good_for_its_lease_and_for_less_without_a_link() {
        let (presence, start) = (Presence::new(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut news = presence.news();
        presence.heard(AWAY, said(true, &[BOB], &[]), start);
        presence.heard(AWAY, said(false, &[], &[]), at(500));
        presence.expire(at(2400), |_| true);
        assert_eq!(heard(&mut news), [(BOB, true)], "said again, if only that nothing has changed");
        presence.expire(at(2500), |_| true);
        assert_eq!(heard(&mut news), [(BOB, false)]);
        presence.heard(AWAY, said(true, &[BOB], &[]), at(3000));
        presence.expire(at(3900), |_| false);
        assert_eq!(heard(&mut news), [(BOB, true)], "who still speaks is there, reached or not");
        presence.expire(at(4000), |_| false);
        assert_eq!(heard(&mut news), [(BOB, false)]);
    }

    #[tokio::test]
    async fn a_node_that_falls_silent_takes_its_users_offline_within_three_seconds() {
        let presence = Presence::new();
        let mut news = presence.news();
        let expiring = tokio::spawn(presence.clone().keep_expiring(|_| true));
        let died = Instant::now();
        presence.heard(AWAY, said(true, &[BOB], &[]), died);
        let (came, went) = (news.recv().await, news.recv().await);
        assert_eq!(
            (came, went),
            (Ok(PresenceNews { user: BOB, online: true }), Ok(PresenceNews { user: BOB, online: false }))
        );
        assert!(died.elapsed() < Duration::from_secs(3), "{:?}", died.elapsed());
        expiring.abort();
    }

    #[test]
    fn peers_are_told_what_changed_and_from_time_to_time_everything() {
        let presence = Presence::new();
        let alice = presence.arrive(ALICE);
        let bob = presence.arrive(BOB);
        drop(bob);
        let update = presence.update();
        assert_eq!((update.full, update.online, update.offline), (false, vec![ALICE], vec![BOB]));
        assert_eq!(presence.update().online, []);
        assert_eq!(presence.full_update().online, [ALICE]);
        assert_eq!((presence.sessions_here(), presence.users_here()), (1, vec![ALICE]));
        drop(alice);
    }
}
