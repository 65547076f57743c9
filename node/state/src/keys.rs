//! Every key of the state machine. The first byte names the table, numbers follow big-endian, so that the
//! order of the keys is the order of the numbers. Knows nothing of what the rows hold.
//!
//! | table | key | row |
//! | --- | --- | --- |
//! | system | item | [`Counters`](crate::rows::Counters), the rolling hash |
//! | users | user | [`UserRow`](crate::rows::UserRow) |
//! | usernames | name | the user; kept for ever |
//! | verifiers | user | [`VerifierRow`](crate::rows::VerifierRow) |
//! | sessions | session | [`SessionRow`](crate::rows::SessionRow) |
//! | tokens | token hash | the session |
//! | user sessions | user, session | empty |
//! | outcomes | session, request | the outcome |
//! | conversations | conversation | [`ConversationRow`](crate::rows::ConversationRow) |
//! | pairs | lower user, higher user | their direct conversation |
//! | members | conversation, user | [`MemberRow`](crate::rows::MemberRow) |
//! | memberships | user, conversation | in how many groups the user is, in the last one |
//! | messages | conversation, position | [`MessageRow`](crate::rows::MessageRow) |
//! | message ids | sender, message id | [`SentRow`](crate::rows::SentRow); kept for ever |
//! | changes | feed, change | [`Reference`](crate::rows::Reference) |
//! | departed | conversation, user | [`DepartedRow`](crate::rows::DepartedRow) |
//! | own | user, conversation | [`OwnRow`](crate::rows::OwnRow) |
//! | blocks | user, other user | [`BlockRow`](crate::rows::BlockRow) |
//! | revisions | conversation, position, revision | [`RevisionRow`](crate::rows::RevisionRow) |
//! | skeletons | what a name looks like | the user who has it; kept for ever |
//! | blockers | user, who has blocked them | empty |
//! | allowances | user | [`AllowanceRow`](crate::rows::AllowanceRow) |
//! | erasures | kind, user or conversation | [`ErasureRow`](crate::rows::ErasureRow) |

use alloc::vec;
use alloc::vec::Vec;

use raftchat_schema::id::{
    ChangeNumber, ConversationId, MessageId, Position, RequestNumber, SessionId, TokenHash, UserId, Username,
};

/// The feed that a change stands in, and so who may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// All users. For everybody.
    Directory,
    /// Events of a conversation. For its members, of messages those after the position since when they see it.
    Conversation(ConversationId),
    /// One user's own rows: their settings, the conversations they left, whom they blocked.
    Own(UserId),
}

/// The tables, by the first byte of their keys. A number is never given to another table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Table {
    System = 1,
    Users = 2,
    Usernames = 3,
    Verifiers = 4,
    Sessions = 5,
    Tokens = 6,
    UserSessions = 7,
    Outcomes = 8,
    Conversations = 9,
    Pairs = 10,
    Members = 11,
    Memberships = 12,
    Messages = 13,
    MessageIds = 14,
    Changes = 15,
    Departed = 16,
    Own = 17,
    Blocks = 18,
    Revisions = 19,
    Erasures = 21,
    Allowances = 24,
    Blockers = 25,
    Skeletons = 26,
}

const COUNTERS: u8 = 1;
const STATE_HASH: u8 = 2;

const DIRECTORY: u8 = 1;
const CONVERSATION: u8 = 2;
const OWN: u8 = 3;

const ACCOUNT: u8 = 1;
const GROUP: u8 = 2;

/// Keys from `from` up to but without `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Vec<u8>,
    pub(crate) to: Vec<u8>,
}

impl Span {
    /// All keys that begin with `prefix`.
    pub(crate) fn of(prefix: Vec<u8>) -> Self {
        Self { to: after_all(&prefix), from: prefix }
    }

    /// All keys of a table.
    pub(crate) fn table(table: Table) -> Self {
        Self::of(vec![table as u8])
    }
}

/// The lowest key that is above everything that begins with `prefix`.
fn after_all(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}

