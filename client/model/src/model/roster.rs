//! What was asked for comes: people, conversations, members. Knows nothing of the feed, but that its rows may be newer.

use alloc::boxed::Box;
use alloc::vec::Vec;

use raftchat_schema::command::{MemberRole, Switch};
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, Stamp, UserId};
use raftchat_schema::view::{ConversationKind, ConversationView, MemberView, MessageView, UserView};

use crate::interface::effect::{Effect, Write};
use crate::interface::rows::{ChatId, Completeness, ConversationRow, EntryState, Lane, MemberRow};
use crate::interface::shown::{Failure, FailureReason, Shown};
use crate::model::Model;
use crate::rules::{Gone, Object, rules};
use crate::state::chat::Chat;
use crate::state::merge;
use crate::state::people::PersonChange;
use crate::state::timers::Timer;
use crate::turn::Turn;

impl Model {
    /// Everybody, with who is there now.
    pub(crate) fn take_people(&mut self, turn: &mut Turn, people: Vec<UserView>) {
        for view in people {
            let (user, online) = (view.id, view.online);
            self.take_person(turn, view);
            self.set_online(turn, user, online);
        }
        self.people.note_all_known();
    }

    pub(crate) fn take_person(&mut self, turn: &mut Turn, view: UserView) {
        let user = view.id;
        let change = self.people.take(view);
        if change == PersonChange::Nothing {
            return;
        }
        if let Some(held) = self.people.get(user) {
            turn.write(Write::Person(held.clone()));
        }
        match change {
            PersonChange::Looks => self.person_looks_different(turn, user),
            _ => self.show_person(turn, user),
        }
    }

    /// Whatever names somebody is drawn anew: it happens seldom, and may be anywhere.
    pub(crate) fn person_looks_different(&mut self, turn: &mut Turn, user: UserId) {
        self.show_person(turn, user);
        for (conversation, chat) in &self.chats {
            if chat.members.contains_key(&user) || chat.departures.contains_key(&user) {
                turn.touch(ChatId::Known(*conversation)).everything = true;
            }
        }
        turn.touch(ChatId::Direct(user));
    }

    fn show_person(&self, turn: &mut Turn, user: UserId) {
        if let Some(person) = self.people.shown(user, self.me) {
            turn.show(Shown::Person(Box::new(person)));
        }
    }

    pub(crate) fn presence(&mut self, turn: &mut Turn, user: UserId, switch: Switch) {
        self.set_online(turn, user, switch.is_on());
    }

    pub(crate) fn set_online(&mut self, turn: &mut Turn, user: UserId, online: bool) {
        if !self.people.set_online(user, online) {
            return;
        }
        self.show_person(turn, user);
        turn.touch(self.resolve(ChatId::Direct(user)));
    }

    pub(crate) fn take_blocked(&mut self, turn: &mut Turn, people: Vec<UserView>) {
        let blocked: Vec<UserId> = people.iter().map(|view| view.id).collect();
        for view in people {
            self.take_person(turn, view);
        }
        for user in self.people.blocked().into_iter().filter(|user| !blocked.contains(user)) {
            self.set_blocked(turn, user, Switch::Off);
        }
        for user in blocked {
            self.set_blocked(turn, user, Switch::On);
        }
    }

    pub(crate) fn set_blocked(&mut self, turn: &mut Turn, user: UserId, switch: Switch) {
        if self.people.set_blocked(user, switch.is_on()) {
            turn.write(Write::Blocked { user, switch });
            self.person_looks_different(turn, user);
        }
    }

    /// Conversations as they were when the nodes were asked.
    pub(crate) fn take_roster(&mut self, turn: &mut Turn, conversations: Vec<ConversationView>) {
        for view in conversations {
            self.merge_conversation(turn, &view);
            self.merge_place(turn, view.place.clone(), view.place.counts.as_of);
            let held_all = view.members.len() == view.member_count as usize;
            if held_all {
                self.complete(turn, view.id);
            } else if self.chats.get(&view.id).is_some_and(|chat| chat.lacks(self.me)) {
                self.fetch_conversation(turn, view.id);
            }
        }
        self.load_gap(turn);
    }

    /// Joins a view of a conversation with what is held of it.
    pub(crate) fn merge_conversation(&mut self, turn: &mut Turn, view: &ConversationView) {
        for member in &view.members {
            self.take_person(turn, member.user.clone());
            self.note_rejoining(turn, view.id, &MemberRow::from_view(member));
        }
        let row = ConversationRow::from_view(view);
        let chat = self.chats.entry(view.id).or_insert_with(|| Chat::new(ConversationRow::hearsay(view.id)));
        let changed = merge::conversation(&mut chat.row, row);
        for member in view.members.iter().map(MemberRow::from_view) {
            let user = member.user;
            if chat.take_member(member)
                && let Some(member) = chat.members.get(&user)
            {
                turn.write(Write::Member { conversation: view.id, member: member.clone() });
                turn.touch(ChatId::Known(view.id)).members = true;
            }
        }
        if !chat.is_complete() && view.members.len() == view.member_count as usize {
            let all = view.members.iter().map(|member| member.user.id).collect();
            for user in chat.retain_members(&all, view.changed) {
                turn.write(Write::MemberGone { conversation: view.id, user });
            }
        }
        // Nobody ever joins or leaves a direct conversation.
        if chat.row.kind == ConversationKind::Direct && chat.members.len() == 2 {
            chat.row.complete = Completeness::Complete;
        }
        if changed {
            turn.write(Write::Conversation(chat.row.clone()));
            self.outbox.note_seen(view.id, Object::Head);
            chat.note_shown(Object::Head);
            turn.touch(ChatId::Known(view.id)).everything = true;
        }
        turn.touch(ChatId::Known(view.id));
        if let Some(other) = chat.other(self.me) {
            self.adopt(turn, other, view.id);
        }
    }

