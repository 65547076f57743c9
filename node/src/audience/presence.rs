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
/// Who leaves is shown as gone after so long: a device that moves, or comes and goes, is there all the time.
const GONE_AFTER: Duration = Duration::from_secs(5);
/// How far apart two news of one user are at least: each goes to everybody.
const NEWS_INTERVAL: Duration = Duration::from_secs(5);
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
    /// How many live sessions; none in it for who has left a moment ago.
    here: BTreeMap<UserId, usize>,
    /// Who has left, and when they are gone.
    leaving: BTreeMap<UserId, Instant>,
    /// What was told of whom, and when: of who is there, and of who was a moment ago.
    told: BTreeMap<UserId, Told>,
    /// Of whom something else is to be told, once it may be.
    untellable: BTreeSet<UserId>,
    elsewhere: BTreeMap<NodeId, Word>,
    /// What has changed here since the peers were last told.
    untold: BTreeSet<UserId>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    online: bool,
    at: Instant,
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
        self.arrived(user, Instant::now());
        Here { presence: self.clone(), user }
    }

    fn arrived(&self, user: UserId, now: Instant) {
        let mut is_new = false;
        self.change_of([user], now, |state| {
            let sessions = state.here.entry(user).or_insert_with(|| {
                is_new = true;
                0
            });
            *sessions = sessions.saturating_add(1);
            state.leaving.remove(&user);
            if is_new {
                state.untold.insert(user);
            }
        });
        if is_new {
            self.changed_here.notify_one();
        }
    }

    fn leave(&self, user: UserId, now: Instant) {
        let mut state = self.lock();
        let Some(sessions) = state.here.get_mut(&user) else { return };
        *sessions = sessions.saturating_sub(1);
        if *sessions == 0 {
            state.leaving.insert(user, now + GONE_AFTER);
        }
    }

    /// Those who left, and did not come back in time, are gone.
    fn see_off(&self, now: Instant) {
        let gone: Vec<UserId> =
            self.lock().leaving.iter().filter(|(_, gone)| **gone <= now).map(|(user, _)| *user).collect();
        if gone.is_empty() {
            return;
        }
        self.change_of(gone.clone(), now, |state| {
            for user in gone {
                // Who has come back meanwhile is no longer among them.
                if state.leaving.remove(&user).is_some() {
                    state.here.remove(&user);
                    state.untold.insert(user);
                }
            }
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
        // Not looked for in a list: half a million of each would hold this thread for an hour.
        let offline: BTreeSet<UserId> = offline.into_iter().collect();
        after.retain(|user| !offline.contains(user));
        let touched: Vec<_> = before.symmetric_difference(&after).copied().collect();
        self.change_of(touched, now, |state| {
            state.elsewhere.insert(from, Word { online: after, said: now, lease });
        });
    }

    /// Forgets the word of nodes that is no longer good and who has left, and tells what was not to be told before.
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
        self.change_of(touched, now, |state| state.elsewhere.retain(|node, _| !gone.contains(node)));
        self.see_off(now);
        self.tell_later(now);
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

    /// Who is online on this node, or was a moment ago.
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

    /// Makes a change and tells of those of the users who came or went by it, as often as it may be told.
    fn change_of(&self, users: impl IntoIterator<Item = UserId>, now: Instant, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        for user in users {
            self.tell(&mut state, user, now);
        }
    }

    /// Tells whether the user is there, if that is news and the last news of them are old enough; else it is told later.
    fn tell(&self, state: &mut State, user: UserId, now: Instant) {
        let online = state.is_online(user);
        let told = state.told.get(&user).copied();
        if told.is_some_and(|told| told.online) == online {
            state.untellable.remove(&user);
        } else if told.is_some_and(|told| now.saturating_duration_since(told.at) < NEWS_INTERVAL) {
            state.untellable.insert(user);
        } else {
            state.untellable.remove(&user);
            state.told.insert(user, Told { online, at: now });
            // Nobody may be listening.
            let _heard = self.news.send(PresenceNews { user, online });
        }
    }

    fn tell_later(&self, now: Instant) {
        let mut state = self.lock();
        for user in state.untellable.clone() {
            self.tell(&mut state, user, now);
        }
        state.told.retain(|_, told| told.online || now.saturating_duration_since(told.at) < NEWS_INTERVAL);
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
        self.presence.leave(self.user, Instant::now());
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
        let at = |ms: u64| now + Duration::from_millis(ms);
        let mut news = presence.news();
        presence.arrived(ALICE, now);
        presence.arrived(ALICE, now);
        presence.heard(AWAY, said(true, &[ALICE, BOB], &[]), now);
        assert_eq!(heard(&mut news), [(ALICE, true), (BOB, true)]);
        presence.leave(ALICE, now);
        presence.leave(ALICE, now);
        presence.expire(at(1900), |_| true);
        presence.heard(AWAY, said(true, &[ALICE, BOB], &[]), at(5900));
        presence.expire(at(6000), |_| true);
        assert!(presence.is_online(ALICE), "on the other node");
        presence.heard(AWAY, said(false, &[], &[ALICE]), at(6000));
        presence.heard(AWAY, said(true, &[BOB], &[]), at(6000));
        assert_eq!(heard(&mut news), [(ALICE, false)]);
    }

    #[test]
    fn who_comes_and_goes_is_there_all_the_time_and_gone_after_a_while() {
        let (presence, start) = (Presence::new(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut news = presence.news();
        for ms in (0..20_000).step_by(10) {
            presence.arrived(ALICE, at(ms));
            presence.leave(ALICE, at(ms + 9));
            presence.expire(at(ms + 9), |_| true);
        }
        assert_eq!(heard(&mut news), [(ALICE, true)]);
        let told = presence.update();
        assert_eq!((told.online, told.offline), (vec![ALICE], vec![]), "to the other nodes too it is one word");
        assert!(presence.is_online(ALICE) && presence.sessions_here() == 0);
        presence.expire(at(24_998), |_| true);
        assert_eq!(heard(&mut news), []);
        presence.expire(at(24_999), |_| true);
        assert_eq!(heard(&mut news), [(ALICE, false)]);
        assert_eq!(presence.update().offline, [ALICE]);
    }

    #[test]
    fn of_nobody_is_there_more_than_one_news_in_five_seconds_wherever_they_are() {
        let (presence, start) = (Presence::new(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut news = presence.news();
        for ms in (0..20_000).step_by(100) {
            presence.heard(AWAY, said(false, &[BOB], &[]), at(ms));
            presence.heard(AWAY, said(false, &[], &[BOB]), at(ms + 50));
            presence.expire(at(ms + 50), |_| true);
        }
        let count = heard(&mut news).len();
        assert!((1..=5).contains(&count), "{count} news in 20 s");
        presence.heard(AWAY, said(false, &[BOB], &[]), at(20_000));
        presence.expire(at(26_000), |_| true);
        presence.heard(AWAY, said(true, &[BOB], &[]), at(26_000));
        presence.expire(at(32_000), |_| true);
        presence.expire(at(38_000), |_| true);
        let told = presence.lock().told.len();
        assert_eq!((presence.is_online(BOB), told, presence.lock().untellable.len()), (false, 0, 0), "nothing is kept");
    }

    #[test]
    fn a_word_is_good_for_its_lease_and_for_less_without_a_link() {
        let (presence, start) = (Presence::new(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut news = presence.news();
        let is_online = || presence.is_online(BOB);
        presence.heard(AWAY, said(true, &[BOB], &[]), start);
        presence.heard(AWAY, said(false, &[], &[]), at(500));
        presence.expire(at(2400), |_| true);
        assert_eq!(heard(&mut news), [(BOB, true)]);
        assert!(is_online(), "said again, if only that nothing has changed");
        presence.expire(at(2500), |_| true);
        assert!(!is_online());
        presence.heard(AWAY, said(true, &[BOB], &[]), at(3000));
        presence.expire(at(3900), |_| false);
        assert!(is_online(), "who still speaks is there, reached or not");
        presence.expire(at(4000), |_| false);
        assert!(!is_online());
    }

    #[tokio::test]
    async fn a_node_that_falls_silent_takes_its_users_offline_within_three_seconds() {
        let presence = Presence::new();
        let mut news = presence.news();
        let expiring = tokio::spawn(presence.clone().keep_expiring(|_| true));
        let died = Instant::now();
        presence.heard(AWAY, said(true, &[BOB], &[]), died);
        while presence.is_online(BOB) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(died.elapsed() < Duration::from_secs(3), "{:?}", died.elapsed());
        let told = (news.recv().await, news.recv().await);
        let expected = [true, false].map(|online| Ok(PresenceNews { user: BOB, online }));
        assert_eq!([told.0, told.1], expected);
        expiring.abort();
    }

    #[test]
    fn peers_are_told_what_changed_and_from_time_to_time_everything() {
        let presence = Presence::new();
        let alice = presence.arrive(ALICE);
        let bob = presence.arrive(BOB);
        assert_eq!(presence.update().online, [ALICE, BOB]);
        drop(bob);
        presence.expire(Instant::now() + GONE_AFTER, |_| true);
        let update = presence.update();
        assert_eq!((update.full, update.online, update.offline), (false, vec![], vec![BOB]));
        assert_eq!(presence.update().online, []);
        assert_eq!(presence.full_update().online, [ALICE]);
        assert_eq!((presence.sessions_here(), presence.users_here()), (1, vec![ALICE]));
        drop(alice);
    }
}
