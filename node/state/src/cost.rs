//! What an act costs the cluster: the one place that says so, for whoever lets people act (`services/context.rs`) and for
//! whoever packs entries (`proposer/batch.rs`). Knows nothing of who pays, and what is left to them.
//!
//! An estimate from the rows as they are before the act, never below what applying it then writes by more than a few rows
//! (`tests/state/costs.rs` compares the two). What is cheap for everybody, a message between two, is one token.

use raftchat_schema::command::{AccountAct, Act, ConversationAct, Recipient, SendMessage, SessionAct};
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::REQUEST_WINDOW;

use crate::keys;
use crate::queries;
use crate::read::{self, ReadError};
use crate::rows::{ConversationRow, MemberRow, MessageRow};
use crate::tables::Rows;

/// So many people whose rows are touched are one more token: about what an act writes for itself.
const PEOPLE_A_TOKEN: usize = 20;
/// So many people whose devices are told are one more token: what is pushed is made once, and then a fifth of a row's work.
const TOLD_A_TOKEN: usize = 100;
/// So many bytes that are stored or rewritten are one more token: on three disks, and twice on each, in log and rows.
const BYTES_A_TOKEN: usize = 8 * 1024;
/// So many messages that are counted anew are one more token.
const COUNTED_A_TOKEN: usize = 100;
/// What any act but a message writes: its outcome, its row and where that stood and stands in the feed, the conversation, the
/// member, settings, the session.
const OWN_ROWS: usize = 12;
/// What a message writes: itself, its id, its entry, the conversation, the sender's membership, what is stored. As few as they
/// are, as they are most of what there is.
const MESSAGE_ROWS: usize = 6;
/// The rows that it takes to make a direct conversation: itself, the pair, its entry, members and memberships.
const DIRECT_ROWS: usize = 9;
/// The rows that it takes to leave a group: also the departure, three entries, the count of groups, what is stored, the heir.
const LEAVE_ROWS: usize = 20;
/// The rows of one more member of a new group: the member and the membership.
const ROWS_A_FOUNDER: usize = 2;
/// What one more member of a group that is there may cost: member, membership, the count in the last membership; where they
/// were there before or each is told, also departure, settings and three entries of the feed.
const ROWS_AN_ADDED: usize = 8;
/// The rows that the end of a session may cost: three of its own, and its outcomes.
const ROWS_A_SESSION: usize = 3 + REQUEST_WINDOW;
/// The worth of a look at all blocks of somebody, in people.
const BLOCK_PEOPLE: usize = 100;

/// The cost of an act, before it is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The number of people whose rows it touches besides one's own.
    pub people: usize,
    /// To how many people's devices it is pushed.
    pub told: usize,
    /// The number of bytes that it stores or rewrites.
    pub bytes: usize,
    /// The number of messages that it counts.
    pub counted: usize,
    /// The number of rows that it writes.
    pub rows: usize,
    /// The bytes by which what its user has stored grows.
    pub kept: usize,
    /// Whether it adds to what is stored for good. What takes away, moves a mark or ends something does not, and goes on for as
    /// long as anything can be stored.
    pub adds: bool,
}

impl Cost {
    /// Its worth in tokens: 1 for what is cheap.
    pub fn tokens(&self) -> u32 {
        let more = (self.people / PEOPLE_A_TOKEN)
            .saturating_add(self.told / TOLD_A_TOKEN)
            .saturating_add(self.bytes / BYTES_A_TOKEN)
            .saturating_add(self.counted / COUNTED_A_TOKEN);
        u32::try_from(more.saturating_add(1)).unwrap_or(u32::MAX)
    }

    /// The time that applying it takes, in rows: what is counted is read, and that is a tenth of a write.
    pub fn rows(&self) -> usize {
        self.rows.saturating_add(self.counted / 10)
    }

    fn plain() -> Self {
        Self { rows: OWN_ROWS, ..Self::default() }
    }

