//! What an act may hold: one function for the client, which spares a call, for the service, which spares the log, and for
//! apply, which decides. Knows no state: what an act may do there is apply's alone.

use super::{
    ADDED_AT_ONCE_MAX, DISPLAY_NAME_BYTES_MAX, EMOJI_BYTES_MAX, GROUP_MEMBERS_MAX, MENTIONS_MAX, PAYLOAD_BYTES_MAX,
    TITLE_BYTES_MAX,
};
use crate::command::{AccountAct, Act, ConversationAct};
use crate::error::ErrorCode;
use crate::id::UserId;
use crate::text::blank::is_blank;

impl Act {
    /// Refuses what is empty or larger than it may be, wherever it would be done. Lists are counted as they are: who names
    /// somebody twice has named two.
    pub fn check_limits(&self) -> Result<(), ErrorCode> {
        match self {
            Self::Send(send) => check_message(&send.payload, &send.mentions),
            Self::In(_, act) => check_in_conversation(act),
            Self::Account(act) => check_account(act),
        }
    }
}

/// Refuses a message that no act could hold.
pub fn check_message(payload: &[u8], mentions: &[UserId]) -> Result<(), ErrorCode> {
    check_payload(payload)?;
    at_most(mentions.len(), MENTIONS_MAX, ErrorCode::TooMany)
}

fn check_in_conversation(act: &ConversationAct) -> Result<(), ErrorCode> {
    match act {
        ConversationAct::EditMessage { payload, .. } => check_payload(payload),
        ConversationAct::SaveDraft { draft } => at_most(draft.len(), PAYLOAD_BYTES_MAX, ErrorCode::TooLarge),
        ConversationAct::React { emoji, .. } => at_most(emoji.len(), EMOJI_BYTES_MAX, ErrorCode::MalformedReaction),
        ConversationAct::AddMembers { members } => at_most(members.len(), ADDED_AT_ONCE_MAX, ErrorCode::TooMany),
        ConversationAct::Rename { title } => check_title(title),
        ConversationAct::DeleteMessage { .. }
        | ConversationAct::PinMessage { .. }
        | ConversationAct::MarkRead { .. }
        | ConversationAct::MarkUnread
        | ConversationAct::Mute { .. }
        | ConversationAct::PinConversation { .. }
        | ConversationAct::RemoveMember { .. }
        | ConversationAct::SetRole { .. }
        | ConversationAct::SetAdminsOnly { .. }
        | ConversationAct::Leave => Ok(()),
    }
}

fn check_account(act: &AccountAct) -> Result<(), ErrorCode> {
    match act {
        AccountAct::SetProfile(profile) => match &profile.display_name {
            // The name is what others know somebody by: it must be seen.
            Some(name) if is_blank(name) => Err(ErrorCode::MalformedRequest),
            Some(name) => at_most(name.len(), DISPLAY_NAME_BYTES_MAX, ErrorCode::TooLarge),
            None => Ok(()),
        },
        AccountAct::CreateGroup { title, members } => {
            check_title(title)?;
            at_most(members.len(), GROUP_MEMBERS_MAX, ErrorCode::TooMany)
        }
        AccountAct::Block { .. } | AccountAct::EndSession(_) | AccountAct::EndOtherSessions => Ok(()),
        #[cfg(feature = "next-level")]
        AccountAct::Wave => Ok(()),
    }
}

fn check_payload(payload: &[u8]) -> Result<(), ErrorCode> {
    if payload.is_empty() {
        return Err(ErrorCode::EmptyMessage);
    }
    at_most(payload.len(), PAYLOAD_BYTES_MAX, ErrorCode::TooLarge)
}

fn check_title(title: &str) -> Result<(), ErrorCode> {
    if is_blank(title) {
        return Err(ErrorCode::EmptyTitle);
    }
    at_most(title.len(), TITLE_BYTES_MAX, ErrorCode::TooLarge)
}

fn at_most(length: usize, max: usize, refusal: ErrorCode) -> Result<(), ErrorCode> {
    if length <= max { Ok(()) } else { Err(refusal) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Profile, Recipient, SendMessage, Switch};
    use crate::id::{ConversationId, MessageId, Position};

    /// Each with the largest of what it may hold, and then with one more.
    #[test]
    fn what_is_as_large_as_it_may_be_passes_and_one_more_does_not() {
        let (position, switch, user) = (Position(1), Switch::On, UserId(7));
        let here = |act| Act::In(ConversationId(1), act);
        let send = |bytes, mentions| {
            let (to, message_id) = (Recipient::Direct(user), MessageId([1; 16]));
            Act::Send(SendMessage { to, message_id, payload: vec![0; bytes], mentions: vec![user; mentions] })
        };
        let text = |length| "x".repeat(length);
        let edit = |bytes| here(ConversationAct::EditMessage { position, payload: vec![0; bytes] });
        let draft = |bytes| here(ConversationAct::SaveDraft { draft: vec![0; bytes] });
        let react = |length| here(ConversationAct::React { position, emoji: text(length), switch });
        let add = |count| here(ConversationAct::AddMembers { members: vec![user; count] });
        let rename = |length| here(ConversationAct::Rename { title: text(length) });
        let name = |length| {
            Act::Account(AccountAct::SetProfile(Profile { display_name: Some(text(length)), ..Profile::default() }))
        };
        let create =
            |length, count| Act::Account(AccountAct::CreateGroup { title: text(length), members: vec![user; count] });
        let rows: [(Act, Result<(), ErrorCode>); 19] = [
            (send(PAYLOAD_BYTES_MAX, MENTIONS_MAX), Ok(())),
            (send(PAYLOAD_BYTES_MAX + 1, 0), Err(ErrorCode::TooLarge)),
            (send(1, MENTIONS_MAX + 1), Err(ErrorCode::TooMany)),
            (send(0, 0), Err(ErrorCode::EmptyMessage)),
            (edit(PAYLOAD_BYTES_MAX), Ok(())),
            (edit(PAYLOAD_BYTES_MAX + 1), Err(ErrorCode::TooLarge)),
            (edit(0), Err(ErrorCode::EmptyMessage)),
            (draft(0), Ok(())),
            (draft(PAYLOAD_BYTES_MAX + 1), Err(ErrorCode::TooLarge)),
            (react(EMOJI_BYTES_MAX), Ok(())),
            (react(EMOJI_BYTES_MAX + 1), Err(ErrorCode::MalformedReaction)),
            (add(ADDED_AT_ONCE_MAX), Ok(())),
            (add(ADDED_AT_ONCE_MAX + 1), Err(ErrorCode::TooMany)),
            (rename(TITLE_BYTES_MAX + 1), Err(ErrorCode::TooLarge)),
            (rename(0), Err(ErrorCode::EmptyTitle)),
            (name(DISPLAY_NAME_BYTES_MAX + 1), Err(ErrorCode::TooLarge)),
            (name(0), Err(ErrorCode::MalformedRequest)),
            (create(TITLE_BYTES_MAX, GROUP_MEMBERS_MAX), Ok(())),
            (create(1, GROUP_MEMBERS_MAX + 1), Err(ErrorCode::TooMany)),
        ];
        for (act, expected) in rows {
            assert_eq!(act.check_limits(), expected);
        }
    }
}