    /// All members, as they were when the nodes were asked.
    pub(crate) fn take_members(&mut self, turn: &mut Turn, conversation: ConversationId, members: Vec<MemberView>) {
        if !self.chats.contains_key(&conversation) {
            return;
        }
        let all = members.iter().map(|member| member.user.id).collect();
        for member in members {
            self.take_person(turn, member.user.clone());
            self.note_rejoining(turn, conversation, &MemberRow::from_view(&member));
            let Some(chat) = self.chats.get_mut(&conversation) else { return };
            let user = member.user.id;
            if chat.take_member(MemberRow::from_view(&member))
                && let Some(member) = chat.members.get(&user)
            {
                turn.write(Write::Member { conversation, member: member.clone() });
            }
        }
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        if !chat.is_large() {
            return self.complete(turn, conversation);
        }
        let as_of = chat.row.changed;
        for user in chat.retain_members(&all, as_of) {
            turn.write(Write::MemberGone { conversation, user });
        }
        turn.touch(ChatId::Known(conversation)).members = true;
    }

    pub(crate) fn complete(&mut self, turn: &mut Turn, conversation: ConversationId) {
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        if !chat.is_complete() {
            chat.row.complete = Completeness::Complete;
            turn.write(Write::Conversation(chat.row.clone()));
        }
        self.members_changed(turn, conversation);
    }

    /// The newest messages of a conversation, fetched with everything else.
    pub(crate) fn take_newest(&mut self, turn: &mut Turn, conversation: ConversationId, messages: Vec<MessageView>) {
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        for message in messages.into_iter().filter(|message| message.conversation == conversation) {
            chat.take_newest(&message);
            let visible = chat.visible(self.me);
            if let Some(timeline) =
                self.timeline.as_mut().filter(|timeline| timeline.chat == ChatId::Known(conversation))
            {
                timeline.take(&message, visible);
            }
            turn.write(Write::Message(message));
        }
        turn.touch(ChatId::Known(conversation));
    }

    /// A direct conversation has an id: whatever was held under the other's goes on under it.
    pub(crate) fn adopt(&mut self, turn: &mut Turn, user: UserId, conversation: ConversationId) {
        self.directs.insert(user, conversation);
        let (from, to) = (ChatId::Direct(user), ChatId::Known(conversation));
        self.outbox.adopt(turn, Lane::Chat(from), Lane::Chat(to));
        if let Some(draft) = self.direct_drafts.remove(&user) {
            turn.write(Write::DirectDraft { user, draft: Vec::new() });
            self.timers.cancel(Timer::SaveDraft(from));
            if let Some(chat) = self.chats.get_mut(&conversation) {
                chat.place.unsaved_draft = Some(draft);
                turn.write(Write::Place(chat.place.clone()));
                self.timers.set(Timer::SaveDraft(to), turn.now);
            }
        }
        let was_open = self.is_open(from);
        if let Some(timeline) = self.timeline.as_mut().filter(|_| was_open) {
            timeline.chat = to;
            turn.touch(to).members = true;
        }
        if self.summaries.forget(from) || was_open {
            turn.show(Shown::Renamed { from, to });
            turn.touch(to);
        }
    }

    /// A direct conversation that is known only because a message was stored in it.
    pub(crate) fn make_direct(&mut self, turn: &mut Turn, user: UserId, conversation: ConversationId, at: Stamp) {
        let me = self.me;
        let chat = self.chats.entry(conversation).or_insert_with(|| Chat::new(ConversationRow::hearsay(conversation)));
        if chat.row.changed == ChangeNumber(0) && chat.row.kind != ConversationKind::Direct {
            chat.row.kind = ConversationKind::Direct;
            chat.row.member_count = 2;
            chat.row.created = at;
            for member in [me, user] {
                let row = direct_member(member, me, at);
                if chat.take_member(row.clone()) {
                    turn.write(Write::Member { conversation, member: row });
                }
            }
            turn.write(Write::Conversation(chat.row.clone()));
        }
        self.adopt(turn, user, conversation);
    }

    /// The person is no longer in a conversation: all that is held of it goes.
    pub(crate) fn remove_chat(&mut self, turn: &mut Turn, conversation: ConversationId) {
        let Some(chat) = self.chats.remove(&conversation) else { return };
        turn.write(Write::RemoveConversation(conversation));
        let id = ChatId::Known(conversation);
        if let Some(other) = chat.other(self.me) {
            self.directs.remove(&other);
        }
        for entry in self.outbox.drop_lane(turn, Lane::Chat(id)) {
            let rules = rules(&entry.act);
            if rules.gone == Gone::Told && entry.state == EntryState::Waiting {
                let what = rules.undone;
                turn.show(Shown::Failed(Failure { chat: Some(id), what, why: FailureReason::Left }));
            }
        }
        if chat.notified.is_some() {
            turn.effect(Effect::ClearNotification(id));
        }
        self.gone(turn, id);
    }

    /// A conversation is no longer drawn.
    pub(crate) fn gone(&mut self, turn: &mut Turn, id: ChatId) {
        if self.is_open(id) {
            self.timeline = None;
        }
        self.timers.cancel(Timer::SaveDraft(id));
        if let ChatId::Known(conversation) = id {
            self.timers.cancel(Timer::Unmute(conversation));
            self.own_typing.forget(conversation);
        }
        turn.touch(id);
    }
}

fn direct_member(user: UserId, founder: UserId, at: Stamp) -> MemberRow {
    MemberRow {
        user,
        role: MemberRole::Member,
        joined: at,
        since: Position(0),
        added_by: founder,
        read_position: Position(0),
        delivered_position: Position(0),
        changed: ChangeNumber(0),
    }
}
