//! A device of somebody's: a model with its store and window, and a network that does what the test says.

use std::collections::{BTreeMap, VecDeque};

use raftchat_model::{
    ChatId, Durability, Effect, Input, Intent, Link, Model, Notification, OutboxId, OutcomeResult, PageRange,
    PageRequest,
};
use raftchat_schema::command::{Act, Switch};
use raftchat_schema::id::{ConversationId, NodeId, Position, RequestNumber, SessionId, Stamp, UserId};
use raftchat_schema::view::Change;

use crate::world::cluster::{CODEC, Cluster, fresh_id};
use crate::world::store::Store;
use crate::world::window::Window;

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) me: UserId,
    pub(crate) session: SessionId,
    pub(crate) now: Stamp,
    pub(crate) model: Model,
    pub(crate) store: Store,
    pub(crate) window: Window,
    /// Asked for and not answered.
    pub(crate) under_way: BTreeMap<OutboxId, (RequestNumber, Act)>,
    /// In the order in which it was asked for.
    pub(crate) performed: Vec<Act>,
    loads: VecDeque<(PageRequest, ConversationId, PageRange)>,
    pub(crate) fetches: VecDeque<(PageRequest, ConversationId, PageRange)>,
    pub(crate) wanted: Vec<ConversationId>,
    pub(crate) members_wanted: Vec<ConversationId>,
    pub(crate) bootstraps: usize,
    pub(crate) people_wanted: usize,
    pub(crate) typing: Vec<Switch>,
    pub(crate) notifications: Vec<Notification>,
    pub(crate) cleared: Vec<ChatId>,
    pub(crate) wake: Option<Stamp>,
    /// How far it has followed the feed.
    pub(crate) seen: u64,
    pub(crate) ids: u64,
}

pub(crate) const ONLINE: Link = Link::Online { node: NodeId(1), rtt_ms: 3 };

impl Device {
    /// One on which there is nothing yet.
    pub(crate) fn new(me: UserId) -> Self {
        Self::start(me, Store::default(), Stamp(2_000_000), me.0 * 1_000)
    }

    fn start(me: UserId, store: Store, now: Stamp, ids: u64) -> Self {
        let (model, effects) = Model::open(CODEC, now, store.stored(me));
        let seen = store.cursor.as_ref().map_or(0, |cursor| number_of(&cursor.bytes));
        let mut device = Self {
            me,
            session: SessionId(0),
            now,
            model,
            store,
            window: Window::default(),
            under_way: BTreeMap::new(),
            performed: Vec::new(),
            loads: VecDeque::new(),
            fetches: VecDeque::new(),
            wanted: Vec::new(),
            members_wanted: Vec::new(),
            bootstraps: 0,
            people_wanted: 0,
            typing: Vec::new(),
            notifications: Vec::new(),
            cleared: Vec::new(),
            wake: None,
            seen,
            ids,
        };
        device.run(effects);
        device
    }

    /// One that follows a cluster and has all there is.
    pub(crate) fn online(me: UserId, cluster: &mut Cluster) -> Self {
        let mut device = Self::new(me);
        device.connect(cluster);
        device
    }

    /// The program ends without a warning and starts again, from what was written.
    pub(crate) fn crash(&mut self) {
        let mut again = Self::start(self.me, self.store.clone(), self.now, self.ids);
        again.performed = std::mem::take(&mut self.performed);
        again.session = self.session;
        *self = again;
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.now = Stamp(self.now.0 + 1);
        let effects = self.model.handle(self.now, input);
        self.run(effects);
    }

    pub(crate) fn want(&mut self, intent: Intent) {
        self.tell(Input::Do(intent));
    }

