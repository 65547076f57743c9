//! What a page of the feed does. Knows nothing of how the pages were cut: any split, and any repeat, leads to the same.

use alloc::vec::Vec;

use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::view::{Change, ChangedRow, ConversationView, Counts, MessageView, PlaceView, ReactionView};

use crate::interface::effect::Write;
use crate::interface::rows::{ChatId, ConversationRow, DepartureRow, MemberRow};
use crate::model::Model;
use crate::rules::Object;
use crate::state::chat::{Chat, sent_by};
use crate::state::merge;
use crate::turn::Turn;

impl Model {
    pub(crate) fn take_page(
        &mut self,
        turn: &mut Turn,
        changes: Vec<Change>,
        counts: Vec<(ConversationId, Counts)>,
        cursor: Vec<u8>,
    ) {
        let seen = self.sync.seen();
        let mut highest = seen;
        for change in changes.into_iter().filter(|change| change.number > seen) {
            highest = highest.max(change.number);
            self.take_change(turn, change);
        }
        for (conversation, counts) in counts {
            self.take_counts(turn, conversation, counts);
        }
        self.sync.move_to(turn, cursor, highest);
    }

    fn take_change(&mut self, turn: &mut Turn, Change { number, row }: Change) {
        match row {
            ChangedRow::Message(message) => self.take_message(turn, message),
            ChangedRow::Reactions { conversation, position, reactions } => {
                self.take_reactions(turn, conversation, position, reactions, number);
            }
            ChangedRow::Conversation(view) => self.take_conversation(turn, &view),
            ChangedRow::Member { conversation, member } => {
                self.take_person(turn, member.user.clone());
                self.take_member(turn, conversation, MemberRow::from_view(&member));
            }
            ChangedRow::MemberLeft { conversation, user, by, after, at } => {
                self.take_departure(turn, conversation, DepartureRow { user, by, after, at, changed: number });
            }
            ChangedRow::ReadMark { conversation, user, position } => {
                self.take_mark(turn, conversation, user, |member| &mut member.read_position, position);
            }
            ChangedRow::DeliveredMark { conversation, user, position } => {
                self.take_mark(turn, conversation, user, |member| &mut member.delivered_position, position);
            }
            ChangedRow::User(view) => self.take_person(turn, view),
            ChangedRow::Place(view) => self.take_place(turn, number, view),
            ChangedRow::Left(conversation) => self.take_left(turn, conversation, number),
            ChangedRow::Block { user, switch } => self.set_blocked(turn, user, switch),
        }
    }

    /// The conversation, made by hearsay if the feed speaks of it before it has said what it is.
    fn chat_or_hearsay(&mut self, turn: &mut Turn, conversation: ConversationId) -> &mut Chat {
        if !self.chats.contains_key(&conversation) {
            turn.write(Write::Conversation(ConversationRow::hearsay(conversation)));
            self.fetch_conversation(turn, conversation);
        }
        self.chats.entry(conversation).or_insert_with(|| Chat::new(ConversationRow::hearsay(conversation)))
    }

    /// A message came by itself, or is known to be there because it was just sent.
    pub(crate) fn take_message(&mut self, turn: &mut Turn, message: MessageView) {
        let conversation = message.conversation;
        let is_echo = message.sender == self.me && message.changed > ChangeNumber(0);
        let me = self.me;
        let chat = self.chat_or_hearsay(turn, conversation);
        if message.position <= chat.since(me) {
            return;
        }
        let is_news = message.position > chat.row.last_position;
        chat.take_newest(&message);
        let visible = chat.visible(me);
        chat.note_shown(Object::Message(message.position));
        chat.note_shown(Object::Reactions(message.position));
        self.outbox.note_seen(conversation, Object::Message(message.position));
        self.outbox.note_seen(conversation, Object::Reactions(message.position));
        if is_echo {
            self.echo(turn, &message);
        }
        if is_news {
            self.typing_over(turn, conversation, message.sender);
            self.notify(turn, &message);
        }
        if let Some(timeline) = self.timeline_of(conversation) {
            timeline.take(&message, visible);
        }
        turn.touch(ChatId::Known(conversation)).messages.insert(message.position);
        turn.write(Write::Message(message));
    }

    /// One's own message has come back: it is stored at the nodes, whatever becomes of the answer.
    fn echo(&mut self, turn: &mut Turn, message: &MessageView) {
        if let Some(id) = self.outbox.sending(message.message_id) {
            self.outbox.finish(turn, id);
        }
        if let Some(chat) = self.chats.get_mut(&message.conversation) {
            chat.settled.retain(|entry| sent_by(&entry.act).is_none_or(|send| send.message_id != message.message_id));
        }
    }

    fn take_reactions(
        &mut self,
        turn: &mut Turn,
        conversation: ConversationId,
        position: Position,
        reactions: Vec<ReactionView>,
        changed: ChangeNumber,
    ) {
        let chat = self.chat_or_hearsay(turn, conversation);
        chat.note_shown(Object::Reactions(position));
        if let Some(newest) = chat.newest.as_mut().filter(|newest| newest.position == position) {
            merge::reactions(newest, reactions.clone(), changed);
        }
        self.outbox.note_seen(conversation, Object::Reactions(position));
        if let Some(timeline) = self.timeline_of(conversation) {
            timeline.take_reactions(position, &reactions, changed);
        }
        turn.touch(ChatId::Known(conversation)).messages.insert(position);
        turn.write(Write::Reactions { conversation, position, reactions, changed });
    }

