//! The model: all that the client holds in memory, and the one door to it. Knows nothing of who calls.

pub(crate) mod changes;
pub(crate) mod drafts;
pub(crate) mod intents;
pub(crate) mod notify;
pub(crate) mod open;
pub(crate) mod outcomes;
pub(crate) mod rejoin;
pub(crate) mod roster;
pub(crate) mod send;
pub(crate) mod summary;
pub(crate) mod sync;
pub(crate) mod typing;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use raftchat_schema::id::{ConversationId, Position, RequestNumber, Stamp, UserId};

use crate::interface::codec::Codec;
use crate::interface::effect::{Effect, PageRequest};
use crate::interface::input::{Input, Stored};
use crate::interface::rows::ChatId;
use crate::interface::shown::{Receipt, Shown};
use crate::outbox::Outbox;
use crate::state::chat::Chat;
use crate::state::marks;
use crate::state::people::People;
use crate::state::scene::Scene;
use crate::state::summaries::Summaries;
use crate::state::sync::SyncState;
use crate::state::timers::{Timer, Timers};
use crate::state::typing::OwnTyping;
use crate::timeline::Timeline;
use crate::turn::Turn;

/// The state of a client, and its decisions. See the crate's documentation.
#[derive(Debug)]
pub struct Model {
    pub(crate) me: UserId,
    pub(crate) codec: Codec,
    pub(crate) people: People,
    pub(crate) chats: BTreeMap<ConversationId, Chat>,
    /// The direct conversations by the other.
    pub(crate) directs: BTreeMap<UserId, ConversationId>,
    /// Drafts to people with whom there is no conversation yet.
    pub(crate) direct_drafts: BTreeMap<UserId, Vec<u8>>,
    pub(crate) outbox: Outbox,
    pub(crate) timeline: Option<Timeline>,
    pub(crate) sync: SyncState,
    pub(crate) timers: Timers,
    pub(crate) own_typing: OwnTyping,
    pub(crate) summaries: Summaries,
    pub(crate) has_focus: bool,
    /// By how much the cluster's time is ahead of the device's.
    pub(crate) ahead_ms: i64,
    last_page_request: PageRequest,
}

impl Model {
    /// A model of what is stored, and what there is to do and to draw at once: all of the list of conversations.
    pub fn open(codec: Codec, now: Stamp, stored: Stored) -> (Self, Vec<Effect>) {
        let mut model = Self {
            me: stored.me,
            codec,
            people: People::new(stored.people, stored.blocked, stored.bootstrapped),
            chats: stored.conversations.into_iter().map(|one| (one.conversation.id, Chat::stored(one))).collect(),
            directs: BTreeMap::new(),
            direct_drafts: stored.direct_drafts.into_iter().collect(),
            outbox: Outbox::new(stored.outbox, stored.last_number),
            timeline: None,
            sync: SyncState::new(stored.cursor, stored.bootstrapped),
            timers: Timers::default(),
            own_typing: OwnTyping::default(),
            summaries: Summaries::default(),
            has_focus: false,
            ahead_ms: 0,
            last_page_request: PageRequest::default(),
        };
        let mut turn = Turn::new(now, 0);
        model.show_all(&mut turn);
        let effects = model.conclude(turn);
        (model, effects)
    }

    /// Takes one thing in and says what is to be done, in this order.
    pub fn handle(&mut self, now: Stamp, input: Input) -> Vec<Effect> {
        if let Input::Told { ahead_ms, .. } = &input {
            self.ahead_ms = *ahead_ms;
        }
        let mut turn = Turn::new(now, self.ahead_ms);
        match input {
            Input::Do(intent) => self.intend(&mut turn, intent),
            Input::Changes { changes, counts, cursor } => self.take_page(&mut turn, changes, counts, cursor),
            Input::CaughtUp { cursor } => self.caught_up(&mut turn, cursor),
            Input::Presence { user, switch } => self.presence(&mut turn, user, switch),
            Input::Typing { conversation, user, switch } => self.others_typing(&mut turn, conversation, user, switch),
            Input::Link(link) => self.link_changed(&mut turn, link),
            Input::Moved { from, to, ms } => turn.show(Shown::Moved { from, to, ms }),
            Input::SessionEnded(refusal) => self.session_ended(&mut turn, refusal),
            Input::Outcome { id, result } => self.outcome(&mut turn, id, result),
            Input::People(people) => self.take_people(&mut turn, people),
            Input::Roster(conversations) => self.take_roster(&mut turn, conversations),
            Input::Members { conversation, members } => self.take_members(&mut turn, conversation, members),
            Input::Blocked(people) => self.take_blocked(&mut turn, people),
            Input::Newest { conversation, messages } => self.take_newest(&mut turn, conversation, messages),
            Input::Bootstrapped { cursor } => self.bootstrapped(&mut turn, cursor),
            Input::StoredPage { request, messages } => self.stored_page(&mut turn, request, messages),
            Input::FetchedPage { request, messages } => self.fetched_page(&mut turn, request, messages),
            Input::FetchFailed { request } => self.fetch_failed(&mut turn, request),
            Input::Told { highest, .. } => self.told_the_time(&mut turn, highest),
            Input::Tick => self.tick(&mut turn),
        }
        self.conclude(turn)
    }

