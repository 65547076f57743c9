//! Every bound of the service in one place, with its unit in its name and its reason beside it.

mod acts;

pub use acts::check_message;

/// The largest text of a message, in UTF-8: long enough for any, short enough to travel beside heartbeats. Clients keep to
/// it: nodes do not look into payloads.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What a payload has beside its text: its frame, what it answers and where it is from, with room for more.
pub const PAYLOAD_FRAME_BYTES_MAX: usize = 256;

/// The largest payload of a message, as nodes keep it: a text of [`TEXT_BYTES_MAX`] fits.
pub const PAYLOAD_BYTES_MAX: usize = TEXT_BYTES_MAX + PAYLOAD_FRAME_BYTES_MAX;

/// The largest display name.
pub const DISPLAY_NAME_BYTES_MAX: usize = 128;

/// The largest name of a device in a session.
pub const DEVICE_NAME_BYTES_MAX: usize = 64;

/// The largest password: Argon2id hashes any length, a stranger must not choose how much.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// The shortest password, in characters: NIST SP 800-63B.
pub const PASSWORD_CHARS_MIN: usize = 8;

/// The length of a session token: 256 bits cannot be guessed.
pub const TOKEN_BYTES: usize = 32;

/// The outcomes of a session that are remembered: more than a client has under way at once.
pub const REQUEST_WINDOW: usize = 128;

/// The most messages in one answer of `history`.
pub const HISTORY_PAGE_MAX: u32 = 100;

/// The most payload bytes in one answer of `history`; a single larger message travels alone.
pub const HISTORY_BYTES_MAX: usize = 256 * 1024;

/// The most rows in one answer of `users` or `conversations`.
pub const LIST_PAGE_MAX: usize = 200;

/// The most changes that a subscription has unacknowledged.
pub const PUSH_WINDOW_CHANGES: usize = 64;

/// The most payload bytes that a subscription has unacknowledged; a single larger change travels alone.
pub const PUSH_WINDOW_BYTES: usize = 64 * 1024;

/// The most commands in one log entry.
pub const BATCH_COMMANDS_MAX: usize = 4096;

/// The most bytes of commands in one log entry: a batch crosses a slow link in well under an election timeout.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The most rows that the commands of one log entry may write: applying an entry holds up all that come after it, and two
/// thousand rows take some ten milliseconds. The largest command, a group of 1,000 made by one act, fits by itself.
pub const BATCH_ROWS_MAX: usize = 2048;

/// The most users, sessions or marks in one command of what nodes note: each may cost four rows.
pub const NOTED_AT_ONCE_MAX: usize = BATCH_ROWS_MAX / NOTED_ROWS;

/// What noting one of them may cost, in rows.
pub const NOTED_ROWS: usize = 4;

/// A command of more rows than this waits in a queue of its own, so that it never stands before those of everybody else.
pub const HEAVY_ROWS_MIN: usize = 128;

/// The most such commands that wait.
pub const HEAVY_WAITING_MAX: usize = 256;

/// The most commands that wait for a batch; beyond it a node answers `busy`.
pub const PROPOSALS_WAITING_MAX: usize = 16 * 1024;

/// A session that was not used for so long has expired, by the cluster's age: see [`AGE_STEP_MS_MAX`].
pub const SESSION_IDLE_MS_MAX: u64 = 30 * 24 * 3600 * 1000;

/// A session this old has expired, used or not, by the cluster's age.
pub const SESSION_AGE_MS_MAX: u64 = 180 * 24 * 3600 * 1000;

/// By how much one log entry ages the cluster at most, whatever its stamp says: a clock that jumps by years makes every session
/// a day older. Time in which nothing was logged, as all nodes were off, counts as a day for the same reason.
pub const AGE_STEP_MS_MAX: u64 = 24 * 3600 * 1000;

/// A cluster in which nothing happens logs an entry this often, so that its sessions grow as old as they are: well below
/// [`AGE_STEP_MS_MAX`].
pub const AGE_NOTE_MS: u64 = 6 * 3600 * 1000;

/// How far above the cluster's time the number of a request may be, which clients make of the nanoseconds since 1970: more than
/// any burst is ahead of it, and far from where a number would leave no room for the next.
pub const REQUEST_AHEAD_MS_MAX: u64 = 24 * 3600 * 1000;

/// How exactly the last use of a session is noted: not every command costs a write.
pub const LAST_USED_INTERVAL_MS: u64 = 3600 * 1000;

/// The most sessions of one user; the longest unused one makes room.
pub const SESSIONS_PER_USER_MAX: usize = 64;

/// The most members of a group: a message to it is stored once, and pushed to each.
pub const GROUP_MEMBERS_MAX: usize = 1000;

