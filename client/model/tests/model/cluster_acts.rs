//! What the cluster in memory does with acts: as the state machine, but for limits.

use raftchat_schema::command::{
    AccountAct, Act, ConversationAct, Done, MemberRole, Outcome, Recipient, SendMessage, Switch,
};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, RequestNumber, SessionId, Stamp, UserId};
use raftchat_schema::view::{ConversationKind, MessageState, MessageView};

use crate::cluster::{Cluster, Conversation, Departure, Member, Own, Row, last, put_reaction, says};

impl Cluster {
    /// Does an act, once.
    pub(crate) fn perform(&mut self, user: UserId, session: SessionId, number: RequestNumber, act: &Act) -> Outcome {
        if let Some(outcome) = self.outcomes.get(&(session, number)) {
            return outcome.clone();
        }
        self.now = Stamp(self.now.0 + 10);
        let outcome = self.apply(user, act);
        if !matches!(act, Act::Send(_)) {
            self.outcomes.insert((session, number), outcome.clone());
        }
        outcome
    }

    /// Somebody says something by another program.
    pub(crate) fn say(&mut self, user: UserId, conversation: ConversationId, text: &str) -> Position {
        self.say_to(user, Recipient::Conversation(conversation), text, Vec::new()).1
    }

    /// Somebody counts from one.
    pub(crate) fn count(&mut self, user: UserId, conversation: ConversationId, upto: u64) {
        for number in 1..=upto {
            self.say(user, conversation, &number.to_string());
        }
    }

    pub(crate) fn say_to(
        &mut self,
        user: UserId,
        to: Recipient,
        text: &str,
        mentions: Vec<UserId>,
    ) -> (ConversationId, Position) {
        let message_id = fresh_id(self.change + 1_000_000);
        let act = Act::Send(SendMessage { to, message_id, payload: says(text), mentions });
        match self.perform(user, SessionId(0), RequestNumber(0), &act) {
            Ok(Done::Sent { conversation, position, .. }) => (conversation, position),
            other => panic!("{other:?}"),
        }
    }

    /// Somebody does something by another program.
    pub(crate) fn act(&mut self, user: UserId, act: &Act) -> Done {
        self.now = Stamp(self.now.0 + 10);
        self.apply(user, act).unwrap()
    }

    pub(crate) fn group(&mut self, owner: UserId, title: &str, members: &[UserId]) -> ConversationId {
        match self
            .act(owner, &Act::Account(AccountAct::CreateGroup { title: title.to_owned(), members: members.to_vec() }))
        {
            Done::GroupCreated { conversation } => conversation,
            other => panic!("{other:?}"),
        }
    }

    fn apply(&mut self, user: UserId, act: &Act) -> Outcome {
        match act {
            Act::Send(send) => self.send(user, send),
            Act::Account(AccountAct::CreateGroup { title, members }) => Ok(self.create_group(user, title, members)),
            Act::Account(AccountAct::Block { user: other, switch }) => {
                let key = (user, *other);
                let changed = if switch.is_on() { self.blocks.insert(key) } else { self.blocks.remove(&key) };
                if changed {
                    self.note(Row::Block(user, *other));
                }
                Ok(Done::Nothing)
            }
            Act::Account(AccountAct::SetProfile(profile)) => {
                let view = self.users.get_mut(&user).unwrap();
                if let Some(name) = &profile.display_name {
                    view.display_name.clone_from(name);
                }
                view.receipts_off = profile.receipts.map_or(view.receipts_off, |receipts| !receipts.is_on());
                self.note(Row::User(user));
                Ok(Done::Nothing)
            }
            _ => self.apply_in(user, act),
        }
    }