    fn told(told: usize) -> Self {
        Self { told, ..Self::plain() }
    }

    fn adding(self) -> Self {
        Self { adds: true, ..self }
    }

    fn adding_if(self, adds: bool) -> Self {
        Self { adds, ..self }
    }
}

/// The cost of the act if the user does it now.
pub fn cost<R: Rows>(rows: &R, user: UserId, act: &SessionAct) -> Result<Cost, ReadError<R::Error>> {
    match act {
        SessionAct::Asked(Act::Send(send)) => sent(rows, user, send),
        SessionAct::Asked(Act::In(conversation, act)) => in_conversation(rows, user, *conversation, act),
        SessionAct::Asked(Act::Account(act)) => to_account(rows, user, act),
        SessionAct::ChangePassword { .. } | SessionAct::DeleteAccount { .. } => ending_sessions(rows, user),
    }
}

fn in_conversation<R: Rows>(
    rows: &R,
    user: UserId,
    conversation: ConversationId,
    act: &ConversationAct,
) -> Result<Cost, ReadError<R::Error>> {
    Ok(match act {
        ConversationAct::EditMessage { position, payload } => {
            // What it said is kept beside what it says.
            let bytes = payload.len().saturating_add(message(rows, conversation, *position)?.0);
            Cost { bytes, kept: payload.len(), ..Cost::told(members(rows, conversation)?) }.adding()
        }
        ConversationAct::DeleteMessage { position } => {
            // It is taken off the counts of all who have yet to read it, and each of its revisions is a row.
            let people = members(rows, conversation)?;
            let (_, revisions) = message(rows, conversation, *position)?;
            Cost { people, told: people, rows: OWN_ROWS + people + revisions, ..Cost::default() }
        }
        ConversationAct::React { position, switch, .. } => {
            // Reactions stand in the message's row: all of it is written again.
            let (bytes, _) = message(rows, conversation, *position)?;
            Cost { bytes, ..Cost::told(members(rows, conversation)?) }.adding_if(switch.is_on())
        }
        ConversationAct::PinMessage { switch, .. } => {
            Cost::told(members(rows, conversation)?).adding_if(switch.is_on())
        }
        ConversationAct::MarkRead { position } => marked(rows, user, conversation, *position)?,
        ConversationAct::SaveDraft { draft } => {
            Cost { bytes: draft.len(), ..Cost::plain() }.adding_if(!draft.is_empty())
        }
        ConversationAct::AddMembers { members: added } => {
            let people = added.len();
            let told = members(rows, conversation)?.saturating_add(people);
            Cost { people, told, rows: OWN_ROWS + ROWS_AN_ADDED * people, ..Cost::default() }.adding()
        }
        ConversationAct::RemoveMember { .. } => Cost { rows: LEAVE_ROWS, ..Cost::told(members(rows, conversation)?) },
        ConversationAct::SetRole { .. } | ConversationAct::SetAdminsOnly { .. } => {
            Cost::told(members(rows, conversation)?)
        }
        ConversationAct::Rename { .. } => Cost::told(members(rows, conversation)?).adding(),
        // Nobody is to stay because leaving is dear.
        ConversationAct::Leave => Cost { rows: LEAVE_ROWS, ..Cost::default() },
        ConversationAct::MarkUnread | ConversationAct::Mute { .. } | ConversationAct::PinConversation { .. } => {
            Cost::plain()
        }
    })
}

fn to_account<R: Rows>(rows: &R, user: UserId, act: &AccountAct) -> Result<Cost, ReadError<R::Error>> {
    Ok(match act {
        AccountAct::SetProfile(_) => shown_to_everybody(rows)?.adding(),
        // What one of the two sees of the other is another from then on; and it looks at all blocks that there are.
        AccountAct::Block { .. } => shown_to_everybody(rows)?,
        AccountAct::CreateGroup { members, .. } => {
            let people = members.len();
            let rows = OWN_ROWS + ROWS_A_FOUNDER * (people + 1);
            Cost { people, told: people, rows, ..Cost::default() }.adding()
        }
        AccountAct::EndSession(_) => Cost { rows: OWN_ROWS + ROWS_A_SESSION, ..Cost::default() },
        AccountAct::EndOtherSessions => ending_sessions(rows, user)?,
        #[cfg(feature = "next-level")]
        AccountAct::Wave => Cost::plain(),
    })
}

