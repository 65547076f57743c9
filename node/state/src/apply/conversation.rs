//! A conversation that a handler changes, and one of its members. Knows no command.

use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::view::ChangedRow;

use super::effects::ApplyError;
use super::step::{Handled, Step};
use crate::feed::Feed;
use crate::keys;
use crate::rows::{ConversationRow, KindRow, MemberRow, MessageRow, Reference};
use crate::tables::Tables;
use crate::views::{self, Viewer};

/// A conversation. Whoever changes it or notes a change in it stores it afterwards.
pub(super) struct Conversation {
    pub(super) id: ConversationId,
    pub(super) row: ConversationRow,
}

impl Conversation {
    /// The conversation, if there is one that somebody is in.
    pub(super) fn existing<T: Tables>(step: &Step<'_, T>, id: ConversationId) -> Handled<T, Self> {
        let row: Option<ConversationRow> = step.get(&keys::conversation(id))?;
        let row = row.filter(|row| row.member_count() > 0).ok_or(ErrorCode::NoSuchConversation)?;
        Ok(Self { id, row })
    }

    pub(super) fn feed(&self) -> Feed {
        Feed::Conversation(self.id)
    }

    /// As [`Step::note`], in the conversation's feed.
    pub(super) fn note<T: Tables>(
        &mut self,
        step: &mut Step<'_, T>,
        before: ChangeNumber,
        reference: Reference,
    ) -> Result<ChangeNumber, ApplyError<T::Error>> {
        let number = step.note(self.feed(), before, reference)?;
        self.row.last_change = number;
        Ok(number)
    }

    /// As [`Conversation::note`], of the conversation itself.
    pub(super) fn note_itself<T: Tables>(&mut self, step: &mut Step<'_, T>) -> Result<(), ApplyError<T::Error>> {
        let reference = Reference::Conversation { conversation: self.id };
        self.row.changed = self.note(step, self.row.changed, reference)?;
        Ok(())
    }

    pub(super) fn store<T: Tables>(&self, step: &mut Step<'_, T>) -> Result<(), ApplyError<T::Error>> {
        step.put(keys::conversation(self.id), &self.row)
    }

    /// As [`Step::show`], in the conversation's feed.
    pub(super) fn show<T: Tables>(&self, step: &mut Step<'_, T>, number: ChangeNumber, row: ChangedRow) {
        step.show(self.feed(), number, row);
    }

    /// Shows the conversation itself, after what belongs to it was stored.
    pub(super) fn show_itself<T: Tables>(&self, step: &mut Step<'_, T>) -> Result<(), ApplyError<T::Error>> {
        let view = views::conversation(step.tables, Viewer::Anybody, self.id, &self.row)?;
        self.show(step, self.row.changed, ChangedRow::Conversation(view));
        Ok(())
    }
}

/// A conversation and one of its members.
pub(super) struct Place {
    pub(super) conversation: Conversation,
    pub(super) user: UserId,
    pub(super) member: MemberRow,
}

impl Place {
    /// The user's place in the conversation; refuses who is not in it.
    pub(super) fn of<T: Tables>(step: &Step<'_, T>, user: UserId, id: ConversationId) -> Handled<T, Self> {
        let conversation = Conversation::existing(step, id)?;
        let member = step.get(&keys::member(id, user))?.ok_or(ErrorCode::NotAMember)?;
        Ok(Self { conversation, user, member })
    }

    /// As [`Place::of`]; refuses a direct conversation.
    pub(super) fn in_group<T: Tables>(step: &Step<'_, T>, user: UserId, id: ConversationId) -> Handled<T, Self> {
        let place = Self::of(step, user, id)?;
        match place.conversation.row.kind {
            KindRow::Group => Ok(place),
            KindRow::Direct { .. } => Err(ErrorCode::NotAGroup.into()),
        }
    }

    /// The message there, if the member may see it.
    pub(super) fn message<T: Tables>(&self, step: &Step<'_, T>, position: Position) -> Handled<T, MessageRow> {
        let message = step.get(&keys::message(self.conversation.id, position))?;
        Ok(message.filter(|_| position > self.member.since).ok_or(ErrorCode::NoSuchMessage)?)
    }

    pub(super) fn store_member<T: Tables>(&self, step: &mut Step<'_, T>) -> Result<(), ApplyError<T::Error>> {
        step.put(keys::member(self.conversation.id, self.user), &self.member)
    }
}
