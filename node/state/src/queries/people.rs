//! Users, their sessions and devices, and whom they have blocked.

use alloc::string::String;
use alloc::vec::Vec;

use raftchat_schema::command::{Outcome, Verifier};
use raftchat_schema::id::{DeviceId, Position, RequestNumber, SessionId, Stamp, TokenHash, UserId, Username};
use raftchat_schema::view::{ChangedRow, ConversationView, MemberView, UserView};

use crate::keys;
use crate::read::{self, ReadError};
use crate::rows::{AllowanceRow, BlockRow, SessionRow, UserRow, VerifierRow};
use crate::tables::{Order, Rows};
use crate::views;

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session's id.
    pub id: SessionId,
    /// The user whose session it is.
    pub user: UserId,
    /// The user's username.
    pub username: Username,
    /// The device it is bound to: on another it is not to be granted.
    pub device: DeviceId,
    /// The name that the user gave the device.
    pub device_name: String,
    /// The time when it was opened.
    pub created: Stamp,
    /// The time of its last use, to within an hour.
    pub last_used: Stamp,
    /// The IP address it was last used from; empty if not known.
    pub address: String,
    /// For how long it lasts if it is not used again, in ms of the cluster's age.
    pub left_ms: u64,
    /// The outcomes of requests below are forgotten.
    floor: RequestNumber,
}

/// The open session with that token; none if it ended or has expired by the cluster's age.
pub fn session_by_token<R: Rows>(rows: &R, token: &TokenHash) -> Result<Option<SessionRecord>, ReadError<R::Error>> {
    match read::row(rows, &keys::token(token))? {
        None => Ok(None),
        Some(id) => session(rows, id),
    }
}

/// The open sessions of the user, in order of id.
pub fn sessions_of<R: Rows>(rows: &R, user: UserId) -> Result<Vec<SessionRecord>, ReadError<R::Error>> {
    let mut sessions = Vec::new();
    for [_user, id] in read::all(rows, &keys::sessions_of(user), read::bare::<2>)? {
        sessions.extend(session(rows, SessionId(id))?);
    }
    Ok(sessions)
}

/// That session; none if it ended or has expired by the cluster's age.
pub fn session<R: Rows>(rows: &R, id: SessionId) -> Result<Option<SessionRecord>, ReadError<R::Error>> {
    let Some(row) = read::row::<_, SessionRow>(rows, &keys::session(id))? else { return Ok(None) };
    let left_ms = row.left(super::counters(rows)?.age);
    if left_ms == 0 {
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
        address: row.address,
        left_ms,
        floor: row.floor,
    }))
}

/// The highest number of the session's requests of which anything is known: whoever numbers a new one goes above it.
pub fn highest_request<R: Rows>(rows: &R, session: &SessionRecord) -> Result<RequestNumber, ReadError<R::Error>> {
    let outcomes = keys::outcomes_of(session.id);
    let last = read::first(rows, &outcomes, Order::Descending, 1, read::bare::<2>)?;
    let last = last.first().map_or(RequestNumber(0), |[_session, request]| RequestNumber(*request));
    Ok(last.max(session.floor))
}

