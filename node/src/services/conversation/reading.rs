//! What a member reads of the conversation: as much as fits a frame, from what this node has applied.

use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::conversation::history_params;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::{HISTORY_BYTES_MAX, LIST_PAGE_MAX};
use raftchat_schema::view::{ConversationView, MemberView, MessageView, RevisionView};
use raftchat_state::{HistoryRange, conversation_exists, history, members_page, revisions};

use super::{ConversationService, Place};
use crate::services::answer::Denied;
use crate::store::StateView;

/// What a member or a user in an answer counts for.
pub(in crate::services) const MEMBER_BYTES: usize = 256;

/// Which messages are asked for.
pub(super) fn range(params: history_params::Reader<'_>) -> HistoryRange {
    match params.get_after() {
        0 => HistoryRange::Below(Position(params.get_before())),
        after => HistoryRange::Above(Position(after)),
    }
}

impl ConversationService {
    pub(super) async fn page_of_history(&self, range: HistoryRange, limit: u32) -> Result<Vec<MessageView>, Denied> {
        let (context, user) = (&self.context, self.context.user);
        let mut page = context
            .look(|view| match self.id(view)? {
                Some(id) => Ok(history(view, user, id, range, limit)??),
                None => Ok(Vec::new()),
            })
            .await?;
        match range {
            HistoryRange::Above(_) => page.truncate(fitting(page.iter().map(MessageView::weight))),
            HistoryRange::Below(_) => keep_last(&mut page, MessageView::weight),
        }
        context.owe(page.iter().map(MessageView::weight).sum());
        Ok(page)
    }

    /// The newest revisions that fit, and whether older ones are left out.
    pub(super) async fn revisions_of(&self, position: Position) -> Result<(Vec<RevisionView>, bool), Denied> {
        let (conversation, user) = (self.existing().await?, self.context.user);
        let mut all = self.context.look(|view| Ok(revisions(view, user, conversation, position)??)).await?;
        keep_last(&mut all, |revision| revision.payload.len());
        self.context.owe(all.iter().map(|revision| revision.payload.len()).sum());
        // The first of all has the number 0.
        let more = all.first().is_some_and(|revision| revision.revision > 0);
        Ok((all, more))
    }

    /// A page of the members, and whether there are more.
    pub(super) async fn members_above(&self, after: UserId) -> Result<(Vec<MemberView>, bool), Denied> {
        let (id, context) = (self.existing().await?, &self.context);
        let page = |view: &StateView| {
            let found = members_page(view, context.user, id, after, LIST_PAGE_MAX)?;
            let (members, more) = found.ok_or_else(|| absence(view, id))?;
            let shown = members.into_iter().map(|member| context.services.shown_member(view, context.user, member));
            Ok((shown.collect::<Result<_, _>>()?, more))
        };
        let (members, more): (Vec<MemberView>, bool) = context.look(page).await?;
        context.owe(members.len().saturating_mul(MEMBER_BYTES));
        Ok((members, more))
    }

    /// The conversation as the member sees it.
    pub(super) async fn shown(&self) -> Result<ConversationView, Denied> {
        let context = &self.context;
        context
            .look(|view| match self.place {
                Place::Known(id) => context.known(view, id),
                Place::Direct(other) => Ok(context.direct_with(view, other)?.1),
            })
            .await
    }
}

/// Why there is no such conversation for somebody who is not in it.
pub(in crate::services) fn absence(view: &StateView, id: ConversationId) -> Denied {
    match conversation_exists(view, id) {
        Ok(true) => ErrorCode::NotAMember.into(),
        Ok(false) => ErrorCode::NoSuchConversation.into(),
        Err(error) => error.into(),
    }
}

/// How many of the first fit a frame; one always does.
fn fitting(weights: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0_usize;
    let fitting = weights.take_while(|weight| {
        bytes = bytes.saturating_add(*weight);
        bytes <= HISTORY_BYTES_MAX
    });
    fitting.count().max(1)
}

/// Keeps the last that fit a frame.
fn keep_last<T>(items: &mut Vec<T>, weight: impl Fn(&T) -> usize) {
    let kept = fitting(items.iter().rev().map(weight));
    items.drain(..items.len().saturating_sub(kept));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_kept_as_fits_and_always_one() {
        let large = HISTORY_BYTES_MAX;
        for (mut weights, first, last) in [
            (vec![1, 2, 3], vec![1, 2, 3], vec![1, 2, 3]),
            (vec![1, large - 1, 1], vec![1, large - 1], vec![large - 1, 1]),
            (vec![large + 1, large + 2], vec![large + 1], vec![large + 2]),
            (vec![], vec![], vec![]),
        ] {
            let mut beginning = weights.clone();
            beginning.truncate(fitting(beginning.iter().copied()));
            keep_last(&mut weights, |weight| *weight);
            assert_eq!((beginning, weights), (first, last));
        }
    }
}