fn key(table: Table, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(table as u8);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

fn numbered<const N: usize>(table: Table, numbers: [u64; N]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + 8 * N);
    key.push(table as u8);
    for number in numbers {
        key.extend_from_slice(&number.to_be_bytes());
    }
    key
}

/// The numbers in a key made of nothing else.
pub(crate) fn numbers<const N: usize>(key: &[u8]) -> Option<[u64; N]> {
    let (_table, mut rest) = key.split_first()?;
    let mut numbers = [0; N];
    for number in &mut numbers {
        let (bytes, tail) = rest.split_first_chunk::<8>()?;
        *number = u64::from_be_bytes(*bytes);
        rest = tail;
    }
    rest.is_empty().then_some(numbers)
}

pub(crate) fn counters() -> Vec<u8> {
    key(Table::System, &[&[COUNTERS]])
}

pub(crate) fn state_hash() -> Vec<u8> {
    key(Table::System, &[&[STATE_HASH]])
}

pub(crate) fn user(user: UserId) -> Vec<u8> {
    numbered(Table::Users, [user.0])
}

/// Users above `after`.
pub(crate) fn users_above(after: UserId) -> Span {
    Span { from: user(after.next()), ..Span::table(Table::Users) }
}

pub(crate) fn username(name: &Username) -> Vec<u8> {
    key(Table::Usernames, &[name.as_str().as_bytes()])
}

/// Under what a name looks like: see [`raftchat_schema::names::skeleton`].
pub(crate) fn skeleton(skeleton: &str) -> Vec<u8> {
    key(Table::Skeletons, &[skeleton.as_bytes()])
}

pub(crate) fn verifier(user: UserId) -> Vec<u8> {
    numbered(Table::Verifiers, [user.0])
}

/// The allowances of a user: what they may do only so often.
pub(crate) fn allowance(user: UserId) -> Vec<u8> {
    numbered(Table::Allowances, [user.0])
}

pub(crate) fn session(session: SessionId) -> Vec<u8> {
    numbered(Table::Sessions, [session.0])
}

pub(crate) fn token(token: &TokenHash) -> Vec<u8> {
    key(Table::Tokens, &[&token.0])
}

pub(crate) fn user_session(user: UserId, session: SessionId) -> Vec<u8> {
    numbered(Table::UserSessions, [user.0, session.0])
}

pub(crate) fn sessions_of(user: UserId) -> Span {
    Span::of(numbered(Table::UserSessions, [user.0]))
}

pub(crate) fn outcome(session: SessionId, request: RequestNumber) -> Vec<u8> {
    numbered(Table::Outcomes, [session.0, request.0])
}

pub(crate) fn outcomes_of(session: SessionId) -> Span {
    Span::of(numbered(Table::Outcomes, [session.0]))
}

pub(crate) fn conversation(conversation: ConversationId) -> Vec<u8> {
    numbered(Table::Conversations, [conversation.0])
}

/// One key for the two, whichever of them comes first.
pub(crate) fn pair(one: UserId, other: UserId) -> Vec<u8> {
    numbered(Table::Pairs, [one.min(other).0, one.max(other).0])
}

pub(crate) fn member(conversation: ConversationId, user: UserId) -> Vec<u8> {
    numbered(Table::Members, [conversation.0, user.0])
}

pub(crate) fn members_of(conversation: ConversationId) -> Span {
    Span::of(numbered(Table::Members, [conversation.0]))
}

pub(crate) fn membership(user: UserId, conversation: ConversationId) -> Vec<u8> {
    numbered(Table::Memberships, [user.0, conversation.0])
}

/// The members with an id above `after`.
pub(crate) fn members_above(conversation: ConversationId, after: UserId) -> Span {
    Span { from: member(conversation, after.next()), ..members_of(conversation) }
}

/// The user's conversations above `after`.
pub(crate) fn memberships_above(user: UserId, after: ConversationId) -> Span {
    Span { from: membership(user, after.next()), ..Span::of(numbered(Table::Memberships, [user.0])) }
}

