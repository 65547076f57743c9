//! The feed as simply as can be, and a device that reads it a page at a time.

use std::collections::{BTreeMap, BTreeSet};

use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::view::{Change, ChangedRow, Counts, MessageState};
use raftchat_state::{Applied, Feed, MemoryTables, PageLimits, feed_page};

/// Which row a change is of: its kind, and two numbers that say which.
pub(crate) type RowId = (RowKind, u64, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RowKind {
    Message,
    Conversation,
    ReadMark,
    User,
    DeliveredMark,
    Reactions,
    Member,
    Place,
    Block,
}

pub(crate) fn row_id(change: &Change) -> RowId {
    use RowKind::{Block, Conversation, DeliveredMark, Member, Message, Place, Reactions, ReadMark, User};
    match &change.row {
        ChangedRow::Message(message) => (Message, message.conversation.0, message.position.0),
        ChangedRow::Conversation(conversation) => (Conversation, conversation.id.0, 0),
        ChangedRow::ReadMark { conversation, user, .. } => (ReadMark, conversation.0, user.0),
        ChangedRow::User(user) => (User, user.id.0, 0),
        ChangedRow::DeliveredMark { conversation, user, .. } => (DeliveredMark, conversation.0, user.0),
        ChangedRow::Reactions { conversation, position, .. } => (Reactions, conversation.0, position.0),
        ChangedRow::Member { conversation, member } => (Member, conversation.0, member.user.id.0),
        ChangedRow::MemberLeft { conversation, user, .. } => (Member, conversation.0, user.0),
        ChangedRow::Place(place) => (Place, place.conversation.0, 0),
        ChangedRow::Left(conversation) => (Place, conversation.0, 0),
        ChangedRow::Block { user, .. } => (Block, user.0, 0),
    }
}

/// A change without what is not its row's own and is shown as it is when it is read. Of who is or was `silent` about what
/// they read, also without that.
pub(crate) fn own(change: &Change, silent: &BTreeSet<UserId>) -> Change {
    let mut own = change.clone();
    match &mut own.row {
        ChangedRow::Conversation(conversation) => {
            conversation.members.clear();
            (conversation.member_count, conversation.last_position) = (0, Position(0));
        }
        ChangedRow::Member { member, .. } => {
            let user = &mut member.user;
            (user.deleted, user.last_seen, user.changed) = (false, None, ChangeNumber(0));
            (user.presence_hidden, user.receipts_off) = (false, false);
            user.display_name.clear();
        }
        ChangedRow::Message(message) => {
            message.reactions.clear();
            message.reactions_changed = ChangeNumber(0);
        }
        ChangedRow::Place(place) => place.counts = Counts::default(),
        // Moves silently with the read mark.
        ChangedRow::DeliveredMark { position, .. } => *position = Position(0),
        ChangedRow::ReadMark { user, position, .. } if silent.contains(user) => *position = Position(0),
        _ => {}
    }
    own
}

/// Somebody in a conversation.
struct Membership {
    since: Position,
    /// The last change before they joined.
    before: ChangeNumber,
}

/// Every row's latest change, and who is in what.
#[derive(Default)]
pub(crate) struct NaiveFeed {
    latest: BTreeMap<(Feed, RowId), Change>,
    members: BTreeMap<(UserId, ConversationId), Membership>,
    read: BTreeMap<(UserId, ConversationId), Position>,
    change: ChangeNumber,
    pub(crate) silent: BTreeSet<UserId>,
}

impl NaiveFeed {
    pub(crate) fn take(&mut self, applied: &Applied) {
        for left in &applied.effects.left {
            self.members.remove(left);
        }
        for joined in &applied.effects.joined {
            let membership = Membership { since: joined.since, before: self.change };
            self.members.insert((joined.user, joined.conversation), membership);
        }
        for change in &applied.effects.changes {
            self.supersede(change.feed, &change.change.row);
            self.latest.insert((change.feed, row_id(&change.change)), change.change.clone());
        }
        self.change = applied.change;
    }

    /// What is not in the feed any more after a change.
    fn supersede(&mut self, feed: Feed, row: &ChangedRow) {
        match row {
            ChangedRow::User(user) if user.receipts_off => {
                self.silent.insert(user.id);
            }
            ChangedRow::Message(message) if message.state == MessageState::Deleted => {
                let id = (RowKind::Reactions, message.conversation.0, message.position.0);
                self.latest.remove(&(feed, id));
            }
            ChangedRow::MemberLeft { conversation, user, .. } => {
                self.remove_marks(*conversation, *user);
                self.read.remove(&(*user, *conversation));
            }
            ChangedRow::Member { conversation, member } => {
                self.read.entry((member.user.id, *conversation)).or_insert(member.since);
            }
            ChangedRow::ReadMark { conversation, user, position } => {
                self.read.insert((*user, *conversation), *position);
            }
            ChangedRow::Place(place) => {
                let Feed::Own(user) = feed else { panic!("a place is its user's own") };
                let moved = self.read.insert((user, place.conversation), place.counts.read_position);
                if moved.unwrap_or_default() < place.counts.read_position {
                    self.remove_marks(place.conversation, user);
                }
            }
            _ => {}
        }
    }

    fn remove_marks(&mut self, conversation: ConversationId, user: UserId) {
        for kind in [RowKind::ReadMark, RowKind::DeliveredMark] {
            self.latest.remove(&(Feed::Conversation(conversation), (kind, conversation.0, user.0)));
        }
    }

    fn sees(&self, user: UserId, feed: Feed, (kind, _, position): RowId) -> bool {
        match feed {
            Feed::Directory => true,
            Feed::Own(owner) => owner == user,
            Feed::Conversation(id) => self.members.get(&(user, id)).is_some_and(|membership| {
                let dated = matches!(kind, RowKind::Message | RowKind::Reactions);
                !dated || position > membership.since.0
            }),
        }
    }

    /// What the user is shown after that change.
    pub(crate) fn after(&self, user: UserId, after: ChangeNumber) -> Vec<Change> {
        let seen =
            self.latest.iter().filter(|((feed, id), change)| change.number > after && self.sees(user, *feed, *id));
        let mut changes: Vec<_> = seen.map(|(_, change)| own(change, &self.silent)).collect();
        changes.sort_by_key(|change| change.number);
        changes
    }

    /// Whether a device has it for sure that has always followed along: rows older than the joining it asks for instead.
    pub(crate) fn followed(&self, user: UserId, change: &Change) -> bool {
        let Some(conversation) = change.row.conversation() else { return true };
        let membership = self.members.get(&(user, conversation));
        membership.is_none_or(|membership| change.number > membership.before)
    }
}

/// A device that reads the feed a page at a time.
#[derive(Default)]
pub(crate) struct Device {
    pub(crate) cursor: ChangeNumber,
    pub(crate) rows: BTreeMap<RowId, Change>,
}

impl Device {
    /// Reads one page; true if it was the last.
    pub(crate) fn read(&mut self, tables: &MemoryTables, user: UserId, limits: PageLimits) -> bool {
        let page = feed_page(tables, user, self.cursor, limits).unwrap();
        assert!(page.changes.len() <= limits.changes.max(1));
        for change in page.changes {
            assert!(change.number > self.cursor, "{change:?} was there before");
            self.cursor = change.number;
            match &change.row {
                ChangedRow::Left(left) => self.rows.retain(|_, row| row.row.conversation() != Some(*left)),
                ChangedRow::Place(place) => {
                    let (id, since) = (place.conversation.0, place.since.0);
                    self.rows.retain(|(kind, conversation, position), _| {
                        let dated = matches!(kind, RowKind::Message | RowKind::Reactions);
                        !(dated && *conversation == id && *position <= since)
                    });
                }
                _ => {}
            }
            self.rows.insert(row_id(&change), change);
        }
        assert!(page.upto >= self.cursor);
        self.cursor = page.upto;
        page.complete
    }
}
