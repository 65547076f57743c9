//! What the person wants becomes acts of the outbox, which show at once. Knows nothing of how acts are done.

use raftchat_schema::command::{Act, Recipient, Switch};
use raftchat_schema::emoji;
use raftchat_schema::id::{ConversationId, Position, Stamp};
use raftchat_schema::view::{MessageState, MessageView, ReactionView};

use crate::chat::effective_pins;
use crate::codec::Content;
use crate::input::Intent;
use crate::model::Model;
use crate::outbox::replaces;
use crate::rows::{ChatId, EntryState, Lane, OutboxId, lane_of};
use crate::send::Said;
use crate::shown::Shown;
use crate::text::safe;
use crate::turn::Turn;

impl Model {
    pub(crate) fn intend(&mut self, turn: &mut Turn, intent: Intent) {
        match intent {
            Intent::Open { chat } => self.open_chat(turn, chat),
            Intent::Close => self.close_chat(turn),
            Intent::LoadOlder => self.load_older(turn),
            Intent::LoadNewer => self.load_newer(turn),
            Intent::Reading { position } => self.note_reading(turn.now, position),
            Intent::JumpTo { position } => self.jump_to(turn, position),
            Intent::Attend(looks) => self.has_focus = looks.is_on(),
            Intent::Send { chat, message_id, text, reply_to, forwarded_from } => {
                self.send(turn, chat, Said { message_id, text, reply_to, forwarded_from });
            }
            Intent::Draft { chat, text, reply_to } => self.draft_written(turn, chat, text, reply_to),
            Intent::Typing { chat } => self.writing(turn, chat),
            Intent::Retry { id } => self.retry(turn, id),
            Intent::Discard { id } => self.discard(turn, id),
            Intent::Block { user, switch } => self.enter(turn, Act::Block { user, switch }),
            Intent::CreateGroup { title, members } => self.enter(turn, Act::CreateGroup { title, members }),
            Intent::SetProfile(profile) => self.enter(turn, Act::SetProfile(profile)),
            Intent::ShowReceipts { chat, position } => {
                let (chat, receipts) = (self.resolve(chat), self.receipts(chat, position));
                turn.show(Shown::Receipts { chat, position, receipts });
            }
            Intent::ShowMembers { chat } => {
                let chat = self.resolve(chat);
                turn.show(self.shown_members(chat));
            }
            in_conversation => self.intend_in_conversation(turn, in_conversation),
        }
    }

    /// What can be wanted only where there is a conversation.
    fn intend_in_conversation(&mut self, turn: &mut Turn, intent: Intent) {
        let Some(conversation) = conversation_of(&intent).and_then(|chat| self.known(chat)) else { return };
        match intent {
            Intent::Edit { position, text, .. } => self.edit(turn, conversation, position, text),
            Intent::Delete { position, .. } => self.delete(turn, conversation, position),
            Intent::React { position, emoji, switch, .. } => {
                // In the way that nodes write it: what is shown before they answer is of the same kind.
                let emoji = emoji::normal(&emoji).unwrap_or(emoji);
                let was_on = self.has_reacted(conversation, position, &emoji);
                self.switch(turn, Act::React { conversation, position, emoji, switch }, was_on);
            }
            Intent::PinMessage { position, switch, .. } => {
                let was_on = self.is_pinned(conversation, position);
                self.switch(turn, Act::PinMessage { conversation, position, switch }, was_on);
            }
            Intent::PinChat { switch, .. } => {
                let was_on = self.chats.get(&conversation).map(|chat| switch_of(chat.place.view.pinned));
                self.switch(turn, Act::PinConversation { conversation, switch }, was_on);
            }
            Intent::Mute { until, .. } => {
                let until = turn.to_cluster(until);
                self.mute(turn, conversation, until);
            }
            Intent::MarkRead { upto, .. } => self.mark_read(turn, conversation, upto),
            Intent::MarkUnread { .. } => self.enter(turn, Act::MarkUnread(conversation)),
            Intent::AddMembers { members, .. } => self.enter(turn, Act::AddMembers { conversation, members }),
            Intent::RemoveMember { user, .. } => self.enter(turn, Act::RemoveMember { conversation, user }),
            Intent::SetRole { user, role, .. } => self.enter(turn, Act::SetRole { conversation, user, role }),
            Intent::Leave { .. } => self.enter(turn, Act::Leave(conversation)),
            Intent::Rename { title, .. } => self.enter(turn, Act::Rename { conversation, title }),
            _ => {}
        }
    }

    /// The id of a conversation that is there.
    fn known(&self, chat: ChatId) -> Option<ConversationId> {
        match self.resolve(chat) {
            ChatId::Known(conversation) => self.chats.contains_key(&conversation).then_some(conversation),
            ChatId::Direct(_) => None,
        }
    }

    /// Enters an act, and notes what it makes look different.
    pub(crate) fn enter(&mut self, turn: &mut Turn, act: Act) {
        let lane = match lane_of(&act) {
            Lane::Chat(chat) => Lane::Chat(self.resolve(chat)),
            Lane::Account => Lane::Account,
        };
        self.touch_of(turn, lane, &act);
        self.outbox.enter(turn, lane, act);
    }

    /// Enters an act that puts something in place or takes it away, unless it is `was` already: then only what waits to
    /// make it otherwise goes.
    fn switch(&mut self, turn: &mut Turn, act: Act, was: Option<Switch>) {
        let lane = lane_of(&act);
        let wanted = match &act {
            Act::React { switch, .. } | Act::PinMessage { switch, .. } | Act::PinConversation { switch, .. } => {
                Some(*switch)
            }
            _ => None,
        };
        if was.is_none() || was != wanted {
            return self.enter(turn, act);
        }
        self.outbox.cancel(turn, lane, &act);
        if self.outbox.has_like(lane, &act) || self.has_settled_like(lane, &act) {
            return self.enter(turn, act);
        }
        self.touch_of(turn, lane, &act);
    }