pub(crate) fn message(conversation: ConversationId, position: Position) -> Vec<u8> {
    numbered(Table::Messages, [conversation.0, position.0])
}

/// The messages after `read` up to and with `last`.
pub(crate) fn messages_after(conversation: ConversationId, read: Position, last: Position) -> Span {
    Span { from: message(conversation, read.next()), to: message(conversation, last.next()) }
}

/// The messages above `after`.
pub(crate) fn messages_above(conversation: ConversationId, after: Position) -> Span {
    Span { from: message(conversation, after.next()), ..Span::of(numbered(Table::Messages, [conversation.0])) }
}

/// The messages above `since` and below `before`; all above it if that is 0.
pub(crate) fn messages_between(conversation: ConversationId, since: Position, before: Position) -> Span {
    let all = messages_above(conversation, since);
    if before.0 == 0 {
        return all;
    }
    Span { to: message(conversation, before), ..all }
}

pub(crate) fn message_id(sender: UserId, id: MessageId) -> Vec<u8> {
    key(Table::MessageIds, &[&sender.0.to_be_bytes(), &id.0])
}

/// The user's messages by their ids, from the one after `after`; all if there is none.
pub(crate) fn message_ids_above(sender: UserId, after: Option<MessageId>) -> Span {
    let all = Span::of(numbered(Table::MessageIds, [sender.0]));
    let Some(after) = after else { return all };
    // The lowest key above a key is that key and a zero byte.
    let mut from = message_id(sender, after);
    from.push(0);
    Span { from, ..all }
}

/// The sender and the message id in a key of the message ids.
pub(crate) fn parse_message_id(key: &[u8]) -> Option<(UserId, MessageId)> {
    let (_table, rest) = key.split_first()?;
    let (sender, id) = rest.split_first_chunk::<8>()?;
    Some((UserId(u64::from_be_bytes(*sender)), MessageId(id.try_into().ok()?)))
}

pub(crate) fn departed(conversation: ConversationId, user: UserId) -> Vec<u8> {
    numbered(Table::Departed, [conversation.0, user.0])
}

/// Former members of a conversation.
pub(crate) fn departed_from(conversation: ConversationId) -> Span {
    Span::of(numbered(Table::Departed, [conversation.0]))
}

pub(crate) fn own(user: UserId, conversation: ConversationId) -> Vec<u8> {
    numbered(Table::Own, [user.0, conversation.0])
}

/// A user's own settings of all conversations.
pub(crate) fn own_of(user: UserId) -> Span {
    Span::of(numbered(Table::Own, [user.0]))
}

pub(crate) fn block(user: UserId, other: UserId) -> Vec<u8> {
    numbered(Table::Blocks, [user.0, other.0])
}

/// Users whom that user has blocked, or once had.
pub(crate) fn blocks_of(user: UserId) -> Span {
    Span::of(numbered(Table::Blocks, [user.0]))
}

pub(crate) fn blocker(user: UserId, by: UserId) -> Vec<u8> {
    numbered(Table::Blockers, [user.0, by.0])
}

/// Users who have blocked that user.
pub(crate) fn blockers_of(user: UserId) -> Span {
    Span::of(numbered(Table::Blockers, [user.0]))
}

pub(crate) fn revision(conversation: ConversationId, position: Position, revision: u32) -> Vec<u8> {
    numbered(Table::Revisions, [conversation.0, position.0, u64::from(revision)])
}

/// Earlier versions of a message.
pub(crate) fn revisions_of(conversation: ConversationId, position: Position) -> Span {
    Span::of(numbered(Table::Revisions, [conversation.0, position.0]))
}

/// Things that are erased piece by piece. Accounts come before groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Erasable {
    Account(UserId),
    Group(ConversationId),
}

pub(crate) fn erasure(of: Erasable) -> Vec<u8> {
    match of {
        Erasable::Account(user) => key(Table::Erasures, &[&[ACCOUNT], &user.0.to_be_bytes()]),
        Erasable::Group(conversation) => key(Table::Erasures, &[&[GROUP], &conversation.0.to_be_bytes()]),
    }
}

