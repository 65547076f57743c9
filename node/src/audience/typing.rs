//! Who is writing: a hint, passed on at once to who listens here and to the other nodes, kept nowhere and never in the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use raftchat_schema::id::{ConversationId, NodeId, UserId};
use raftchat_schema::limits::TYPING_MS;

use crate::audience::fanout::Fanout;
use crate::audience::typing_news::TypingNews;
use crate::peers::links::PeerLinks;
use crate::peers::members::Members;

/// How long a peer may take to hear of it: later it is of no use.
const TELL_LIMIT: Duration = Duration::from_millis(500);
/// A user who goes on writing is passed on this often.
const ACTIVE_INTERVAL: Duration = Duration::from_secs(1);
/// What was said longer ago is over for everybody who heard it.
const FORGOTTEN_AFTER: Duration = Duration::from_millis(TYPING_MS);
/// In how many conversations a user may write at once; nobody does.
const CONVERSATIONS_MAX: usize = 64;

/// Of more users than this those are forgotten who do not write any more.
const USERS_MAX: usize = 1024;

/// Passes it on.
#[derive(Debug)]
pub(crate) struct Typing {
    own: NodeId,
    fanout: Arc<Fanout>,
    links: Arc<PeerLinks>,
    members: Arc<Members>,
    throttles: Mutex<HashMap<UserId, Throttle>>,
}

impl Typing {
    pub(crate) fn new(own: NodeId, fanout: Arc<Fanout>, links: Arc<PeerLinks>, members: Arc<Members>) -> Self {
        Self { own, fanout, links, members, throttles: Mutex::default() }
    }

    /// Whether that is to be passed on: as often as it is of use to others, over all connections of the user's here.
    pub(crate) fn lets(&self, news: TypingNews, now: Instant) -> bool {
        // What is remembered is whole after every step, whoever panicked meanwhile.
        let mut throttles = self.throttles.lock().unwrap_or_else(PoisonError::into_inner);
        if throttles.len() >= USERS_MAX {
            throttles.retain(|_, throttle| !throttle.is_idle(now));
        }
        throttles.entry(news.user).or_default().lets(news.conversation, news.active, now)
    }

    /// Somebody on this node: for here and for all others.
    pub(crate) fn tell(&self, news: TypingNews) {
        self.heard(news);
        let now = self.members.now();
        let peers: Vec<_> = now.membership.members.iter().map(|(node, _)| *node).collect();
        let peers: Vec<_> = peers.into_iter().filter(|node| *node != self.own && self.links.is_up(*node)).collect();
        let links = self.links.clone();
        tokio::spawn(async move {
            // A hint: whom it does not reach does without.
            let _told = join_all(peers.into_iter().map(|node| links.tell_typing(node, news, TELL_LIMIT))).await;
        });
    }

    /// Somebody, wherever they are: for here.
    pub(crate) fn heard(&self, news: TypingNews) {
        self.fanout.hint(news);
    }
}

/// What a user has lately said of their writing, so that it cannot flood others with it.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    told: HashMap<ConversationId, Told>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    last: Instant,
    active: bool,
}

impl Throttle {
    /// Nothing was said for so long that it does not matter what.
    fn is_idle(&self, now: Instant) -> bool {
        self.told.values().all(|told| now.saturating_duration_since(told.last) >= FORGOTTEN_AFTER)
    }

    /// Whether this is to be passed on: that it goes on once a second, that it is over once. What is over here may have
    /// begun in another session of the user's.
    pub(crate) fn lets(&mut self, conversation: ConversationId, active: bool, now: Instant) -> bool {
        let recent = |told: &Told| now.saturating_duration_since(told.last) < ACTIVE_INTERVAL;
        if let Some(told) = self.told.get_mut(&conversation).filter(|_| !active) {
            return std::mem::replace(&mut told.active, false);
        }
        if self.told.get(&conversation).is_some_and(recent) {
            return false;
        }
        if self.told.len() >= CONVERSATIONS_MAX {
            self.told.retain(|_, told| recent(told));
        }
        let fits = self.told.len() < CONVERSATIONS_MAX;
        if fits {
            self.told.insert(conversation, Told { last: now, active });
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_is_passed_on_once_a_second_and_its_end_once() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let (here, there) = (ConversationId(7), ConversationId(8));
        let said = [(here, true, 0), (here, true, 999), (there, true, 999), (here, false, 999), (here, false, 999)];
        let later = [(here, true, 999), (here, true, 1000), (there, false, 9000)];
        let passed = said
            .into_iter()
            .chain(later)
            .map(|(conversation, active, ms)| throttle.lets(conversation, active, start + Duration::from_millis(ms)));
        assert_eq!(passed.collect::<Vec<_>>(), [true, false, true, true, false, false, true, true]);
    }

    #[test]
    fn what_began_in_another_session_is_over_once() {
        let (mut throttle, now, here) = (Throttle::default(), Instant::now(), ConversationId(7));
        assert!(throttle.lets(here, false, now));
        assert!(!throttle.lets(here, false, now));
        let passed = (0..1000).filter(|id| throttle.lets(ConversationId(*id), false, now)).count();
        assert!(passed < CONVERSATIONS_MAX, "{passed}");
    }

    #[test]
    fn a_session_writes_in_a_few_conversations_at_once() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let passed = (0..1000).filter(|id| throttle.lets(ConversationId(*id), true, start)).count();
        assert_eq!(passed, CONVERSATIONS_MAX);
        assert!(throttle.lets(ConversationId(1000), true, start + ACTIVE_INTERVAL));
    }
}