    fn apply_in(&mut self, user: UserId, act: &Act) -> Outcome {
        let Act::In(id, _) = act else { panic!("{act:?}") };
        let id = *id;
        if !self.is_member(id, user) {
            return Err(ErrorCode::NotAMember.into());
        }
        match act {
            Act::In(_, ConversationAct::EditMessage { position, payload }) => self.edit(user, id, *position, payload),
            Act::In(_, ConversationAct::DeleteMessage { position }) => self.delete(user, id, *position),
            Act::In(_, ConversationAct::React { position, emoji, switch }) => {
                self.react(user, id, *position, emoji, *switch)
            }
            Act::In(_, ConversationAct::MarkRead { position }) => Ok(self.mark_read(user, id, *position)),
            Act::In(_, ConversationAct::PinMessage { position, switch }) => {
                let message = self.message_mut(user, id, *position).ok_or(ErrorCode::NoSuchMessage)?;
                if switch.is_on() && message.state == MessageState::Deleted {
                    return Err(ErrorCode::NoSuchMessage.into());
                }
                Ok(self.pin(id, *position, *switch))
            }
            Act::In(_, ConversationAct::MarkUnread) => Ok(self.own(id, user, |own| own.marked_unread = true)),
            Act::In(_, ConversationAct::Mute { until }) => Ok(self.own(id, user, |own| own.muted_until = *until)),
            Act::In(_, ConversationAct::PinConversation { switch }) => {
                Ok(self.own(id, user, |own| own.pinned = switch.is_on()))
            }
            Act::In(_, ConversationAct::SaveDraft { draft }) => {
                Ok(self.own(id, user, |own| own.draft.clone_from(draft)))
            }
            Act::In(_, ConversationAct::AddMembers { members }) => Ok(self.add(user, id, members)),
            Act::In(_, ConversationAct::RemoveMember { user: other }) => Ok(self.remove(user, id, *other)),
            Act::In(_, ConversationAct::Leave) => Ok(self.remove(user, id, user)),
            Act::In(_, ConversationAct::Rename { title }) => {
                self.conversations.get_mut(&id).unwrap().title.clone_from(title);
                self.note(Row::Head(id));
                Ok(Done::Nothing)
            }
            other => panic!("{other:?}"),
        }
    }

    fn send(&mut self, user: UserId, send: &SendMessage) -> Outcome {
        if let Some((conversation, position, sent_at)) = self.sent.get(&(user, send.message_id)).copied() {
            return Ok(Done::Sent { conversation, position, sent_at });
        }
        if send.payload.len() > 200 {
            return Err(ErrorCode::TooLarge.into());
        }
        let id = match send.to {
            Recipient::Conversation(id) => id,
            Recipient::Direct(other) => self.direct(user, other).unwrap_or_else(|| self.create_direct(user, other)),
        };
        if !self.is_member(id, user) {
            return Err(ErrorCode::NotAMember.into());
        }
        let sender_name = self.users.get(&user).unwrap().username.clone();
        let conversation = self.conversations.get_mut(&id).unwrap();
        let position = last(conversation).next();
        conversation.messages.push(MessageView {
            conversation: id,
            position,
            message_id: send.message_id,
            sender: user,
            sender_name,
            sent_at: self.now,
            state: MessageState::Original,
            revision: 0,
            payload: send.payload.clone(),
            edited: None,
            mentions: send.mentions.clone(),
            reactions: Vec::new(),
            changed: ChangeNumber(0),
            reactions_changed: ChangeNumber(0),
        });
        self.sent.insert((user, send.message_id), (id, position, self.now));
        self.note(Row::Message(id, position));
        Ok(Done::Sent { conversation: id, position, sent_at: self.now })
    }

    fn create_direct(&mut self, user: UserId, other: UserId) -> ConversationId {
        self.create(ConversationKind::Direct, "", user, &[other])
    }

    fn create_group(&mut self, owner: UserId, title: &str, members: &[UserId]) -> Done {
        Done::GroupCreated { conversation: self.create(ConversationKind::Group, title, owner, members) }
    }

    fn create(&mut self, kind: ConversationKind, title: &str, founder: UserId, others: &[UserId]) -> ConversationId {
        let id = ConversationId(self.conversations.len() as u64 + 1);
        let member = |user: UserId| {
            let owner = user == founder && kind == ConversationKind::Group;
            Member {
                role: if owner { MemberRole::Owner } else { MemberRole::Member },
                joined: self.now,
                since: Position(0),
                added_by: founder,
                read: Position(0),
                delivered: Position(0),
            }
        };
        let members: Vec<UserId> = std::iter::once(founder).chain(others.iter().copied()).collect();
        let conversation = Conversation {
            kind,
            title: title.to_owned(),
            members: members.iter().map(|user| (*user, member(*user))).collect(),
            departed: std::collections::BTreeMap::new(),
            messages: Vec::new(),
            pins: Vec::new(),
            created: self.now,
        };
        self.conversations.insert(id, conversation);
        self.note(Row::Head(id));
        for user in members {
            self.note(Row::Member(id, user));
        }
        id
    }

    fn edit(&mut self, user: UserId, id: ConversationId, position: Position, payload: &[u8]) -> Outcome {
        let now = self.now;
        let Some(message) = self.message_mut(user, id, position) else { return Err(ErrorCode::NoSuchMessage.into()) };
        if message.sender != user {
            return Err(ErrorCode::NotYours.into());
        }
        if message.state == MessageState::Deleted {
            return Err(ErrorCode::NoSuchMessage.into());
        }
        if message.payload == payload {
            return Ok(Done::Nothing);
        }
        message.payload = payload.to_vec();
        message.state = MessageState::Edited;
        message.revision += 1;
        message.edited = Some(now);
        self.note(Row::Message(id, position));
        Ok(Done::Nothing)
    }

