//! One conversation as the client holds it: rows from the nodes, and what the person did that they do not show yet. Knows
//! nothing of other conversations.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use raftchat_schema::command::{Act, MemberRole, SendMessage, Switch};
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, Stamp, UserId};
use raftchat_schema::limits::MEMBERS_TOLD_MAX;
use raftchat_schema::view::{ConversationKind, MessageView};

use crate::interface::effect::PageRange;
use crate::interface::input::StoredConversation;
use crate::interface::rows::{Completeness, ConversationRow, DepartureRow, MemberRow, OutboxEntry, PlaceRow};
use crate::rules::{Drawn, MessageChange, Object, PlaceChange, rules};
use crate::state::merge;

/// A conversation that the nodes hold.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) row: ConversationRow,
    pub(crate) members: BTreeMap<UserId, MemberRow>,
    pub(crate) departures: BTreeMap<UserId, DepartureRow>,
    pub(crate) place: PlaceRow,
    /// The message with the highest position.
    pub(crate) newest: Option<MessageView>,
    /// Entries that were done and do not show in the rows yet, in order.
    pub(crate) settled: Vec<OutboxEntry>,
    /// The position up to which this device knows that the person has read, before the nodes' counts say so.
    pub(crate) read_here: Position,
    /// The last message that called for attention and still does.
    pub(crate) notified: Option<Position>,
    /// The users who are writing, and until when.
    pub(crate) typing: BTreeMap<UserId, Stamp>,
}

impl Chat {
    pub(crate) fn new(row: ConversationRow) -> Self {
        let mut place = PlaceRow::default();
        place.view.conversation = row.id;
        Self {
            row,
            members: BTreeMap::new(),
            departures: BTreeMap::new(),
            place,
            newest: None,
            settled: Vec::new(),
            read_here: Position(0),
            notified: None,
            typing: BTreeMap::new(),
        }
    }

    pub(crate) fn stored(stored: StoredConversation) -> Self {
        let newest_position = stored.newest.as_ref().map_or(Position(0), |message| message.position);
        let mut chat = Self::new(stored.conversation);
        chat.row.last_position = chat.row.last_position.max(newest_position);
        chat.members = stored.members.into_iter().map(|member| (member.user, member)).collect();
        chat.departures = stored.departures.into_iter().map(|departure| (departure.user, departure)).collect();
        chat.place = stored.place;
        chat.place.view.conversation = chat.row.id;
        chat.newest = stored.newest;
        chat
    }

    pub(crate) fn id(&self) -> ConversationId {
        self.row.id
    }

    /// True if the nodes have said what it is: until then it is in no list.
    pub(crate) fn is_known(&self) -> bool {
        self.row.changed > ChangeNumber(0) || self.row.kind == ConversationKind::Direct
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.row.complete == Completeness::Complete
    }

    /// True if there are more members than the feed tells of: who is in it is asked for when somebody looks.
    pub(crate) fn is_large(&self) -> bool {
        usize::try_from(self.row.member_count).is_ok_and(|count| count > MEMBERS_TOLD_MAX)
    }

    /// True if something of it is yet to be fetched, whether or not anybody looks at it.
    pub(crate) fn lacks(&self, me: UserId) -> bool {
        let enough = self.is_large() && self.is_known() && self.members.contains_key(&me);
        !self.is_complete() && !enough
    }

    /// Takes out those of whom `all`, as of that change, knows nothing.
    pub(crate) fn retain_members(&mut self, all: &BTreeSet<UserId>, as_of: ChangeNumber) -> Vec<UserId> {
        let gone = |member: &&MemberRow| member.changed <= as_of && !all.contains(&member.user);
        let gone: Vec<UserId> = self.members.values().filter(gone).map(|member| member.user).collect();
        for user in &gone {
            self.members.remove(user);
            self.typing.remove(user);
        }
        gone
    }

    /// The person sees messages after this position.
    pub(crate) fn since(&self, me: UserId) -> Position {
        self.members.get(&me).map_or(self.place.view.since, |member| member.since)
    }

    /// The positions that the person may see; none of them if the first is above the last.
    pub(crate) fn visible(&self, me: UserId) -> PageRange {
        PageRange { first: self.since(me).next(), last: self.row.last_position }
    }

    pub(crate) fn role(&self, me: UserId) -> MemberRole {
        self.members.get(&me).map_or(MemberRole::Member, |member| member.role)
    }

    /// The change in which the person came to be in it, as far as it is known.
    pub(crate) fn joined_in(&self, me: UserId) -> ChangeNumber {
        self.members.get(&me).map_or(ChangeNumber(0), |member| member.changed)
    }

    /// The other, in a direct conversation.
    pub(crate) fn other(&self, me: UserId) -> Option<UserId> {
        if self.row.kind != ConversationKind::Direct {
            return None;
        }
        self.members.keys().copied().find(|user| *user != me)
    }

