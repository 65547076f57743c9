//! What the services ask of the state. Reads only, and each query one consistent state: hand it a snapshot.
//! Who is online is not known here; views say `online: false`.

use raftchat_schema::command::Verifier;
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::{
    ChangeNumber, ConversationId, DeviceId, Position, SessionId, Stamp, StateHash, TokenHash, UserId, Username,
};
use raftchat_schema::limits::HISTORY_PAGE_MAX;
use raftchat_schema::view::{ConversationView, MessageView, UserView};

use crate::hash;
use crate::keys;
use crate::read::{self, ReadError};
use crate::rows::{ConversationRow, Counters, MemberRow, MessageRow, SessionRow, UserRow, VerifierRow};
use crate::tables::{Order, Rows};
use crate::views;

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Their username.
    pub username: Username,
    /// The device it is bound to: on another it is not to be granted.
    pub device: DeviceId,
    /// What the user calls the device.
    pub device_name: String,
    /// When it was opened.
    pub created: Stamp,
    /// When it was last used, to within an hour.
    pub last_used: Stamp,
    /// When it ends if it is not used again.
    pub expires_at: Stamp,
}

/// The rolling hash of all rows ever written; zeros before the first.
pub fn state_hash<R: Rows>(rows: &R) -> Result<StateHash, ReadError<R::Error>> {
    Ok(read::row(rows, &keys::state_hash())?.unwrap_or(hash::EMPTY))
}

/// The number of the last change.
pub fn change_number<R: Rows>(rows: &R) -> Result<ChangeNumber, ReadError<R::Error>> {
    Ok(counters(rows)?.change)
}

/// The cluster's time: the highest stamp applied.
pub fn stamp<R: Rows>(rows: &R) -> Result<Stamp, ReadError<R::Error>> {
    Ok(counters(rows)?.stamp)
}

pub(crate) fn counters<R: Rows>(rows: &R) -> Result<Counters, ReadError<R::Error>> {
    Ok(read::row(rows, &keys::counters())?.unwrap_or_default())
}

/// The open session with that token; none if it ended or has expired by the cluster's time.
pub fn session_by_token<R: Rows>(rows: &R, token: &TokenHash) -> Result<Option<SessionRecord>, ReadError<R::Error>> {
    match read::row(rows, &keys::token(token))? {
        None => Ok(None),
        Some(id) => session(rows, id),
    }
}

/// That session; none if it ended or has expired by the cluster's time.
pub fn session<R: Rows>(rows: &R, id: SessionId) -> Result<Option<SessionRecord>, ReadError<R::Error>> {
    let Some(row) = read::row::<_, SessionRow>(rows, &keys::session(id))? else { return Ok(None) };
    let expires_at = row.expires_at();
    if expires_at <= stamp(rows)? {
        return Ok(None);
    }
    Ok(Some(SessionRecord {
        id,
        user: row.user,
        username: row.username,
        device: row.device,
        device_name: row.device_name,
        created: row.created,
        last_used: row.last_used,
        expires_at,
    }))
}

/// The user of that name, also one whose account is deleted.
pub fn user_by_name<R: Rows>(rows: &R, name: &Username) -> Result<Option<UserView>, ReadError<R::Error>> {
    match read::row(rows, &keys::username(name))? {
        None => Ok(None),
        Some(id) => user(rows, id),
    }
}

/// That user, also one whose account is deleted.
pub fn user<R: Rows>(rows: &R, id: UserId) -> Result<Option<UserView>, ReadError<R::Error>> {
    Ok(read::row(rows, &keys::user(id))?.map(|row| views::user(id, row)))
}

/// What the user's password is checked against, and its version; none for a deleted account.
pub fn verifier<R: Rows>(rows: &R, user: UserId) -> Result<Option<(Verifier, u32)>, ReadError<R::Error>> {
    let row: Option<VerifierRow> = read::row(rows, &keys::verifier(user))?;
    Ok(row.map(|row| (row.verifier, row.version)))
}

/// The first `limit` users above `after` who have an account, in order of id.
pub fn users_page<R: Rows>(rows: &R, after: UserId, limit: usize) -> Result<Vec<UserView>, ReadError<R::Error>> {
    let mut page = Vec::new();
    let mut after = after;
    while page.len() < limit {
        let wanted = limit.saturating_sub(page.len());
        let span = keys::users_above(after);
        let users = read::first(rows, &span, Order::Ascending, wanted, read::numbered::<1, UserRow>)?;
        let Some(([last], _)) = users.last() else { break };
        after = UserId(*last);
        let present = users.into_iter().filter(|(_, row)| !row.deleted);
        page.extend(present.map(|([id], row)| views::user(UserId(id), row)));
    }
    Ok(page)
}

/// The first `limit` conversations of the user above `after`, in order of id.
pub fn conversations_page<R: Rows>(
    rows: &R,
    user: UserId,
    after: ConversationId,
    limit: usize,
) -> Result<Vec<ConversationView>, ReadError<R::Error>> {
    let span = keys::memberships_above(user, after);
    let ids = read::first(rows, &span, Order::Ascending, limit, read::bare::<2>)?;
    let mut page = Vec::with_capacity(ids.len());
    for [_user, id] in ids {
        page.extend(conversation(rows, user, ConversationId(id))?);
    }
    Ok(page)
}

/// That conversation as the user sees it; none if the user is not in it.
pub fn conversation<R: Rows>(
    rows: &R,
    user: UserId,
    id: ConversationId,
) -> Result<Option<ConversationView>, ReadError<R::Error>> {
    let Some(member) = read::row::<_, MemberRow>(rows, &keys::member(id, user))? else { return Ok(None) };
    let row: ConversationRow = read::needed(rows, &keys::conversation(id))?;
    views::conversation_of(rows, id, &row, &member).map(Some)
}

/// The direct conversation between the two, whichever is named first; none before its first message.
pub fn direct<R: Rows>(rows: &R, user: UserId, other: UserId) -> Result<Option<ConversationId>, ReadError<R::Error>> {
    read::row(rows, &keys::pair(user, other))
}

/// The newest `limit` messages (at most [`HISTORY_PAGE_MAX`]) below `before` (0: of all), ascending.
///
/// Refuses with `no-such-conversation` what the user is not in.
pub fn history<R: Rows>(
    rows: &R,
    user: UserId,
    conversation: ConversationId,
    before: Position,
    limit: u32,
) -> Result<Result<Vec<MessageView>, Refusal>, ReadError<R::Error>> {
    let member: Option<MemberRow> = read::row(rows, &keys::member(conversation, user))?;
    if member.is_none() {
        return Ok(Err(ErrorCode::NoSuchConversation.into()));
    }
    let most = usize::try_from(limit.min(HISTORY_PAGE_MAX)).unwrap_or(usize::MAX);
    let span = keys::messages_below(conversation, before);
    let mut newest = read::first(rows, &span, Order::Descending, most, read::numbered::<2, MessageRow>)?;
    newest.reverse();
    let views = newest.into_iter().map(|([_id, position], row)| views::message(conversation, Position(position), row));
    Ok(Ok(views.collect()))
}