    fn delete(&mut self, user: UserId, id: ConversationId, position: Position) -> Outcome {
        let Some(message) = self.message_mut(user, id, position) else { return Err(ErrorCode::NoSuchMessage.into()) };
        if message.sender != user {
            return Err(ErrorCode::NotYours.into());
        }
        if message.state == MessageState::Deleted {
            return Ok(Done::Nothing);
        }
        message.state = MessageState::Deleted;
        message.payload.clear();
        message.reactions.clear();
        self.rows.remove(&Row::Reactions(id, position));
        self.note(Row::Message(id, position));
        Ok(self.pin(id, position, Switch::Off))
    }

    fn react(&mut self, user: UserId, id: ConversationId, position: Position, emoji: &str, switch: Switch) -> Outcome {
        let Some(message) = self.message_mut(user, id, position) else { return Err(ErrorCode::NoSuchMessage.into()) };
        if message.state == MessageState::Deleted {
            return Err(ErrorCode::NoSuchMessage.into());
        }
        if put_reaction(&mut message.reactions, user, emoji, switch.is_on()) {
            self.note(Row::Reactions(id, position));
        }
        Ok(Done::Nothing)
    }

    fn message_mut(&mut self, user: UserId, id: ConversationId, position: Position) -> Option<&mut MessageView> {
        let conversation = self.conversations.get_mut(&id).unwrap();
        let since = conversation.members.get(&user)?.since;
        let index = usize::try_from(position.0.checked_sub(1)?).ok()?;
        conversation.messages.get_mut(index).filter(|message| message.position > since)
    }

    fn mark_read(&mut self, user: UserId, id: ConversationId, position: Position) -> Done {
        let conversation = self.conversations.get_mut(&id).unwrap();
        let position = position.min(last(conversation));
        let member = conversation.members.get_mut(&user).unwrap();
        if position > member.read {
            member.read = position;
            member.delivered = member.delivered.max(position);
            let silent = self.users.get(&user).unwrap().receipts_off;
            self.note(if silent { Row::Own(id, user) } else { Row::ReadMark(id, user) });
        }
        self.own(id, user, |own| own.marked_unread = false)
    }

    /// A device of the user's holds the conversation up to there.
    pub(crate) fn delivered(&mut self, user: UserId, id: ConversationId, position: Position) {
        self.conversations.get_mut(&id).unwrap().members.get_mut(&user).unwrap().delivered = position;
        self.note(Row::DeliveredMark(id, user));
    }

    fn pin(&mut self, id: ConversationId, position: Position, switch: Switch) -> Done {
        let pins = &mut self.conversations.get_mut(&id).unwrap().pins;
        let before = pins.clone();
        pins.retain(|pinned| *pinned != position || switch.is_on());
        if switch.is_on() && !pins.contains(&position) {
            pins.push(position);
        }
        if *pins != before {
            self.note(Row::Head(id));
        }
        Done::Nothing
    }

    fn own(&mut self, id: ConversationId, user: UserId, change: impl FnOnce(&mut Own)) -> Done {
        let own = self.own.entry((id, user)).or_default();
        let before = format!("{own:?}");
        change(own);
        if format!("{own:?}") != before {
            self.note(Row::Own(id, user));
        }
        Done::Nothing
    }

    fn add(&mut self, by: UserId, id: ConversationId, members: &[UserId]) -> Done {
        for user in members {
            let now = self.now;
            let conversation = self.conversations.get_mut(&id).unwrap();
            if conversation.members.contains_key(user) {
                continue;
            }
            let since = last(conversation);
            conversation.departed.remove(user);
            let member =
                Member { role: MemberRole::Member, joined: now, since, added_by: by, read: since, delivered: since };
            conversation.members.insert(*user, member);
            self.rows.remove(&Row::Own(id, *user));
            self.own.remove(&(id, *user));
            self.note(Row::Head(id));
            self.note(Row::Member(id, *user));
        }
        Done::Nothing
    }

    fn remove(&mut self, by: UserId, id: ConversationId, user: UserId) -> Done {
        let now = self.now;
        let conversation = self.conversations.get_mut(&id).unwrap();
        if conversation.members.remove(&user).is_none() {
            return Done::Nothing;
        }
        let after = last(conversation);
        conversation.departed.insert(user, Departure { by, after, at: now });
        self.rows.remove(&Row::ReadMark(id, user));
        self.rows.remove(&Row::DeliveredMark(id, user));
        self.note(Row::Member(id, user));
        self.note(Row::Own(id, user));
        Done::Nothing
    }
}

/// A message id out of a number.
pub(crate) fn fresh_id(number: u64) -> MessageId {
    let mut bytes = [0; 16];
    bytes.iter_mut().skip(8).zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    MessageId(bytes)
}