    /// The number of things that are still to be done at the nodes; what was refused waits for the person.
    pub fn waiting(&self) -> usize {
        self.outbox.waiting()
    }

    /// The receipts of a message, of each who tells.
    pub fn receipts(&self, chat: ChatId, position: Position) -> Vec<Receipt> {
        match self.scene(self.resolve(chat)).chat {
            Some(chat) => marks::receipts(chat, &self.people, self.me, position),
            None => Vec::new(),
        }
    }

    /// Does and draws what the input has led to.
    fn conclude(&mut self, mut turn: Turn) -> Vec<Effect> {
        if self.sync.is_connected() {
            self.outbox.dispatch(&mut turn);
        }
        self.draw_timeline(&mut turn);
        self.draw_summaries(&mut turn);
        self.sync.show(&mut turn);
        if let Some(due) = self.timers.announce() {
            turn.effect(Effect::WakeAt(due));
        }
        turn.into_effects()
    }

    fn tick(&mut self, turn: &mut Turn) {
        for timer in self.timers.take_due(turn.now) {
            match timer {
                Timer::SaveDraft(chat) => self.save_draft(turn, chat),
                Timer::TypingOver(conversation, user) => self.typing_over(turn, conversation, user),
                Timer::Unmute(conversation) => {
                    turn.touch(ChatId::Known(conversation));
                }
                Timer::Trim => self.trim_timeline(turn),
                Timer::Members => self.fetch_open_members(turn),
                // The outbox is looked at after each input.
                Timer::Retry(_) => {}
            }
        }
    }

    /// What is silent until some time may be so for longer, or no more.
    fn told_the_time(&mut self, turn: &mut Turn, highest: RequestNumber) {
        self.outbox.told(highest);
        let muted = self.chats.iter().filter(|(_, chat)| chat.place.view.muted_until > Stamp(0));
        for (id, _) in muted {
            turn.touch(ChatId::Known(*id));
        }
    }

    fn draw_timeline(&mut self, turn: &mut Turn) {
        let Some(mut timeline) = self.timeline.take() else { return };
        let id = timeline.chat;
        if let Some(touched) = turn.touched(id) {
            let scene = self.scene(id);
            let changes = timeline.draw(&scene, touched);
            let draft = touched.draft;
            let members = touched.members;
            if !changes.is_empty() {
                turn.show(Shown::Timeline { chat: id, changes });
            }
            if let Some(messages) = timeline.new_pins(&scene) {
                turn.show(Shown::Pinned { chat: id, messages });
            }
            if let Some(state) = timeline.new_state(&scene) {
                turn.show(Shown::TimelineState(state));
            }
            if let Some(shown) = self.new_draft(&scene, &mut timeline).filter(|_| draft) {
                turn.show(shown);
            }
            if members {
                turn.show(self.shown_members(id));
            }
        }
        self.timeline = Some(timeline);
        self.load_quotes(turn);
    }

    pub(crate) fn scene(&self, id: ChatId) -> Scene<'_> {
        let chat = match id {
            ChatId::Known(conversation) => self.chats.get(&conversation),
            ChatId::Direct(_) => None,
        };
        Scene { me: self.me, codec: self.codec, people: &self.people, outbox: &self.outbox, id, chat }
    }

    /// A direct conversation by its id, if it has one.
    pub(crate) fn resolve(&self, chat: ChatId) -> ChatId {
        match chat {
            ChatId::Direct(user) => self.directs.get(&user).map_or(chat, |conversation| ChatId::Known(*conversation)),
            ChatId::Known(_) => chat,
        }
    }

    /// The open timeline, if it is of that conversation.
    pub(crate) fn timeline_of(&mut self, conversation: ConversationId) -> Option<&mut Timeline> {
        self.timeline.as_mut().filter(|timeline| timeline.chat == ChatId::Known(conversation))
    }

    pub(crate) fn is_open(&self, chat: ChatId) -> bool {
        self.timeline.as_ref().is_some_and(|timeline| timeline.chat == chat)
    }

    pub(crate) fn next_page_request(&mut self) -> PageRequest {
        self.last_page_request = PageRequest(self.last_page_request.0.saturating_add(1));
        self.last_page_request
    }

    /// Draws everything, as the program has just started.
    fn show_all(&mut self, turn: &mut Turn) {
        let me = self.me;
        for chat in self.chats.values() {
            if let Some(other) = chat.other(me) {
                self.directs.insert(other, chat.id());
            }
            turn.touch(ChatId::Known(chat.id()));
        }
        for person in self.people.ids().filter_map(|user| self.people.shown(user, me)) {
            turn.show(Shown::Person(Box::new(person)));
        }
        let lanes: Vec<ChatId> =
            self.outbox.chats().chain(self.direct_drafts.keys().copied().map(ChatId::Direct)).collect();
        for chat in lanes {
            match (chat, self.resolve(chat)) {
                (ChatId::Direct(user), ChatId::Known(conversation)) => self.adopt(turn, user, conversation),
                _ => {
                    turn.touch(chat);
                }
            }
        }
        self.resume_drafts(turn);
    }
}