/// What is shown of oneself is shown to everybody there is.
fn shown_to_everybody<R: Rows>(rows: &R) -> Result<Cost, ReadError<R::Error>> {
    let everybody = usize::try_from(queries::counters(rows)?.user.0).unwrap_or(usize::MAX);
    Ok(Cost { people: everybody.max(BLOCK_PEOPLE), ..Cost::told(everybody) })
}

fn ending_sessions<R: Rows>(rows: &R, user: UserId) -> Result<Cost, ReadError<R::Error>> {
    let people = queries::sessions_of(rows, user)?.len();
    Ok(Cost { people, rows: OWN_ROWS + ROWS_A_SESSION * people, ..Cost::default() })
}

fn sent<R: Rows>(rows: &R, user: UserId, send: &SendMessage) -> Result<Cost, ReadError<R::Error>> {
    let (told, own_rows) = match send.to {
        Recipient::Conversation(id) => (members(rows, id)?, MESSAGE_ROWS),
        Recipient::Direct(other) if queries::direct(rows, user, other)?.is_some() => (2, MESSAGE_ROWS),
        Recipient::Direct(_) => (2, MESSAGE_ROWS + DIRECT_ROWS),
    };
    // Each who has blocked the sender may be in it, and has a count that it is taken off.
    let people = send.mentions.len().saturating_add(queries::blocker_count(rows, user)?);
    let (bytes, rows) = (send.payload.len(), own_rows.saturating_add(people));
    Ok(Cost { people, told, bytes, rows, kept: bytes, ..Cost::default() }.adding())
}

/// The cost of telling the others that somebody writes there: it is pushed to all of them, and stored nowhere.
pub fn typing_cost<R: Rows>(rows: &R, conversation: ConversationId) -> Result<Cost, ReadError<R::Error>> {
    Ok(Cost { told: members(rows, conversation)?, ..Cost::default() })
}

fn members<R: Rows>(rows: &R, id: ConversationId) -> Result<usize, ReadError<R::Error>> {
    let count = queries::member_count(rows, id)?.unwrap_or_default();
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// The size of the message there in bytes, and the number of its revisions.
fn message<R: Rows>(rows: &R, id: ConversationId, position: Position) -> Result<(usize, usize), ReadError<R::Error>> {
    let row: Option<MessageRow> = read::row(rows, &keys::message(id, position))?;
    let of = |row: MessageRow| (row.payload.len(), usize::try_from(row.revision).unwrap_or(usize::MAX));
    Ok(row.map(of).unwrap_or_default())
}

/// A read mark counts what it passes, or what is left after it, whichever is less.
fn marked<R: Rows>(
    rows: &R,
    user: UserId,
    id: ConversationId,
    position: Position,
) -> Result<Cost, ReadError<R::Error>> {
    let conversation: Option<ConversationRow> = read::row(rows, &keys::conversation(id))?;
    let member: Option<MemberRow> = read::row(rows, &keys::member(id, user))?;
    let (Some(conversation), Some(member)) = (conversation, member) else { return Ok(Cost::plain()) };
    let to = position.min(conversation.last_position);
    let passed = to.0.saturating_sub(member.read_position.0);
    let counted = passed.min(conversation.last_position.0.saturating_sub(to.0));
    let told = if conversation.shares_marks() { members(rows, id)? } else { 0 };
    Ok(Cost { counted: usize::try_from(counted).unwrap_or(usize::MAX), ..Cost::told(told) })
}