    /// Takes a membership in; true if anything changed.
    pub(crate) fn take_member(&mut self, member: MemberRow) -> bool {
        if let Some(departure) = self.departures.get(&member.user) {
            if departure.changed >= member.changed {
                return false;
            }
            self.departures.remove(&member.user);
        }
        match self.members.get_mut(&member.user) {
            Some(held) => merge::member(held, member),
            None => self.members.insert(member.user, member).is_none(),
        }
    }

    /// Takes a departure in; true if anything changed.
    pub(crate) fn take_departure(&mut self, departure: DepartureRow) -> bool {
        if self.members.get(&departure.user).is_some_and(|member| member.changed >= departure.changed) {
            return false;
        }
        if self.departures.get(&departure.user).is_some_and(|held| held.changed >= departure.changed) {
            return false;
        }
        self.members.remove(&departure.user);
        self.typing.remove(&departure.user);
        self.departures.insert(departure.user, departure);
        true
    }

    /// Takes a message in where it is the newest, or is that.
    pub(crate) fn take_newest(&mut self, message: &MessageView) {
        self.row.last_position = self.row.last_position.max(message.position);
        match &mut self.newest {
            Some(held) if held.position == message.position => {
                merge::message(held, message.clone());
            }
            Some(held) if held.position > message.position => {}
            newest => *newest = Some(message.clone()),
        }
    }

    /// The feed has shown a row: what was done to it before shows in it.
    pub(crate) fn note_shown(&mut self, object: Object) {
        self.settled.retain(|entry| rules(&entry.act).row() != Some(object));
    }
}

/// The place as it will be when all that is under way is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EffectivePlace<'a> {
    pub(crate) read_position: Position,
    pub(crate) unread: u64,
    pub(crate) mentions: u64,
    pub(crate) marked_unread: bool,
    pub(crate) muted_until: Stamp,
    pub(crate) pinned: bool,
    pub(crate) draft: &'a [u8],
}

impl Chat {
    /// The place as the nodes have it, with `acts` done to it in order.
    pub(crate) fn effective_place<'a>(&'a self, acts: impl Iterator<Item = &'a Act>) -> EffectivePlace<'a> {
        let mut mark = self.read_here;
        let mut place = self.held_place();
        for act in self.settled.iter().map(|entry| &entry.act).chain(acts) {
            place.apply(act, &mut mark);
        }
        if let Some(unsaved) = &self.place.unsaved_draft {
            place.draft = unsaved;
        }
        place.read_to(mark, self.row.last_position);
        place
    }

    /// The place as the nodes have it.
    fn held_place(&self) -> EffectivePlace<'_> {
        let view = &self.place.view;
        EffectivePlace {
            read_position: view.counts.read_position,
            unread: view.counts.unread,
            mentions: view.counts.mentions,
            marked_unread: view.marked_unread,
            muted_until: view.muted_until,
            pinned: view.pinned,
            draft: &view.draft,
        }
    }

    /// Whether the conversation and the place, as the nodes have them, show an act as done.
    pub(crate) fn shows(&self, act: &Act) -> bool {
        let (before, mut after) = (self.held_place(), self.held_place());
        after.apply(act, &mut Position(0));
        let pins = effective_pins(&self.row.pinned_messages, core::iter::once(act));
        before == after && pins == self.row.pinned_messages
    }
}

impl<'a> EffectivePlace<'a> {
    fn apply(&mut self, act: &'a Act, mark: &mut Position) {
        let Some(Drawn::Place(change)) = rules(act).drawn else { return };
        match change {
            PlaceChange::Read(position) => {
                *mark = (*mark).max(position);
                self.marked_unread = false;
            }
            PlaceChange::Unread => self.marked_unread = true,
            PlaceChange::Silent(until) => self.muted_until = until,
            PlaceChange::OnTop(switch) => self.pinned = switch.is_on(),
            PlaceChange::Draft(draft) => self.draft = draft,
        }
    }

    /// The counts are the nodes' alone; above the mark there cannot be more than there are positions.
    fn read_to(&mut self, mark: Position, last: Position) {
        if mark <= self.read_position {
            return;
        }
        let above = last.0.saturating_sub(mark.0);
        self.read_position = mark;
        self.unread = self.unread.min(above);
        self.mentions = self.mentions.min(above);
    }
}

/// The pins of a conversation with `acts` done to them in order.
pub(crate) fn effective_pins<'a>(pins: &[Position], acts: impl Iterator<Item = &'a Act>) -> Vec<Position> {
    let mut pins = pins.to_vec();
    for act in acts {
        match rules(act).drawn {
            Some(Drawn::Pin(position, Switch::On)) => {
                if !pins.contains(&position) {
                    pins.push(position);
                }
            }
            Some(Drawn::Pin(position, Switch::Off) | Drawn::Message(position, MessageChange::Deleted)) => {
                pins.retain(|pinned| *pinned != position);
            }
            Some(Drawn::Place(_) | Drawn::Message(_, MessageChange::Said(_) | MessageChange::Reaction(..))) | None => {}
        }
    }
    pins
}

/// The message that an act sends.
pub(crate) fn sent_by(act: &Act) -> Option<&SendMessage> {
    if let Act::Send(send) = act { Some(send) } else { None }
}
