//! The change feed: every row a client can see stands in it once, at its latest change, and one number says
//! how far a device has come. Knows nothing of subscriptions and of who is listening.
//!
//! The number of a change counts over the whole state machine, so that what a user may see, the directory, their
//! conversations and what is theirs alone, merges into one order. A change that moved since is met at its new number instead:
//! a device that has been away for a year reads each row once.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use raftchat_schema::command::Switch;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::view::{Change, ChangedRow};

use crate::keys;
pub use crate::keys::Feed;
use crate::queries;
use crate::read::{self, ReadError};
use crate::rows::{BlockRow, ConversationRow, DepartedRow, MemberRow, MessageRow, OwnRow, Reference, UserRow};
use crate::tables::{Order, Rows};
use crate::views::{self, Viewer};

/// A change and the feed it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedChange {
    /// The feed that it stands in.
    pub feed: Feed,
    /// The change, with its number.
    pub change: Change,
}

/// The bounds of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// The most changes; 0 counts as 1.
    pub changes: usize,
    /// The most bytes by [`ChangedRow::weight`]; a single larger change travels alone.
    pub bytes: usize,
}

/// A stretch of what a user may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// In order of number.
    pub changes: Vec<Change>,
    /// Where to go on from: the last change in the page, or the last there is when the page is complete, so that an
    /// idle cursor advances too.
    pub upto: ChangeNumber,
    /// Nothing is left after this page.
    pub complete: bool,
}

/// The feeds that this user may read, and of a conversation from which position on: changes of messages and reactions
/// up to and with it are not for them. 0 for the other feeds.
pub fn feeds_of<R: Rows>(rows: &R, user: UserId) -> Result<Vec<(Feed, Position)>, ReadError<R::Error>> {
    let mut feeds = vec![(Feed::Directory, Position(0)), (Feed::Own(user), Position(0))];
    for id in queries::conversations_of(rows, user)? {
        let member: MemberRow = read::needed(rows, &keys::member(id, user))?;
        feeds.push((Feed::Conversation(id), member.since));
    }
    Ok(feeds)
}

/// The changes after `after` that this user may see, in order, each row at its latest.
///
/// Costs a look at each of the user's conversations, and beyond that what changed, up to the limits.
pub fn feed_page<R: Rows>(
    rows: &R,
    user: UserId,
    after: ChangeNumber,
    limits: PageLimits,
) -> Result<FeedPage, ReadError<R::Error>> {
    let most = limits.changes.max(1);
    // One more than fits, to know whether anything is left.
    let mut found = Lowest { most: most.saturating_add(1), references: BTreeMap::new() };
    for feed in [Feed::Directory, Feed::Own(user)] {
        found.gather(rows, feed, after, Position(0))?;
    }
    for id in queries::conversations_of(rows, user)? {
        let conversation: ConversationRow = read::needed(rows, &keys::conversation(id))?;
        if conversation.last_change > after {
            let member: MemberRow = read::needed(rows, &keys::member(id, user))?;
            found.gather(rows, Feed::Conversation(id), after, member.since)?;
        }
    }
    let mut page = FeedPage { changes: Vec::new(), upto: after, complete: false };
    let mut bytes = 0_usize;
    for (number, reference) in found.references {
        let row = changed_row(rows, user, reference)?;
        bytes = bytes.saturating_add(row.weight());
        let full = page.changes.len() == most || bytes > limits.bytes;
        if full && !page.changes.is_empty() {
            return Ok(page);
        }
        page.upto = number;
        page.changes.push(Change { number, row });
    }
    page.upto = after.max(queries::change_number(rows)?);
    page.complete = true;
    Ok(page)
}

/// The lowest few changes of several feeds.
struct Lowest {
    most: usize,
    references: BTreeMap<ChangeNumber, Reference>,
}

