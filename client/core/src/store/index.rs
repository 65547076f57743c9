//! Which messages say a word: an entry for each word of each message. Knows nothing of queries.

use std::collections::BTreeSet;

use raftchat_model::text::words;
use raftchat_schema::view::{MessageState, MessageView};
use raftchat_schema::wire;

use super::database::Table;
use super::keys::{self, Rank};
use super::overlay::Overlay;

/// Where the message stands among all.
pub(super) fn rank(message: &MessageView) -> Rank {
    Rank::new(message.sent_at, message.conversation, message.position)
}

/// What the message says, as far as this program can read it.
pub(super) fn text(message: &MessageView) -> Option<String> {
    if message.state == MessageState::Deleted {
        return None;
    }
    wire::decode_payload(&message.payload).ok().map(|payload| payload.text)
}

/// Replaces the entries of what was stored by those of what will be.
pub(super) fn replace(rows: &mut Overlay<'_>, old: Option<&MessageView>, new: Option<&MessageView>) {
    let (before, after) = (old.map(postings).unwrap_or_default(), new.map(postings).unwrap_or_default());
    for gone in before.difference(&after) {
        rows.erase(Table::Words, gone.clone());
    }
    for fresh in after.difference(&before) {
        rows.mark(Table::Words, fresh.clone());
    }
}

fn postings(message: &MessageView) -> BTreeSet<Vec<u8>> {
    let rank = rank(message);
    let text = text(message).unwrap_or_default();
    words::words(&text).map(|word| keys::posting(&word, rank)).collect()
}
