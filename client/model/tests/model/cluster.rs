//! A cluster in memory that numbers changes as the nodes do: each row once, at its latest change.

use std::collections::{BTreeMap, BTreeSet};

use raftchat_model::{Codec, Content};
use raftchat_schema::command::{GroupProfile, MemberRole, Outcome, Switch};
use raftchat_schema::id::{
    ChangeNumber, ConversationId, MessageId, Position, RequestNumber, SessionId, Stamp, UserId, Username,
};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{
    Change, ChangedRow, ConversationKind, ConversationView, Counts, MemberView, MessageState, MessageView, PlaceView,
    ReactionView, UserView,
};

pub(crate) const ALICE: UserId = UserId(1_000);
pub(crate) const BOB: UserId = UserId(2_000);
pub(crate) const CAROL: UserId = UserId(3_000);

/// Payloads as text: `reply|forwarded|text`. What begins with `!` is from the future.
pub(crate) const CODEC: Codec = Codec { encode, decode };

pub(crate) fn encode(payload: &Payload) -> Vec<u8> {
    let reply = payload.reply_to.map_or(String::new(), |position| position.0.to_string());
    let forwarded = payload.forwarded_from.as_ref().map_or("", Username::as_str);
    format!("{reply}|{forwarded}|{}", payload.text).into_bytes()
}

fn decode(bytes: &[u8]) -> Content {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut parts = text.splitn(3, '|');
    let (Some(reply), Some(forwarded), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Content::Newer;
    };
    Content::Said(Payload {
        text: text.to_owned(),
        reply_to: reply.parse().ok().map(Position),
        forwarded_from: forwarded.parse().ok(),
    })
}

pub(crate) fn says(text: &str) -> Vec<u8> {
    encode(&Payload::text(text))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    User(UserId),
    Head(ConversationId),
    Member(ConversationId, UserId),
    Message(ConversationId, Position),
    Reactions(ConversationId, Position),
    ReadMark(ConversationId, UserId),
    DeliveredMark(ConversationId, UserId),
    Own(ConversationId, UserId),
    Block(UserId, UserId),
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) role: MemberRole,
    pub(crate) joined: Stamp,
    pub(crate) since: Position,
    pub(crate) added_by: UserId,
    pub(crate) read: Position,
    pub(crate) delivered: Position,
}

#[derive(Clone, Debug)]
pub(crate) struct Departure {
    pub(crate) by: UserId,
    pub(crate) after: Position,
    pub(crate) at: Stamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) kind: ConversationKind,
    pub(crate) title: String,
    pub(crate) members: BTreeMap<UserId, Member>,
    pub(crate) departed: BTreeMap<UserId, Departure>,
    pub(crate) messages: Vec<MessageView>,
    pub(crate) pins: Vec<Position>,
    pub(crate) created: Stamp,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    pub(crate) marked_unread: bool,
    pub(crate) muted_until: Stamp,
    pub(crate) pinned: bool,
    pub(crate) draft: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) now: Stamp,
    pub(crate) change: u64,
    pub(crate) users: BTreeMap<UserId, UserView>,
    pub(crate) conversations: BTreeMap<ConversationId, Conversation>,
    pub(crate) own: BTreeMap<(ConversationId, UserId), Own>,
    pub(crate) blocks: BTreeSet<(UserId, UserId)>,
    pub(crate) rows: BTreeMap<Row, u64>,
    pub(crate) outcomes: BTreeMap<(SessionId, RequestNumber), Outcome>,
    sessions: u64,
    pub(crate) sent: BTreeMap<(UserId, MessageId), (ConversationId, Position, Stamp)>,
}

