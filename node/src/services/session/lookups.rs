//! What a user finds: people, conversations, their own sessions.

use raftchat_schema::command::{GroupProfile, MemberRole};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, Stamp, UserId, Username};
use raftchat_schema::limits::{HISTORY_BYTES_MAX, LIST_PAGE_MAX};
use raftchat_schema::view::{ConversationKind, ConversationView, MemberView, PlaceView, SessionEntry, UserView};
use raftchat_state::{
    blocked_by, conversation, conversations_page, direct, sessions_of, user, user_by_name, users_page,
};

use crate::services::answer::Denied;
use crate::services::context::SessionContext;
use crate::services::conversation::{MEMBER_BYTES, Place, absence};
use crate::store::StateView;

impl SessionContext {
    pub(super) async fn users(&self, after: UserId) -> Result<(Vec<UserView>, bool), Denied> {
        // One more than fits, to know whether anything is left.
        let view = self.view().await?;
        let mut page = users_page(&view, after, LIST_PAGE_MAX + 1)?;
        let more = page.len() > LIST_PAGE_MAX;
        page.truncate(LIST_PAGE_MAX);
        self.owe(page.len().saturating_mul(MEMBER_BYTES));
        Ok((self.shown(&view, page)?, more))
    }

    pub(super) async fn blocked(&self) -> Result<Vec<UserView>, Denied> {
        let view = self.view().await?;
        let blocked = blocked_by(&view, self.user)?;
        self.owe(blocked.len().saturating_mul(MEMBER_BYTES));
        self.shown(&view, blocked)
    }

    /// The user whose session it is.
    pub(super) async fn own_user(&self) -> Result<UserView, Denied> {
        let view = self.view().await?;
        let found = user(&view, self.user)?.ok_or(ErrorCode::SessionEnded)?;
        Ok(self.services.shown(&view, self.user, found)?)
    }

    fn shown(&self, view: &StateView, users: Vec<UserView>) -> Result<Vec<UserView>, Denied> {
        users.into_iter().map(|user| Ok(self.services.shown(view, self.user, user)?)).collect()
    }

    pub(super) async fn named(&self, username: capnp::text::Reader<'_>) -> Result<UserView, Denied> {
        self.look(|view| Ok(self.services.shown(view, self.user, by_name(view, username)?)?)).await
    }

    pub(super) async fn conversations(&self, after: ConversationId) -> Result<(Vec<ConversationView>, bool), Denied> {
        let view = self.view().await?;
        let (page, more) = conversations_page(&view, self.user, after, LIST_PAGE_MAX, HISTORY_BYTES_MAX)?;
        self.owe(page.iter().map(ConversationView::weight).sum());
        let shown = page.into_iter().map(|shown| self.services.with_members(&view, self.user, shown));
        Ok((shown.collect::<Result<_, _>>()?, more))
    }

    pub(super) async fn sessions(&self) -> Result<Vec<SessionEntry>, Denied> {
        let view = self.view().await?;
        let entry = |record: raftchat_state::SessionRecord| SessionEntry {
            current: record.id == self.id,
            id: record.id,
            device_name: record.device_name,
            created: record.created,
            last_used: record.last_used,
            address: record.address,
        };
        Ok(sessions_of(&view, self.user)?.into_iter().map(entry).collect())
    }

    /// A conversation of the user.
    pub(in crate::services) fn known(&self, view: &StateView, id: ConversationId) -> Result<ConversationView, Denied> {
        let shown = conversation(view, self.user, id)?.ok_or_else(|| absence(view, id))?;
        Ok(self.services.with_members(view, self.user, shown)?)
    }

    pub(super) async fn direct_with_named(
        &self,
        username: capnp::text::Reader<'_>,
    ) -> Result<(Place, ConversationView), Denied> {
        self.look(|view| self.direct_with(view, by_name(view, username)?.id)).await
    }

    /// The direct conversation with that user, whether or not anything was said in it.
    pub(in crate::services) fn direct_with(
        &self,
        view: &StateView,
        other: UserId,
    ) -> Result<(Place, ConversationView), Denied> {
        if other == self.user {
            return Err(ErrorCode::ToYourself.into());
        }
        if let Some(id) = direct(view, self.user, other)? {
            return Ok((Place::Known(id), self.known(view, id)?));
        }
        let found = user(view, other)?.filter(|other| !other.deleted).ok_or(ErrorCode::NoSuchUser)?;
        let own = user(view, self.user)?.ok_or(ErrorCode::SessionEnded)?;
        let unspoken = unspoken(own, found);
        Ok((Place::Direct(other), self.services.with_members(view, self.user, unspoken)?))
    }
}

fn by_name(view: &StateView, username: capnp::text::Reader<'_>) -> Result<UserView, Denied> {
    let name: Username = username.to_str()?.parse().map_err(|_| ErrorCode::NoSuchUser)?;
    user_by_name(view, &name)?.ok_or_else(|| ErrorCode::NoSuchUser.into())
}

/// A direct conversation in which nothing was said.
fn unspoken(one: UserView, other: UserView) -> ConversationView {
    let mut members = [one, other].map(|user| MemberView {
        added_by: user.id,
        user,
        role: MemberRole::Member,
        joined: Stamp(0),
        since: Position(0),
        read_position: Position(0),
        delivered_position: Position(0),
        changed: ChangeNumber(0),
    });
    members.sort_by_key(|member| member.user.id);
    ConversationView {
        id: ConversationId(0),
        kind: ConversationKind::Direct,
        profile: GroupProfile::default(),
        member_count: 2,
        members: members.into(),
        last_position: Position(0),
        pinned_messages: Vec::new(),
        created: Stamp(0),
        changed: ChangeNumber(0),
        place: PlaceView::default(),
    }
}