    fn take_conversation(&mut self, turn: &mut Turn, view: &ConversationView) {
        let is_new = !self.chats.get(&view.id).is_some_and(Chat::is_known);
        self.merge_conversation(turn, view);
        let (me, is_large) = (self.me, self.chats.get(&view.id).is_some_and(Chat::is_large));
        if is_large {
            self.large_one_changed(turn, view.id);
        } else if !is_new && view.members.len() == view.member_count as usize {
            // All members of a small one are in its row: so it is complete, also if it was large a moment ago.
            self.complete(turn, view.id);
        }
        let lacks = self.chats.get(&view.id).is_some_and(|chat| chat.lacks(me));
        if lacks && (is_new || is_large) {
            self.fetch_conversation(turn, view.id);
        }
    }

    fn take_member(&mut self, turn: &mut Turn, conversation: ConversationId, member: MemberRow) {
        let (user, me) = (member.user, self.me);
        self.note_rejoining(turn, conversation, &member);
        let chat = self.chat_or_hearsay(turn, conversation);
        if !chat.take_member(member) {
            return;
        }
        if let Some(member) = chat.members.get(&user) {
            turn.write(Write::Member { conversation, member: member.clone() });
        }
        if user == me && chat.lacks(me) {
            self.fetch_conversation(turn, conversation);
        }
        self.members_changed(turn, conversation);
    }

    fn take_departure(&mut self, turn: &mut Turn, conversation: ConversationId, departure: DepartureRow) {
        let chat = self.chat_or_hearsay(turn, conversation);
        if !chat.take_departure(departure.clone()) {
            return;
        }
        turn.write(Write::MemberLeft { conversation, departure });
        self.members_changed(turn, conversation);
    }

    /// Members are counted where all are held; elsewhere the conversation's row says how many there were.
    pub(crate) fn members_changed(&mut self, turn: &mut Turn, conversation: ConversationId) {
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        let held = u32::try_from(chat.members.len()).unwrap_or(u32::MAX);
        if chat.is_complete() && chat.row.member_count != held {
            chat.row.member_count = held;
            turn.write(Write::Conversation(chat.row.clone()));
        }
        turn.touch(ChatId::Known(conversation)).members = true;
    }

    fn take_mark(
        &mut self,
        turn: &mut Turn,
        conversation: ConversationId,
        user: UserId,
        mark: impl Fn(&mut MemberRow) -> &mut Position,
        position: Position,
    ) {
        let Some(member) = self.chats.get_mut(&conversation).and_then(|chat| chat.members.get_mut(&user)) else {
            return;
        };
        let held = mark(member);
        if position <= *held {
            return;
        }
        *held = position;
        turn.write(Write::Member { conversation, member: member.clone() });
        turn.touch(ChatId::Known(conversation)).marks = true;
    }

    fn take_place(&mut self, turn: &mut Turn, number: ChangeNumber, view: PlaceView) {
        let (conversation, me) = (view.conversation, self.me);
        let chat = self.chat_or_hearsay(turn, conversation);
        // Where the feed does not tell of memberships, this is what tells of another one of the person's own.
        let rejoined = chat.is_large() && chat.members.get(&me).is_some_and(|held| held.since != view.since);
        if rejoined {
            self.sync.asked.remove(&conversation);
            self.fetch_conversation(turn, conversation);
        }
        self.merge_place(turn, view, number);
    }

    /// Takes over settings and counts where they are newer than what is held.
    pub(crate) fn merge_place(&mut self, turn: &mut Turn, view: PlaceView, as_of: ChangeNumber) {
        let conversation = view.conversation;
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        let as_of = as_of.max(view.counts.as_of);
        let counts_moved = merge::counts(&mut chat.place.view.counts, view.counts);
        let newer = as_of > chat.place.settings_as_of;
        if newer {
            chat.place.settings_as_of = as_of;
            chat.place.view = PlaceView { counts: chat.place.view.counts, ..view };
            chat.note_shown(Object::Place);
        }
        if !newer && !counts_moved {
            return;
        }
        turn.write(Write::Place(chat.place.clone()));
        if newer {
            self.outbox.note_seen(conversation, Object::Place);
        }
        turn.touch(ChatId::Known(conversation)).draft |= newer;
        self.settle_notification(turn, conversation);
    }

    fn take_counts(&mut self, turn: &mut Turn, conversation: ConversationId, counts: Counts) {
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        if !merge::counts(&mut chat.place.view.counts, counts) {
            return;
        }
        turn.write(Write::Place(chat.place.clone()));
        turn.touch(ChatId::Known(conversation));
        self.settle_notification(turn, conversation);
    }

    fn take_left(&mut self, turn: &mut Turn, conversation: ConversationId, number: ChangeNumber) {
        if self.chats.get(&conversation).is_none_or(|chat| chat.joined_in(self.me) > number) {
            return;
        }
        self.remove_chat(turn, conversation);
    }
}
