//! What the person wants becomes acts of the outbox, which show at once. Knows nothing of how acts are done.

use alloc::string::String;

use raftchat_schema::command::{Act, ConversationAct, Recipient};
use raftchat_schema::id::{ConversationId, Position};
use raftchat_schema::text::emoji;
use raftchat_schema::view::{MessageState, MessageView};

use crate::interface::codec::Content;
use crate::interface::input::Intent;
use crate::interface::rows::{ChatId, EntryState, Lane, OutboxId};
use crate::interface::shown::Shown;
use crate::model::Model;
use crate::model::send::Said;
use crate::rules::{Object, Slot, Wish, replaces, rules};
use crate::text::safe;
use crate::timeline::bubble;
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
            Intent::Act { chat, act } => self.want_in(turn, chat, act),
            Intent::Account(act) => self.enter(turn, Act::Account(act)),
            Intent::Edit { chat, position, text } => self.edit(turn, chat, position, text),
            Intent::ShowReceipts { chat, position } => {
                let (chat, receipts) = (self.resolve(chat), self.receipts(chat, position));
                turn.show(Shown::Receipts { chat, position, receipts });
            }
            Intent::ShowMembers { chat } => {
                let chat = self.resolve(chat);
                turn.show(self.shown_members(chat));
            }
        }
    }

    /// What can be wanted only where there is a conversation.
    fn want_in(&mut self, turn: &mut Turn, chat: ChatId, act: ConversationAct) {
        let Some(conversation) = self.known(chat) else { return };
        let act = Act::In(conversation, as_nodes_write_it(turn, act));
        match rules(&act).wish {
            Wish::Entered => self.enter(turn, act),
            Wish::Toggled => self.toggle(turn, conversation, act),
            Wish::OwnMessage(position) => {
                let own = |message: &MessageView| message.sender == self.me;
                if self.message_at(conversation, position).is_none_or(own) {
                    self.enter(turn, act);
                }
            }
            Wish::ReadUpTo(position) => self.mark_read(turn, conversation, position),
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
        let lane = match rules(&act).lane {
            Lane::Chat(chat) => Lane::Chat(self.resolve(chat)),
            Lane::Account => Lane::Account,
        };
        self.touch_of(turn, lane, &act);
        self.outbox.enter(turn, lane, act);
    }

    /// Enters an act unless the rows show it as done: then only what waits to make it otherwise goes.
    fn toggle(&mut self, turn: &mut Turn, conversation: ConversationId, act: Act) {
        if !self.is_so(conversation, &act) {
            return self.enter(turn, act);
        }
        let lane = rules(&act).lane;
        self.outbox.cancel(turn, lane, &act);
        // What is under way, or done and not shown yet, makes it otherwise in a moment.
        if self.outbox.has_like(lane, &act) || self.has_settled_like(conversation, &act) {
            return self.enter(turn, act);
        }
        self.touch_of(turn, lane, &act);
    }

    fn has_settled_like(&self, conversation: ConversationId, act: &Act) -> bool {
        self.chats.get(&conversation).is_some_and(|chat| chat.settled.iter().any(|entry| replaces(act, &entry.act)))
    }

    /// Whether the rows of the nodes, as far as they are held, show the act as done.
    fn is_so(&self, conversation: ConversationId, act: &Act) -> bool {
        match rules(act).row() {
            Some(Object::Reactions(position) | Object::Message(position)) => {
                self.message_at(conversation, position).is_some_and(|message| bubble::shows(self.me, message, act))
            }
            Some(Object::Head | Object::Place) => self.chats.get(&conversation).is_some_and(|chat| chat.shows(act)),
            None => false,
        }
    }

    /// A message, where it is in memory.
    fn message_at(&self, conversation: ConversationId, position: Position) -> Option<&MessageView> {
        let newest = self.chats.get(&conversation)?.newest.as_ref().filter(|newest| newest.position == position);
        let timeline = self.timeline.as_ref().filter(|timeline| timeline.chat == ChatId::Known(conversation));
        timeline.and_then(|timeline| timeline.message(position)).or(newest)
    }

    /// The rest of what a message says stays: what it answers and where it is from.
    fn edit(&mut self, turn: &mut Turn, chat: ChatId, position: Position, text: String) {
        let Some(conversation) = self.known(chat) else { return };
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
        self.enter(turn, Act::In(conversation, ConversationAct::EditMessage { position, payload }));
    }

    fn is_being_edited(&self, conversation: ConversationId, position: Position) -> bool {
        let edits = |act: &Act| rules(act).slot == Some(Slot::Text(position));
        self.scene(ChatId::Known(conversation)).acts().any(edits)
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
        self.enter(turn, Act::In(conversation, ConversationAct::MarkRead { position }));
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

/// The recipient for what is said in a conversation.
pub(crate) fn recipient(chat: ChatId) -> Recipient {
    match chat {
        ChatId::Known(conversation) => Recipient::Conversation(conversation),
        ChatId::Direct(user) => Recipient::Direct(user),
    }
}

/// An act in the way that nodes write it: what is shown before they answer is then the same.
fn as_nodes_write_it(turn: &Turn, mut act: ConversationAct) -> ConversationAct {
    if let ConversationAct::React { emoji, .. } = &mut act
        && let Some(normal) = emoji::normal(emoji)
    {
        *emoji = normal;
    }
    if let ConversationAct::Mute { until } = &mut act {
        *until = turn.to_cluster(*until);
    }
    act
}
