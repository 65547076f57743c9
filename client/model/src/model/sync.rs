//! How the device stands to the cluster: connection, cursor and what was ever fetched. Knows nothing of what the rows say.

use alloc::vec::Vec;

use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::{ConversationId, Stamp};

use crate::interface::effect::{Effect, Write};
use crate::interface::input::Link;
use crate::interface::rows::{ChatId, Completeness};
use crate::interface::shown::Shown;
use crate::model::Model;
use crate::state::chat::Chat;
use crate::state::sync::node_of;
use crate::state::timers::Timer;
use crate::turn::Turn;

/// How long after a change it is asked again who is in the open conversation, where the feed does not tell: each of a thousand
/// who look at it would ask for a thousand.
const MEMBERS_AGAIN_MS: u64 = 10_000;

impl Model {
    pub(crate) fn link_changed(&mut self, turn: &mut Turn, link: Link) {
        let before = core::mem::replace(&mut self.sync.link, link);
        let majority_is_back = matches!((before, link), (Link::ReadOnly { .. }, Link::Online { .. }));
        if majority_is_back {
            self.sync.no_majority = false;
            self.outbox.wake_all();
        }
        if node_of(before) == node_of(link) {
            return;
        }
        self.sync.no_majority = false;
        // From node to node without a break nothing is missed: the feed goes on where it stood.
        self.sync.caught_up &= node_of(before).is_some() && node_of(link).is_some();
        match node_of(link) {
            Some(_) => self.connected(turn),
            None => self.nobody_is_known_to_be_there(turn),
        }
    }

    fn connected(&mut self, turn: &mut Turn) {
        self.outbox.wake_all();
        self.sync.asked.clear();
        self.sync.members_asked.clear();
        if !self.sync.bootstrapped {
            turn.effect(Effect::Bootstrap);
            return;
        }
        if self.sync.caught_up {
            turn.effect(Effect::FetchPeople);
        }
        let partial: Vec<ConversationId> =
            self.chats.values().filter(|chat| chat.lacks(self.me)).map(Chat::id).collect();
        for conversation in partial {
            self.fetch_conversation(turn, conversation);
        }
        self.fetch_open_members(turn);
        self.load_gap(turn);
    }

    /// Asks who is in the open conversation, where the feed does not tell.
    pub(crate) fn fetch_open_members(&mut self, turn: &mut Turn) {
        let Some(ChatId::Known(conversation)) = self.timeline.as_ref().map(|timeline| timeline.chat) else { return };
        let large = self.chats.get(&conversation).is_some_and(Chat::is_large);
        if large && self.sync.is_connected() && self.sync.members_asked.insert(conversation) {
            turn.effect(Effect::FetchMembers(conversation));
        }
    }

    /// A conversation changed in which the feed does not tell who joins and leaves: what is held of that is no longer all.
    /// Who looks at it is shown so in a moment, and not at each of many changes.
    pub(crate) fn large_one_changed(&mut self, turn: &mut Turn, conversation: ConversationId) {
        self.sync.members_asked.remove(&conversation);
        if let Some(chat) = self.chats.get_mut(&conversation)
            && chat.is_complete()
        {
            chat.row.complete = Completeness::Partial;
            turn.write(Write::Conversation(chat.row.clone()));
        }
        if self.is_open(ChatId::Known(conversation)) {
            self.timers.set_if_not_set(Timer::Members, Stamp(turn.now.0.saturating_add(MEMBERS_AGAIN_MS)));
        }
    }

    /// Asks for a conversation's state and members, once on each link.
    pub(crate) fn fetch_conversation(&mut self, turn: &mut Turn, conversation: ConversationId) {
        if self.sync.is_connected() && self.sync.asked.insert(conversation) {
            turn.effect(Effect::FetchConversation(conversation));
        }
    }

    fn nobody_is_known_to_be_there(&mut self, turn: &mut Turn) {
        for user in self.people.online() {
            self.set_online(turn, user, false);
        }
    }

    pub(crate) fn caught_up(&mut self, turn: &mut Turn, cursor: Vec<u8>) {
        let seen = self.sync.seen();
        self.sync.move_to(turn, cursor, seen);
        if !core::mem::replace(&mut self.sync.caught_up, true) {
            // Asked before, who comes between the answer and the first that is told of coming and going would stay away.
            turn.effect(Effect::FetchPeople);
        }
        self.sync.ever_caught_up = true;
        self.load_gap(turn);
    }

    /// The answer to a bootstrap is complete.
    pub(crate) fn bootstrapped(&mut self, turn: &mut Turn, cursor: Vec<u8>) {
        self.sync.bootstrapped = true;
        turn.write(Write::Bootstrapped);
        let seen = self.sync.seen();
        self.sync.move_to(turn, cursor, seen);
        self.load_gap(turn);
    }

    /// The session is over. Where the cluster was restored from a backup only what was fetched is: it begins anew.
    pub(crate) fn session_ended(&mut self, turn: &mut Turn, refusal: Refusal) {
        if refusal.code != ErrorCode::ForeignCursor {
            self.sync.link = Link::Offline;
            turn.show(Shown::SessionEnded(refusal));
            return;
        }
        turn.write_synced(Write::Forget);
        let conversations: Vec<ConversationId> = self.chats.keys().copied().collect();
        for conversation in conversations {
            self.chats.remove(&conversation);
            self.gone(turn, ChatId::Known(conversation));
        }
        self.directs.clear();
        self.sync.forget();
        if self.sync.is_connected() {
            turn.effect(Effect::Bootstrap);
        }
    }
}
