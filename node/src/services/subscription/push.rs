//! What a subscription tells its receiver: changes with their counts, and hints. Sends, and waits for nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use raftchat_schema::id::{ConversationId, UserId};
use raftchat_schema::view::{Change, ChangedRow, Counts};
use raftchat_schema::wire;
use raftchat_state::{ReadError, change_seen_by, counts, is_blocked_between, seen_by, user};

use super::window::Batch;
use super::{Over, Pusher};
use crate::audience::presence::PresenceNews;
use crate::audience::typing_news::TypingNews;
use crate::services::Services;
use crate::store::StoreError;

impl Pusher {
    pub(super) fn push(&mut self, changes: &[Arc<Change>]) -> Result<(), Over> {
        let (services, own) = (&self.context.services, self.context.user);
        let mut call = self.notices.receiver.changes_request();
        let mut list = call.get().init_changes(u32::try_from(changes.len()).unwrap_or(u32::MAX));
        let mut batch = Batch::default();
        let mut touched = BTreeSet::new();
        for (at, change) in (0..).zip(changes) {
            batch.add(change, own);
            touched.extend(change.row.conversation());
            match as_seen_by(services, own, change)? {
                Some(change) => wire::write_change(list.reborrow().get(at), &change),
                None => wire::write_change(list.reborrow().get(at), change),
            }
            self.cursor.change = self.cursor.change.max(change.number);
        }
        let counted = counted(services, own, touched)?;
        let mut list = call.get().init_counts(u32::try_from(counted.len()).unwrap_or(u32::MAX));
        for (at, (conversation, counts)) in (0..).zip(&counted) {
            wire::write_counts(list.reborrow().get(at), *conversation, counts);
        }
        call.get().init_cursor().set_bytes(&self.cursor.to_bytes());
        tracing::debug!(changes = changes.len(), upto = self.cursor.change.0, "pushed");
        self.window.add(&batch);
        self.unacknowledged.push_back(batch.acknowledged(call.send().promise));
        Ok(())
    }

    /// A batch has reached the device.
    pub(super) fn acknowledged(&mut self, batch: Batch) {
        self.window.take(&batch);
        for (conversation, position) in batch.reached() {
            self.context.services.deliveries.reached(self.context.user, conversation, position);
        }
    }

    pub(super) fn tell_presence(&self, news: PresenceNews) -> Result<(), Over> {
        let view = self.context.services.view();
        let Some(user) = user(&view, news.user)? else { return Ok(()) };
        let user = seen_by(&view, self.context.user, user)?;
        if user.presence_hidden && user.id != self.context.user {
            return Ok(());
        }
        self.notices.hint(|receiver| {
            let mut call = receiver.presence_request();
            call.get().set_user(user.id.0);
            call.get().set_username(user.username.as_str());
            call.get().set_online(news.online);
            call.send().promise
        });
        Ok(())
    }

    pub(super) fn tell_typing(&self, news: TypingNews) -> Result<(), Over> {
        let view = self.context.services.view();
        let Some(user) = user(&view, news.user)? else { return Ok(()) };
        if is_blocked_between(&view, self.context.user, user.id)? {
            return Ok(());
        }
        self.notices.hint(|receiver| {
            let mut call = receiver.typing_request();
            call.get().set_conversation(news.conversation.0);
            call.get().set_user(user.id.0);
            call.get().set_username(user.username.as_str());
            call.get().set_active(news.active);
            call.send().promise
        });
        Ok(())
    }
}

/// The counts of conversations, all of one state that has at least what was pushed; those that the user has left have none.
fn counted(
    services: &Services,
    user: UserId,
    conversations: BTreeSet<ConversationId>,
) -> Result<Vec<(ConversationId, Counts)>, ReadError<StoreError>> {
    if conversations.is_empty() {
        return Ok(Vec::new());
    }
    let view = services.view();
    let mut counted = Vec::with_capacity(conversations.len());
    for conversation in conversations {
        counted.extend(counts(&view, user, conversation)?.map(|counts| (conversation, counts)));
    }
    Ok(counted)
}

/// The change as the viewer may see it, with who is online, which is not in the rows; none if that makes no difference. For
/// messages, which is nearly all, no row is looked at.
fn as_seen_by(services: &Services, viewer: UserId, change: &Change) -> Result<Option<Change>, ReadError<StoreError>> {
    let row = match &change.row {
        ChangedRow::User(user) => ChangedRow::User(services.shown(&services.view(), viewer, user.clone())?),
        ChangedRow::Conversation(shown) => {
            ChangedRow::Conversation(services.with_members(&services.view(), viewer, shown.clone())?)
        }
        ChangedRow::Member { conversation, member } => {
            let member = services.shown_member(&services.view(), viewer, member.clone())?;
            ChangedRow::Member { conversation: *conversation, member }
        }
        mark @ (ChangedRow::ReadMark { .. } | ChangedRow::DeliveredMark { .. }) => {
            change_seen_by(&services.view(), viewer, mark.clone())?
        }
        ChangedRow::Message(_)
        | ChangedRow::Reactions { .. }
        | ChangedRow::MemberLeft { .. }
        | ChangedRow::Place(_)
        | ChangedRow::Left(_)
        | ChangedRow::Block { .. } => return Ok(None),
    };
    Ok(Some(Change { number: change.number, row }))
}