/// Up to how many members a conversation tells each of the marks of the others. Beyond it a message would cost as many marks as
/// members, each pushed to as many.
pub const RECEIPT_MEMBERS_MAX: usize = 32;

/// The most members in the view of a conversation: a page of conversations must fit a frame.
pub const MEMBERS_SHOWN_MAX: usize = 32;

/// Up to how many members a conversation tells its members of each joining, leaving and role. Beyond it each of n joinings
/// would be told to n people, and one act that makes a group of 1,000 would be a million changes: there the conversation's
/// own row says that something has changed, once an act, and whoever looks at the members asks for them.
pub const MEMBERS_TOLD_MAX: usize = MEMBERS_SHOWN_MAX;

/// The most people that one act adds to a group that is there: each may cost six rows, and an entry has
/// [`BATCH_ROWS_MAX`].
pub const ADDED_AT_ONCE_MAX: usize = 300;

/// The most groups that a user is in: each is looked at whenever a device of theirs catches up.
pub const GROUPS_OF_USER_MAX: u32 = 1000;

/// The most groups that an account makes in an hour: nobody needs more, and each may cost a row of each of 1,000 people.
pub const GROUPS_AN_HOUR_MAX: u64 = 30;

/// The largest title of a group.
pub const TITLE_BYTES_MAX: usize = 128;

/// The most users that a message mentions: each costs a row.
pub const MENTIONS_MAX: usize = 64;

/// The largest reaction: the longest emoji of Unicode, a family of four with skin tones or a flag made of tags, have fewer bytes.
pub const EMOJI_BYTES_MAX: usize = 48;

/// The most different reactions to a message.
pub const REACTION_KINDS_MAX: usize = 20;

/// The most kinds of reactions to a message of one person: others find room beside them.
pub const REACTIONS_OF_ONE_MAX: usize = 5;

/// The most pinned messages of a conversation.
pub const PINNED_MESSAGES_MAX: usize = 50;

/// The most edits of a message: each is kept.
pub const REVISIONS_MAX: u32 = 100;

/// The most people that a user has blocked.
pub const BLOCKS_MAX: usize = 1000;

/// The most rows that one entry erases of what is to be erased: it must not hold up what people do.
pub const ERASE_STEP_ROWS: usize = 256;

/// For how long a word about typing is good.
pub const TYPING_MS: u64 = 6 * 1000;

/// How far apart two last-seen notes of one user are at least.
pub const LAST_SEEN_INTERVAL_MS: u64 = 60 * 1000;

/// Cap'n Proto words that a reader of a device's frames follows: with the library's default, 72 bytes
/// from a stranger made a node hold 64 MiB.
pub const DEVICE_FRAME_WORDS_MAX: usize = 64 * 1024;

/// Cap'n Proto words that a reader of another node's frames follows; they carry batches and snapshot blocks.
pub const PEER_FRAME_WORDS_MAX: usize = 512 * 1024;

/// Cap'n Proto words that a reader of this program's own stored messages follows; large enough for whatever a frame brought.
pub const STORED_WORDS_MAX: usize = 4 * PEER_FRAME_WORDS_MAX;

/// The deepest nesting of a Cap'n Proto message.
pub const NESTING_MAX: i32 = 32;

const _: () = {
    assert!(PAYLOAD_BYTES_MAX * 2 < DEVICE_FRAME_WORDS_MAX * 8, "a message fits a frame");
    assert!(HISTORY_BYTES_MAX + PAYLOAD_BYTES_MAX < DEVICE_FRAME_WORDS_MAX * 8, "a page of history fits a frame");
    assert!(
        2 * (BATCH_BYTES_MAX + PAYLOAD_BYTES_MAX) < PEER_FRAME_WORDS_MAX * 8,
        "what two nodes batched fits a frame"
    );
    assert!(
        PUSH_WINDOW_BYTES + PAYLOAD_BYTES_MAX < DEVICE_FRAME_WORDS_MAX * 8,
        "a message beyond the push window, which travels alone, fits a frame"
    );
};

#[cfg(all(test, feature = "wire"))]
mod tests {
    use super::*;
    use crate::id::Position;
    use crate::payload::Payload;
    use crate::wire::encode_payload;

    #[test]
    fn the_largest_text_fits_a_payload_with_all_that_can_stand_beside_it() {
        let payload = Payload {
            text: "x".repeat(TEXT_BYTES_MAX),
            reply_to: Some(Position(u64::MAX)),
            forwarded_from: "a".repeat(32).parse().ok(),
        };
        assert!(payload.forwarded_from.is_some());
        assert!(encode_payload(&payload).len() <= PAYLOAD_BYTES_MAX);
    }
}