impl Lowest {
    /// Takes in what is after `after`, but for messages up to and with `since`.
    fn gather<R: Rows>(
        &mut self,
        rows: &R,
        feed: Feed,
        after: ChangeNumber,
        since: Position,
    ) -> Result<(), ReadError<R::Error>> {
        let span = keys::changes_above(feed, after);
        read::each(rows, &span, Order::Ascending, parse, |(number, reference)| {
            if reference.position().is_some_and(|position| position <= since) {
                return ControlFlow::Continue(());
            }
            self.references.insert(number, reference);
            if self.references.len() <= self.most {
                return ControlFlow::Continue(());
            }
            // The highest is one too many; if it is the one just met, the rest of this feed is higher still.
            match self.references.pop_last() {
                Some((highest, _)) if highest == number => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })
    }
}

fn parse(key: &[u8], row: &[u8]) -> Option<(ChangeNumber, Reference)> {
    let (_feed, number) = keys::parse_change(key)?;
    Some((number, minicbor::decode(row).ok()?))
}

/// The row of a change as it stands, as `user` may see it.
fn changed_row<R: Rows>(rows: &R, viewer: UserId, reference: Reference) -> Result<ChangedRow, ReadError<R::Error>> {
    let seen_by = Viewer::User(viewer);
    Ok(match reference {
        Reference::Message { conversation, position } => {
            let row: MessageRow = read::needed(rows, &keys::message(conversation, position))?;
            ChangedRow::Message(views::message(conversation, position, row))
        }
        Reference::Reactions { conversation, position } => {
            let row: MessageRow = read::needed(rows, &keys::message(conversation, position))?;
            ChangedRow::Reactions { conversation, position, reactions: views::reactions(row.reactions) }
        }
        Reference::Conversation { conversation } => {
            let row: ConversationRow = read::needed(rows, &keys::conversation(conversation))?;
            ChangedRow::Conversation(views::conversation(rows, seen_by, conversation, &row)?)
        }
        Reference::ReadMark { conversation, user } => {
            let row: MemberRow = read::needed(rows, &keys::member(conversation, user))?;
            let position = views::mark(rows, seen_by, user, row.read_position)?;
            ChangedRow::ReadMark { conversation, user, position }
        }
        Reference::DeliveredMark { conversation, user } => {
            let row: MemberRow = read::needed(rows, &keys::member(conversation, user))?;
            let position = views::mark(rows, seen_by, user, row.delivered())?;
            ChangedRow::DeliveredMark { conversation, user, position }
        }
        Reference::User { user } => {
            let row: UserRow = read::needed(rows, &keys::user(user))?;
            ChangedRow::User(views::user(user, row))
        }
        Reference::Member { conversation, user } => member_row(rows, conversation, user)?,
        Reference::Own { user, conversation } => own_row(rows, user, conversation)?,
        Reference::Block { user, other } => {
            let row: BlockRow = read::needed(rows, &keys::block(user, other))?;
            ChangedRow::Block { user: other, switch: Switch::from_bool(row.on) }
        }
    })
}

fn member_row<R: Rows>(
    rows: &R,
    conversation: ConversationId,
    user: UserId,
) -> Result<ChangedRow, ReadError<R::Error>> {
    if let Some(row) = read::row(rows, &keys::member(conversation, user))? {
        return Ok(ChangedRow::Member { conversation, member: views::membership(rows, user, &row)? });
    }
    let row: DepartedRow = read::needed(rows, &keys::departed(conversation, user))?;
    Ok(ChangedRow::MemberLeft { conversation, user, by: row.by, after: row.after, at: row.at })
}

fn own_row<R: Rows>(rows: &R, user: UserId, conversation: ConversationId) -> Result<ChangedRow, ReadError<R::Error>> {
    let own: OwnRow = read::needed(rows, &keys::own(user, conversation))?;
    if own.left {
        return Ok(ChangedRow::Left(conversation));
    }
    let row: ConversationRow = read::needed(rows, &keys::conversation(conversation))?;
    let member: MemberRow = read::needed(rows, &keys::member(conversation, user))?;
    let as_of = queries::change_number(rows)?;
    Ok(ChangedRow::Place(views::place(conversation, &row, &member, own, as_of)))
}