    fn run(&mut self, effects: Vec<Effect>) {
        let stores = effects.iter().filter(|effect| matches!(effect, Effect::Store(..))).count();
        assert!(stores <= 1, "one batch for an input");
        for (at, effect) in effects.into_iter().enumerate() {
            self.effect(at, effect);
        }
        while let Some((request, conversation, range)) = self.loads.pop_front() {
            let messages = self.store.page(conversation, range);
            let effects = self.model.handle(self.now, Input::StoredPage { request, messages });
            self.run(effects);
        }
    }

    fn effect(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Store(writes, durability) => {
                assert_eq!(at, 0, "the batch is the first");
                let puts = writes.iter().any(|write| matches!(write, raftchat_model::Write::PutOutbox(_)));
                assert!(!puts || durability == Durability::Synced);
                for write in writes {
                    self.store.apply(write);
                }
            }
            Effect::Perform { id, number, act } => {
                let stored = self.store.outbox.get(&id).unwrap();
                assert_eq!((stored.number, &stored.act), (number, &act), "it is on the disk before");
                assert!(self.under_way.insert(id, (number, act.clone())).is_none(), "not twice at once");
                self.performed.push(act);
            }
            Effect::LoadStored { request, conversation, range } => {
                self.loads.push_back((request, conversation, range));
            }
            Effect::FetchHistory { request, conversation, range } => {
                self.fetches.push_back((request, conversation, range));
            }
            Effect::FetchConversation(conversation) => self.wanted.push(conversation),
            Effect::FetchMembers(conversation) => self.members_wanted.push(conversation),
            Effect::FetchPeople => self.people_wanted += 1,
            Effect::Bootstrap => self.bootstraps += 1,
            Effect::SendTyping { switch, .. } => self.typing.push(switch),
            Effect::Notify(notification) => self.notifications.push(notification),
            Effect::ClearNotification(chat) => self.cleared.push(chat),
            Effect::Show(shown) => self.window.show(shown),
            Effect::WakeAt(due) => self.wake = Some(due),
        }
    }

    /// A link, all that was missed, and everything that was asked for.
    pub(crate) fn connect(&mut self, cluster: &mut Cluster) {
        if self.session == SessionId(0) {
            self.session = cluster.new_session(self.me);
        }
        self.tell(Input::Link(ONLINE));
        self.settle(cluster);
    }

    pub(crate) fn disconnect(&mut self) {
        self.tell(Input::Link(Link::Offline));
        for (id, _) in std::mem::take(&mut self.under_way) {
            self.tell(Input::Outcome { id, result: OutcomeResult::Unknown });
        }
        while let Some((request, ..)) = self.fetches.pop_front() {
            self.tell(Input::FetchFailed { request });
        }
        self.wanted.clear();
        self.members_wanted.clear();
    }

    /// Answers everything that is asked for and follows the feed to its end.
    pub(crate) fn settle(&mut self, cluster: &mut Cluster) {
        loop {
            let before = (self.performed.len(), self.seen);
            self.answer_reads(cluster);
            self.perform_all(cluster);
            self.follow(cluster);
            self.answer_reads(cluster);
            if (self.performed.len(), self.seen) == before && self.under_way.is_empty() {
                break;
            }
        }
        self.tell(Input::CaughtUp { cursor: cursor(self.seen) });
        self.answer_reads(cluster);
    }

    /// Answers the oldest act that is under way.
    pub(crate) fn perform_one(&mut self, cluster: &mut Cluster) -> bool {
        let Some((id, (number, act))) = self.under_way.pop_first() else { return false };
        let result = match cluster.perform(self.session, number, act) {
            Ok(done) => OutcomeResult::Done(done),
            Err(refusal) => OutcomeResult::Refused(refusal),
        };
        self.tell(Input::Outcome { id, result });
        true
    }

    pub(crate) fn perform_all(&mut self, cluster: &mut Cluster) {
        while self.perform_one(cluster) {}
    }

    /// The nodes do the oldest act that is under way, and the answer is lost.
    pub(crate) fn perform_unheard(&mut self, cluster: &mut Cluster) {
        if let Some((_, (number, act))) = self.under_way.first_key_value() {
            let _ = cluster.perform(self.session, *number, act.clone());
        }
    }

    /// Takes in what the feed has.
    pub(crate) fn follow(&mut self, cluster: &Cluster) {
        let changes = cluster.feed(self.me, self.seen);
        self.page(cluster, changes, cluster.change());
    }

    /// Takes in a page of the feed, whatever was taken in before.
    pub(crate) fn page(&mut self, cluster: &Cluster, changes: Vec<Change>, upto: u64) {
        let mut counts: Vec<ConversationId> = changes.iter().filter_map(|change| change.row.conversation()).collect();
        counts.sort_unstable();
        counts.dedup();
        let counts = counts
            .into_iter()
            .filter(|id| cluster.is_member(*id, self.me))
            .map(|id| (id, cluster.counts(id, self.me)))
            .collect();
        self.seen = self.seen.max(upto);
        self.tell(Input::Changes { changes, counts, cursor: cursor(self.seen) });
    }

    pub(crate) fn answer_reads(&mut self, cluster: &Cluster) {
        if std::mem::take(&mut self.bootstraps) > 0 {
            self.bootstrap(cluster);
        }
        if std::mem::take(&mut self.people_wanted) > 0 {
            self.tell(Input::People(cluster.users(self.me)));
        }
        while let Some((request, conversation, range)) = self.fetches.pop_front() {
            let messages = cluster.history(conversation, self.me, range.first, range.last);
            self.tell(Input::FetchedPage { request, messages });
        }
        for conversation in std::mem::take(&mut self.wanted) {
            if cluster.is_member(conversation, self.me) {
                self.tell(Input::Roster(vec![cluster.view(conversation, self.me)]));
                self.tell(Input::Members { conversation, members: cluster.members(conversation, self.me) });
            }
        }
    }

    fn bootstrap(&mut self, cluster: &Cluster) {
        const NEWEST: u64 = 3;
        self.seen = cluster.change();
        self.tell(Input::People(cluster.users(self.me)));
        let conversations = cluster.of(self.me);
        self.tell(Input::Roster(conversations.iter().map(|id| cluster.view(*id, self.me)).collect()));
        self.tell(Input::Blocked(cluster.blocked_by(self.me)));
        for conversation in conversations {
            let last = cluster.last(conversation);
            let first = Position(last.0.saturating_sub(NEWEST - 1));
            let messages = cluster.history(conversation, self.me, first, last);
            self.tell(Input::Newest { conversation, messages });
        }
        self.tell(Input::Bootstrapped { cursor: cursor(self.seen) });
    }

    /// Lets time pass to the next thing that waits for it.
    pub(crate) fn wait(&mut self, ms: u64) {
        let until = Stamp(self.now.0 + ms);
        while let Some(due) = self.wake.filter(|due| *due <= until) {
            self.wake = None;
            self.now = self.now.max(due);
            let effects = self.model.handle(self.now, Input::Tick);
            self.run(effects);
        }
        self.now = until;
    }

    pub(crate) fn open(&mut self, conversation: ConversationId) {
        self.want(Intent::Open { chat: ChatId::Known(conversation) });
    }

    pub(crate) fn say(&mut self, chat: ChatId, text: &str) {
        self.ids += 1;
        let message_id = fresh_id(self.ids);
        let text = text.to_owned();
        self.want(Intent::Send { chat, message_id, text, reply_to: None, forwarded_from: None });
    }

    pub(crate) fn say_in(&mut self, conversation: ConversationId, text: &str) {
        self.say(ChatId::Known(conversation), text);
    }
}

pub(crate) fn cursor(change: u64) -> Vec<u8> {
    change.to_be_bytes().to_vec()
}

fn number_of(cursor: &[u8]) -> u64 {
    u64::from_be_bytes(cursor.try_into().unwrap())
}