impl Cluster {
    /// With alice, bob and carol.
    pub(crate) fn new() -> Self {
        let mut cluster = Self {
            now: Stamp(1_000_000),
            change: 0,
            users: BTreeMap::new(),
            conversations: BTreeMap::new(),
            own: BTreeMap::new(),
            blocks: BTreeSet::new(),
            rows: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            sessions: 0,
            sent: BTreeMap::new(),
        };
        for (id, name) in [(ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")] {
            cluster.users.insert(id, user(id, name));
            cluster.note(Row::User(id));
        }
        cluster
    }

    pub(crate) fn new_session(&mut self) -> SessionId {
        self.sessions += 1;
        SessionId(self.sessions)
    }

    pub(crate) fn note(&mut self, row: Row) {
        self.change += 1;
        self.rows.insert(row, self.change);
    }

    fn number(&self, row: Row) -> ChangeNumber {
        ChangeNumber(self.rows.get(&row).copied().unwrap_or(0))
    }

    pub(crate) fn user(&self, id: UserId) -> UserView {
        UserView { changed: self.number(Row::User(id)), ..self.users.get(&id).unwrap().clone() }
    }

    pub(crate) fn conversation(&self, id: ConversationId) -> &Conversation {
        self.conversations.get(&id).unwrap()
    }

    pub(crate) fn is_member(&self, id: ConversationId, user: UserId) -> bool {
        self.conversations.get(&id).is_some_and(|conversation| conversation.members.contains_key(&user))
    }

    /// The changes after `after` that `user` may see.
    pub(crate) fn feed(&self, user: UserId, after: u64) -> Vec<Change> {
        let mut numbered: Vec<(u64, Row)> =
            self.rows.iter().filter(|(_, number)| **number > after).map(|(row, number)| (*number, *row)).collect();
        numbered.sort_unstable();
        numbered
            .into_iter()
            .filter_map(|(number, row)| Some(Change { number: ChangeNumber(number), row: self.render(user, row)? }))
            .collect()
    }

    fn render(&self, viewer: UserId, row: Row) -> Option<ChangedRow> {
        match row {
            Row::User(id) => return Some(ChangedRow::User(self.user(id))),
            Row::Block(by, user) if by == viewer => {
                let switch = Switch::from_bool(self.blocks.contains(&(by, user)));
                return Some(ChangedRow::Block { user, switch });
            }
            Row::Own(conversation, user) if user == viewer => {
                let left = !self.is_member(conversation, user);
                let row = if left {
                    ChangedRow::Left(conversation)
                } else {
                    ChangedRow::Place(self.place(conversation, user))
                };
                return Some(row);
            }
            Row::Block(..) | Row::Own(..) => return None,
            _ => {}
        }
        let conversation = match row {
            Row::Head(id) | Row::Member(id, _) | Row::ReadMark(id, _) | Row::DeliveredMark(id, _) => id,
            Row::Message(id, position) | Row::Reactions(id, position) => {
                let since = self.conversation(id).members.get(&viewer)?.since;
                if position <= since {
                    return None;
                }
                id
            }
            _ => return None,
        };
        self.is_member(conversation, viewer).then(|| self.render_in(viewer, row)).flatten()
    }

    fn render_in(&self, viewer: UserId, row: Row) -> Option<ChangedRow> {
        Some(match row {
            Row::Head(id) => {
                ChangedRow::Conversation(ConversationView { place: PlaceView::default(), ..self.view(id, viewer) })
            }
            Row::Member(conversation, user) => {
                if let Some(&Departure { by, after, at }) = self.conversation(conversation).departed.get(&user) {
                    return Some(ChangedRow::MemberLeft { conversation, user, by, after, at });
                }
                let mut member = self.member(conversation, user)?;
                member.read_position = Position(0);
                member.delivered_position = Position(0);
                ChangedRow::Member { conversation, member }
            }
            Row::Message(conversation, position) => ChangedRow::Message(self.message(conversation, position)?),
            Row::Reactions(conversation, position) => {
                let reactions = self.message(conversation, position)?.reactions;
                ChangedRow::Reactions { conversation, position, reactions }
            }
            Row::ReadMark(conversation, user) => {
                let position = self.conversation(conversation).members.get(&user)?.read;
                ChangedRow::ReadMark { conversation, user, position }
            }
            Row::DeliveredMark(conversation, user) => {
                let position = self.conversation(conversation).members.get(&user)?.delivered;
                ChangedRow::DeliveredMark { conversation, user, position }
            }
            Row::User(_) | Row::Own(..) | Row::Block(..) => return None,
        })
    }

    pub(crate) fn message(&self, id: ConversationId, position: Position) -> Option<MessageView> {
        let message = self.conversation(id).messages.get(usize::try_from(position.0.checked_sub(1)?).unwrap())?;
        let mut message = message.clone();
        message.changed = self.number(Row::Message(id, position));
        message.reactions_changed = self.number(Row::Reactions(id, position));
        Some(message)
    }

    fn member(&self, id: ConversationId, user: UserId) -> Option<MemberView> {
        let member = self.conversation(id).members.get(&user)?;
        Some(MemberView {
            user: self.user(user),
            role: member.role,
            joined: member.joined,
            since: member.since,
            added_by: member.added_by,
            read_position: member.read,
            delivered_position: member.delivered,
            changed: self.number(Row::Member(id, user)),
        })
    }

    pub(crate) fn members(&self, id: ConversationId) -> Vec<MemberView> {
        self.conversation(id).members.keys().filter_map(|user| self.member(id, *user)).collect()
    }

    pub(crate) fn view(&self, id: ConversationId, viewer: UserId) -> ConversationView {
        const SHOWN: usize = 2;
        let conversation = self.conversation(id);
        let members = self.members(id);
        ConversationView {
            id,
            kind: conversation.kind,
            profile: GroupProfile::titled(conversation.title.as_str()),
            member_count: u32::try_from(members.len()).unwrap(),
            members: members.into_iter().take(SHOWN).collect(),
            last_position: last(conversation),
            pinned_messages: conversation.pins.clone(),
            created: conversation.created,
            changed: self.number(Row::Head(id)),
            place: self.place(id, viewer),
        }
    }

    pub(crate) fn place(&self, id: ConversationId, user: UserId) -> PlaceView {
        let own = self.own.get(&(id, user)).cloned().unwrap_or_default();
        PlaceView {
            conversation: id,
            counts: self.counts(id, user),
            marked_unread: own.marked_unread,
            muted_until: own.muted_until,
            pinned: own.pinned,
            draft: own.draft,
            since: self.conversation(id).members.get(&user).map_or(Position(0), |member| member.since),
        }
    }

    /// By the definition.
    pub(crate) fn counts(&self, id: ConversationId, user: UserId) -> Counts {
        let conversation = self.conversation(id);
        let read = conversation.members.get(&user).map_or(Position(0), |member| member.read);
        let to_read = |message: &&MessageView| {
            message.position > read && message.sender != user && message.state != MessageState::Deleted
        };
        let unread = conversation.messages.iter().filter(to_read).count();
        let mentions = conversation.messages.iter().filter(to_read).filter(|m| m.mentions.contains(&user)).count();
        Counts {
            read_position: read,
            unread: unread as u64,
            mentions: mentions as u64,
            as_of: ChangeNumber(self.change),
        }
    }

    pub(crate) fn history(
        &self,
        id: ConversationId,
        user: UserId,
        first: Position,
        last: Position,
    ) -> Vec<MessageView> {
        let Some(member) = self.conversation(id).members.get(&user) else { return Vec::new() };
        let first = first.max(member.since.next());
        (first.0..=last.0).filter_map(|position| self.message(id, Position(position))).collect()
    }

    pub(crate) fn of(&self, user: UserId) -> Vec<ConversationId> {
        self.conversations.keys().copied().filter(|id| self.is_member(*id, user)).collect()
    }

    /// The direct conversation of two.
    pub(crate) fn direct(&self, one: UserId, other: UserId) -> Option<ConversationId> {
        self.conversations
            .iter()
            .find(|(_, conversation)| {
                conversation.kind == ConversationKind::Direct
                    && conversation.members.contains_key(&one)
                    && conversation.members.contains_key(&other)
            })
            .map(|(id, _)| *id)
    }
}

pub(crate) fn last(conversation: &Conversation) -> Position {
    Position(conversation.messages.len() as u64)
}

pub(crate) fn user(id: UserId, name: &str) -> UserView {
    UserView {
        id,
        username: name.parse().unwrap(),
        display_name: name.to_owned(),
        deleted: false,
        last_seen: None,
        online: false,
        presence_hidden: false,
        receipts_off: false,
        changed: ChangeNumber(0),
    }
}

pub(crate) fn put_reaction(reactions: &mut Vec<ReactionView>, user: UserId, emoji: &str, on: bool) -> bool {
    let before = reactions.clone();
    if !reactions.iter().any(|reaction| reaction.emoji == emoji) {
        reactions.push(ReactionView { emoji: emoji.to_owned(), users: Vec::new() });
    }
    for reaction in reactions.iter_mut().filter(|reaction| reaction.emoji == emoji) {
        reaction.users.retain(|other| *other != user);
        if on {
            reaction.users.push(user);
            reaction.users.sort_unstable();
        }
    }
    reactions.retain(|reaction| !reaction.users.is_empty());
    *reactions != before
}
