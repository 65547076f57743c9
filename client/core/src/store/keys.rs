//! Every key of the store. Numbers in keys are big-endian, so that keys are in the order of the numbers.

use raftchat_model::OutboxId;
use raftchat_schema::id::{ConversationId, Position, Stamp, UserId};

/// What the first byte of a key in [`Table::Rows`](super::database::Table) says of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The format of the store, and whose it is.
    Origin = 1,
    /// Where the device stands in the feed.
    Cursor = 2,
    /// People and conversations were fetched.
    Bootstrapped = 3,
    /// The highest request number ever given.
    LastNumber = 4,
    /// User → somebody.
    Person = 16,
    /// Conversation → the conversation.
    Conversation = 17,
    /// Conversation, user → a membership.
    Member = 18,
    /// Conversation, user → a departure.
    Departure = 19,
    /// Conversation → what the person has of it.
    Place = 20,
    /// Entry → what is to be done.
    Outbox = 21,
    /// User → nothing; they are blocked.
    Blocked = 22,
    /// User → a draft to them.
    DirectDraft = 23,
    /// Conversation → nothing; its messages are not shown any more and are being erased.
    Removing = 24,
    /// Nothing; words that were deleted are still in the files of the database.
    Unclean = 25,
    /// Nothing → the feature level that a program knew when nodes told what it could not read.
    Outgrown = 26,
}

impl Kind {
    /// All that came from the nodes, apart from messages.
    pub(super) const CACHED: [Self; 8] = [
        Self::Cursor,
        Self::Bootstrapped,
        Self::Person,
        Self::Conversation,
        Self::Member,
        Self::Departure,
        Self::Place,
        Self::Blocked,
    ];

    /// The key of the only row of its kind; what the keys of the others begin with.
    pub(super) fn key(self) -> Vec<u8> {
        vec![self as u8]
    }

    pub(super) fn of_conversation(self, conversation: ConversationId) -> Vec<u8> {
        numbers(self, &[conversation.0])
    }

    pub(super) fn of_user(self, user: UserId) -> Vec<u8> {
        numbers(self, &[user.0])
    }

    pub(super) fn of_member(self, conversation: ConversationId, user: UserId) -> Vec<u8> {
        numbers(self, &[conversation.0, user.0])
    }
}

/// The key of an entry of the outbox.
pub(super) fn outbox(id: OutboxId) -> Vec<u8> {
    numbers(Kind::Outbox, &[id.0])
}

/// In each table: the number of the batch that was written last.
pub(super) const BATCH: &[u8] = &[0];

/// The key of a message.
pub(super) fn message(conversation: ConversationId, position: Position) -> Vec<u8> {
    [conversation.0.to_be_bytes(), position.0.to_be_bytes()].concat()
}

/// What the keys of a conversation's messages begin with.
pub(super) fn messages(conversation: ConversationId) -> Vec<u8> {
    conversation.0.to_be_bytes().to_vec()
}

/// The number at the beginning of `key`, behind its kind.
pub(super) fn first_number(key: &[u8]) -> Option<u64> {
    number(key.get(1..)?)
}

/// The conversation and position of a message's key.
pub(super) fn of_message(key: &[u8]) -> Option<(ConversationId, Position)> {
    Some((ConversationId(number(key)?), Position(number(key.get(8..)?)?)))
}

/// Where a message stands among all in the index: the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(pub(super) [u8; 24]);

impl Rank {
    /// Before all others.
    pub(super) const FIRST: Self = Self([0; 24]);

    pub(super) fn new(sent_at: Stamp, conversation: ConversationId, position: Position) -> Self {
        let numbers = [!sent_at.0, conversation.0, !position.0].map(u64::to_be_bytes);
        let mut rank = [0; 24];
        rank.iter_mut().zip(numbers.as_flattened()).for_each(|(slot, byte)| *slot = *byte);
        Self(rank)
    }

    pub(super) fn conversation(&self) -> ConversationId {
        ConversationId(self.number(8))
    }

    pub(super) fn position(&self) -> Position {
        Position(!self.number(16))
    }

    /// The one right behind.
    pub(super) fn next(mut self) -> Self {
        for byte in self.0.iter_mut().rev() {
            let (next, overflown) = byte.overflowing_add(1);
            *byte = next;
            if !overflown {
                break;
            }
        }
        self
    }

    fn number(&self, at: usize) -> u64 {
        self.0.get(at..).and_then(number).unwrap_or_default()
    }
}

/// The key of a message's entry under a word: the word, 0, the message's rank. No word has a 0 in it.
pub(super) fn posting(word: &str, rank: Rank) -> Vec<u8> {
    [word.as_bytes(), &[0], &rank.0].concat()
}

/// The word and the rank of a posting's key.
pub(super) fn of_posting(key: &[u8]) -> Option<(&[u8], Rank)> {
    let (rest, rank) = key.split_last_chunk::<24>()?;
    let (_, word) = rest.split_last()?;
    Some((word, Rank(*rank)))
}

fn numbers(kind: Kind, numbers: &[u64]) -> Vec<u8> {
    let mut key = Vec::with_capacity(17);
    key.push(kind as u8);
    key.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    key
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<8>().copied().map(u64::from_be_bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_newest_message_has_the_lowest_rank() {
        let rank = |sent_at, conversation, position| {
            Rank::new(Stamp(sent_at), ConversationId(conversation), Position(position))
        };
        assert!(rank(9, 7, 1) < rank(8, 1, 1));
        assert!(rank(9, 7, 2) < rank(9, 7, 1));
        assert!(Rank::FIRST < rank(u64::MAX - 1, 0, 0));
        let key = posting("hello", rank(9, 7, 2));
        let (word, found) = of_posting(&key).unwrap();
        assert_eq!((word, found), (&b"hello"[..], rank(9, 7, 2)));
        assert_eq!((found.conversation(), found.position()), (ConversationId(7), Position(2)));
        assert_eq!(of_posting(b"short"), None);
    }
}