    fn has_settled_like(&self, lane: Lane, act: &Act) -> bool {
        let Lane::Chat(ChatId::Known(conversation)) = lane else { return false };
        self.chats.get(&conversation).is_some_and(|chat| chat.settled.iter().any(|entry| replaces(act, &entry.act)))
    }

    fn has_reacted(&self, conversation: ConversationId, position: Position, emoji: &str) -> Option<Switch> {
        let message = self.message_at(conversation, position)?;
        let mine = |reaction: &ReactionView| reaction.emoji == emoji && reaction.users.contains(&self.me);
        Some(switch_of(message.reactions.iter().any(mine)))
    }

    fn is_pinned(&self, conversation: ConversationId, position: Position) -> Option<Switch> {
        let chat = self.chats.get(&conversation)?;
        Some(switch_of(effective_pins(&chat.row.pinned_messages, std::iter::empty()).contains(&position)))
    }

    /// A message, where it is in memory.
    fn message_at(&self, conversation: ConversationId, position: Position) -> Option<&MessageView> {
        let newest = self.chats.get(&conversation)?.newest.as_ref().filter(|newest| newest.position == position);
        let timeline = self.timeline.as_ref().filter(|timeline| timeline.chat == ChatId::Known(conversation));
        timeline.and_then(|timeline| timeline.message(position)).or(newest)
    }

    /// The rest of what a message says stays: what it answers and where it is from.
    fn edit(&mut self, turn: &mut Turn, conversation: ConversationId, position: Position, text: String) {
        let Some(message) = self.message_at(conversation, position) else { return };
        if message.sender != self.me || message.state == MessageState::Deleted || safe::is_blank(&text) {
            return;
        }
        let Content::Said(mut payload) = (self.codec.decode)(&message.payload) else { return };
        if payload.text == text && message.changed.0 > 0 && !self.is_being_edited(conversation, position) {
            return;
        }
        payload.text = text;
        let payload = (self.codec.encode)(&payload);
        self.enter(turn, Act::EditMessage { conversation, position, payload });
    }

    fn is_being_edited(&self, conversation: ConversationId, position: Position) -> bool {
        let edits = |act: &Act| matches!(act, Act::EditMessage { position: edited, .. } if *edited == position);
        self.scene(ChatId::Known(conversation)).acts().any(edits)
    }

    fn delete(&mut self, turn: &mut Turn, conversation: ConversationId, position: Position) {
        let own = |message: &MessageView| message.sender == self.me;
        if self.message_at(conversation, position).is_none_or(own) {
            self.enter(turn, Act::DeleteMessage { conversation, position });
        }
    }

    fn mute(&mut self, turn: &mut Turn, conversation: ConversationId, until: Stamp) {
        let act = Act::Mute { conversation, until };
        let lane = lane_of(&act);
        let is_so = self.chats.get(&conversation).is_some_and(|chat| chat.place.view.muted_until == until);
        if is_so {
            self.outbox.cancel(turn, lane, &act);
            if !self.outbox.has_like(lane, &act) && !self.has_settled_like(lane, &act) {
                return self.touch_of(turn, lane, &act);
            }
        }
        self.enter(turn, act);
    }

    /// Nothing is entered if everything up to there is read as it is.
    fn mark_read(&mut self, turn: &mut Turn, conversation: ConversationId, upto: Position) {
        let id = ChatId::Known(conversation);
        let Some(chat) = self.chats.get(&conversation) else { return };
        let place = chat.effective_place(self.outbox.of(Lane::Chat(id)).map(|entry| &entry.act));
        let position = upto.min(chat.row.last_position);
        if position <= place.read_position && !place.marked_unread {
            return;
        }
        let position = position.max(place.read_position);
        self.enter(turn, Act::MarkRead { conversation, position });
        self.settle_notification(turn, conversation);
    }

    /// A failed message is tried again in its old place.
    fn retry(&mut self, turn: &mut Turn, id: OutboxId) {
        let Some(entry) = self.outbox.get(id) else { return };
        if let EntryState::Failed(_) = entry.state {
            let (lane, act) = (entry.lane, entry.act.clone());
            self.outbox.renumber(turn, id);
            self.touch_of(turn, lane, &act);
        }
    }

    fn discard(&mut self, turn: &mut Turn, id: OutboxId) {
        if self.outbox.is_under_way(id) {
            return;
        }
        let Some(finished) = self.outbox.finish(turn, id) else { return };
        self.touch_of(turn, finished.entry.lane, &finished.entry.act);
    }
}

fn switch_of(on: bool) -> Switch {
    Switch::from_bool(on)
}

/// The recipient for what is said in a conversation.
pub(crate) fn recipient(chat: ChatId) -> Recipient {
    match chat {
        ChatId::Known(conversation) => Recipient::Conversation(conversation),
        ChatId::Direct(user) => Recipient::Direct(user),
    }
}

fn conversation_of(intent: &Intent) -> Option<ChatId> {
    match intent {
        Intent::Edit { chat, .. }
        | Intent::Delete { chat, .. }
        | Intent::React { chat, .. }
        | Intent::PinMessage { chat, .. }
        | Intent::MarkRead { chat, .. }
        | Intent::MarkUnread { chat }
        | Intent::Mute { chat, .. }
        | Intent::PinChat { chat, .. }
        | Intent::AddMembers { chat, .. }
        | Intent::RemoveMember { chat, .. }
        | Intent::SetRole { chat, .. }
        | Intent::Leave { chat }
        | Intent::Rename { chat, .. } => Some(*chat),
        _ => None,
    }
}