/// The thing that the key of an erasure names.
pub(crate) fn parse_erasure(key: &[u8]) -> Option<Erasable> {
    let (_table, rest) = key.split_first()?;
    let (kind, id) = rest.split_first()?;
    let id = u64::from_be_bytes(<[u8; 8]>::try_from(id).ok()?);
    match *kind {
        ACCOUNT => Some(Erasable::Account(UserId(id))),
        GROUP => Some(Erasable::Group(ConversationId(id))),
        _ => None,
    }
}

fn feed(feed: Feed) -> Vec<u8> {
    match feed {
        Feed::Directory => key(Table::Changes, &[&[DIRECTORY], &0_u64.to_be_bytes()]),
        Feed::Conversation(id) => key(Table::Changes, &[&[CONVERSATION], &id.0.to_be_bytes()]),
        Feed::Own(user) => key(Table::Changes, &[&[OWN], &user.0.to_be_bytes()]),
    }
}

pub(crate) fn change(of: Feed, number: ChangeNumber) -> Vec<u8> {
    let mut key = feed(of);
    key.extend_from_slice(&number.0.to_be_bytes());
    key
}

/// The changes of a feed above `after`.
pub(crate) fn changes_above(of: Feed, after: ChangeNumber) -> Span {
    Span { from: change(of, after.next()), ..Span::of(feed(of)) }
}

/// The feed and the number in the key of a change.
pub(crate) fn parse_change(key: &[u8]) -> Option<(Feed, ChangeNumber)> {
    let (_table, rest) = key.split_first()?;
    let (kind, rest) = rest.split_first()?;
    let (id, rest) = rest.split_first_chunk::<8>()?;
    let number = ChangeNumber(u64::from_be_bytes(<[u8; 8]>::try_from(rest).ok()?));
    match (*kind, u64::from_be_bytes(*id)) {
        (DIRECTORY, 0) => Some((Feed::Directory, number)),
        (CONVERSATION, id) => Some((Feed::Conversation(ConversationId(id)), number)),
        (OWN, user) => Some((Feed::Own(UserId(user)), number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_like_their_numbers_and_stay_within_their_span() {
        let low = message(ConversationId(7), Position(255));
        let high = message(ConversationId(7), Position(256));
        let other = message(ConversationId(8), Position(1));
        assert!(low < high && high < other);
        let span = messages_between(ConversationId(7), Position(0), Position(0));
        assert!(span.from <= low && high < span.to && span.to <= other);
    }

    #[test]
    fn the_end_of_a_span_carries_over_full_bytes() {
        assert_eq!(after_all(&[1, 0xff, 0xff]), [2]);
        assert_eq!(after_all(&[1, 2]), [1, 3]);
    }

    #[test]
    fn a_pair_has_one_key() {
        assert_eq!(pair(UserId(3), UserId(900)), pair(UserId(900), UserId(3)));
    }

    #[test]
    fn keys_read_back_what_they_were_made_of() {
        for feed in [Feed::Directory, Feed::Conversation(ConversationId(40)), Feed::Own(UserId(40))] {
            assert_eq!(parse_change(&change(feed, ChangeNumber(9))), Some((feed, ChangeNumber(9))));
        }
        for of in [Erasable::Account(UserId(40)), Erasable::Group(ConversationId(40))] {
            assert_eq!(parse_erasure(&erasure(of)), Some(of));
        }
        let id = MessageId([7; 16]);
        assert_eq!(parse_message_id(&message_id(UserId(5), id)), Some((UserId(5), id)));
        let above = message_ids_above(UserId(5), Some(id));
        assert!(message_id(UserId(5), id) < above.from && above.from < message_id(UserId(5), MessageId([8; 16])));
        assert_eq!(numbers(&member(ConversationId(5), UserId(6))), Some([5, 6]));
        assert_eq!(numbers::<1>(&member(ConversationId(5), UserId(6))), None);
    }
}