/// The result of that request of the session, as long as it is remembered.
pub fn outcome<R: Rows>(
    rows: &R,
    session: SessionId,
    request: RequestNumber,
) -> Result<Option<Outcome>, ReadError<R::Error>> {
    read::row(rows, &keys::outcome(session, request))
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

/// The verifier of the user's password, and its version; none for a deleted account.
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

/// True if the user has an open session on that device. One that was logged out, or whose session was ended from elsewhere, is
/// as strange as any other: whoever holds it now need not be the user.
pub fn knows_device<R: Rows>(rows: &R, user: UserId, device: DeviceId) -> Result<bool, ReadError<R::Error>> {
    Ok(sessions_of(rows, user)?.iter().any(|session| session.device == device))
}

/// Users whom that user has blocked, in order of id.
pub fn blocked_by<R: Rows>(rows: &R, user: UserId) -> Result<Vec<UserView>, ReadError<R::Error>> {
    let blocks = read::all(rows, &keys::blocks_of(user), read::numbered::<2, BlockRow>)?;
    let mut blocked = Vec::new();
    for ([_user, other], _) in blocks.into_iter().filter(|(_, row)| row.on) {
        let other = UserId(other);
        blocked.push(views::user(other, read::needed(rows, &keys::user(other))?));
    }
    Ok(blocked)
}

/// About how many bytes are stored of what the user said, and of what that said before: see `apply/allowances.rs`.
pub fn stored_bytes<R: Rows>(rows: &R, user: UserId) -> Result<u64, ReadError<R::Error>> {
    let row: Option<AllowanceRow> = read::row(rows, &keys::allowance(user))?;
    Ok(row.map_or(0, |row| u64::try_from(row.stored).unwrap_or_default()))
}

/// The number of users who have blocked that user.
pub(crate) fn blocker_count<R: Rows>(rows: &R, user: UserId) -> Result<usize, ReadError<R::Error>> {
    let row: Option<AllowanceRow> = read::row(rows, &keys::allowance(user))?;
    Ok(row.map_or(0, |row| usize::try_from(row.blockers).unwrap_or(usize::MAX)))
}

/// Users who have blocked that user, in order of id. They are looked for only where there are any.
pub(crate) fn blockers_of<R: Rows>(rows: &R, user: UserId) -> Result<Vec<UserId>, ReadError<R::Error>> {
    if blocker_count(rows, user)? == 0 {
        return Ok(Vec::new());
    }
    let blockers = read::all(rows, &keys::blockers_of(user), read::bare::<2>)?;
    Ok(blockers.into_iter().map(|[_user, by]| UserId(by)).collect())
}

/// The block of `viewer` by `user`, if there is one.
fn block_of<R: Rows>(rows: &R, user: UserId, viewer: UserId) -> Result<Option<BlockRow>, ReadError<R::Error>> {
    let row: Option<BlockRow> = read::row(rows, &keys::block(user, viewer))?;
    Ok(row.filter(|row| row.on))
}

/// Somebody as `viewer` may see them: of who has blocked the viewer neither when they were there nor what they call
/// themselves since.
pub fn seen_by<R: Rows>(rows: &R, viewer: UserId, user: UserView) -> Result<UserView, ReadError<R::Error>> {
    Ok(match block_of(rows, user.id, viewer)? {
        None => user,
        Some(block) => UserView {
            display_name: block.display_name.unwrap_or(user.display_name),
            last_seen: None,
            online: false,
            presence_hidden: true,
            ..user
        },
    })
}

/// A member as `viewer` may see them: of who has blocked the viewer not how far they have read either.
pub fn member_seen_by<R: Rows>(
    rows: &R,
    viewer: UserId,
    member: MemberView,
) -> Result<MemberView, ReadError<R::Error>> {
    let hidden = block_of(rows, member.user.id, viewer)?.is_some();
    let mark = |position: Position| if hidden { Position(0) } else { position };
    Ok(MemberView {
        user: seen_by(rows, viewer, member.user)?,
        read_position: mark(member.read_position),
        delivered_position: mark(member.delivered_position),
        ..member
    })
}

/// A change as `viewer` may see it: see [`seen_by`] and [`member_seen_by`].
pub fn change_seen_by<R: Rows>(rows: &R, viewer: UserId, row: ChangedRow) -> Result<ChangedRow, ReadError<R::Error>> {
    Ok(match row {
        ChangedRow::User(user) => ChangedRow::User(seen_by(rows, viewer, user)?),
        ChangedRow::Member { conversation, member } => {
            ChangedRow::Member { conversation, member: member_seen_by(rows, viewer, member)? }
        }
        ChangedRow::Conversation(view) => {
            let members = view.members.into_iter().map(|member| member_seen_by(rows, viewer, member));
            ChangedRow::Conversation(ConversationView { members: members.collect::<Result<_, _>>()?, ..view })
        }
        ChangedRow::ReadMark { conversation, user, position } => {
            let hidden = block_of(rows, user, viewer)?.is_some();
            ChangedRow::ReadMark { conversation, user, position: if hidden { Position(0) } else { position } }
        }
        ChangedRow::DeliveredMark { conversation, user, position } => {
            let hidden = block_of(rows, user, viewer)?.is_some();
            ChangedRow::DeliveredMark { conversation, user, position: if hidden { Position(0) } else { position } }
        }
        other => other,
    })
}

/// True if either of the two has blocked the other.
pub fn is_blocked_between<R: Rows>(rows: &R, one: UserId, other: UserId) -> Result<bool, ReadError<R::Error>> {
    for key in [keys::block(one, other), keys::block(other, one)] {
        let row: Option<BlockRow> = read::row(rows, &key)?;
        if row.is_some_and(|row| row.on) {
            return Ok(true);
        }
    }
    Ok(false)
}
