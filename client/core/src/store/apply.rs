//! What each write of the model does to the rows. Knows nothing of the database.

use raftchat_model::{Write, merge};
use raftchat_schema::command::Switch;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position};
use raftchat_schema::view::{MessageView, ReactionView};

use super::database::Table;
use super::error::StoreError;
use super::index;
use super::keys::{self, Kind};
use super::overlay::Overlay;

/// Applies one write of a batch.
pub(super) fn apply(rows: &mut Overlay<'_>, write: &Write) -> Result<(), StoreError> {
    match write {
        Write::Person(user) => rows.put(Table::Rows, Kind::Person.of_user(user.id), user),
        Write::Conversation(row) => rows.put(Table::Rows, Kind::Conversation.of_conversation(row.id), row),
        Write::Member { conversation, member } => {
            rows.erase(Table::Rows, Kind::Departure.of_member(*conversation, member.user));
            rows.put(Table::Rows, Kind::Member.of_member(*conversation, member.user), member);
        }
        Write::MemberLeft { conversation, departure } => {
            rows.erase(Table::Rows, Kind::Member.of_member(*conversation, departure.user));
            rows.put(Table::Rows, Kind::Departure.of_member(*conversation, departure.user), departure);
        }
        Write::MemberGone { conversation, user } => {
            rows.erase(Table::Rows, Kind::Member.of_member(*conversation, *user));
            rows.erase(Table::Rows, Kind::Departure.of_member(*conversation, *user));
        }
        Write::Place(row) => rows.put(Table::Rows, Kind::Place.of_conversation(row.view.conversation), row),
        Write::Message(message) => put_message(rows, message)?,
        Write::Reactions { conversation, position, reactions, changed } => {
            put_reactions(rows, *conversation, *position, reactions, *changed)?;
        }
        Write::RemoveConversation(conversation) => remove_conversation(rows, *conversation)?,
        Write::PutOutbox(entry) => rows.put(Table::Rows, keys::outbox(entry.id), entry),
        Write::RemoveOutbox(id) => rows.erase(Table::Rows, keys::outbox(*id)),
        Write::LastNumber(number) => rows.put(Table::Rows, Kind::LastNumber.key(), &number.0),
        Write::Cursor(row) => rows.put(Table::Rows, Kind::Cursor.key(), row),
        Write::Bootstrapped => rows.mark(Table::Rows, Kind::Bootstrapped.key()),
        Write::Blocked { user, switch: Switch::On } => rows.mark(Table::Rows, Kind::Blocked.of_user(*user)),
        Write::Blocked { user, switch: Switch::Off } => rows.erase(Table::Rows, Kind::Blocked.of_user(*user)),
        Write::DirectDraft { user, draft } if draft.is_empty() => {
            rows.erase(Table::Rows, Kind::DirectDraft.of_user(*user));
        }
        Write::DirectDraft { user, draft } => rows.put(Table::Rows, Kind::DirectDraft.of_user(*user), draft),
        Write::Forget => forget(rows)?,
    }
    Ok(())
}

/// Erases a message and its entries in the index.
pub(super) fn erase_message(rows: &mut Overlay<'_>, key: Vec<u8>) -> Result<(), StoreError> {
    let old: Option<MessageView> = rows.get(Table::Messages, &key)?;
    index::replace(rows, old.as_ref(), None);
    rows.take_words();
    rows.erase(Table::Messages, key);
    Ok(())
}

fn put_message(rows: &mut Overlay<'_>, message: &MessageView) -> Result<(), StoreError> {
    finish_removal(rows, message.conversation)?;
    let key = keys::message(message.conversation, message.position);
    let old: Option<MessageView> = rows.get(Table::Messages, &key)?;
    let mut new = old.clone().unwrap_or_else(|| message.clone());
    if old.is_some() && !merge::message(&mut new, message.clone()) {
        return Ok(());
    }
    if old.as_ref().is_some_and(|old| old.payload != new.payload) {
        rows.take_words();
    }
    index::replace(rows, old.as_ref(), Some(&new));
    rows.put(Table::Messages, key, &new);
    Ok(())
}

fn put_reactions(
    rows: &mut Overlay<'_>,
    conversation: ConversationId,
    position: Position,
    reactions: &[ReactionView],
    changed: ChangeNumber,
) -> Result<(), StoreError> {
    if rows.has(Table::Rows, &Kind::Removing.of_conversation(conversation))? {
        return Ok(());
    }
    let key = keys::message(conversation, position);
    let Some(mut message) = rows.get::<MessageView>(Table::Messages, &key)? else {
        return Ok(());
    };
    if merge::reactions(&mut message, reactions.to_vec(), changed) {
        rows.put(Table::Messages, key, &message);
    }
    Ok(())
}

/// What is small goes at once. Messages may be many: they are marked, no longer shown, and swept piece by piece.
fn remove_conversation(rows: &mut Overlay<'_>, conversation: ConversationId) -> Result<(), StoreError> {
    for kind in [Kind::Conversation, Kind::Member, Kind::Departure, Kind::Place] {
        rows.erase_all(Table::Rows, &kind.of_conversation(conversation))?;
    }
    remove_messages(rows, conversation)
}

fn remove_messages(rows: &mut Overlay<'_>, conversation: ConversationId) -> Result<(), StoreError> {
    for key in rows.written(Table::Messages, &keys::messages(conversation)) {
        erase_message(rows, key)?;
    }
    rows.mark(Table::Rows, Kind::Removing.of_conversation(conversation));
    Ok(())
}

/// A message of a conversation that is being erased, to which the person was added again: the old ones must not come back
/// with it, so that they go now.
fn finish_removal(rows: &mut Overlay<'_>, conversation: ConversationId) -> Result<(), StoreError> {
    let mark = Kind::Removing.of_conversation(conversation);
    if !rows.has(Table::Rows, &mark)? {
        return Ok(());
    }
    for key in rows.keys(Table::Messages, &keys::messages(conversation))? {
        erase_message(rows, key)?;
    }
    rows.erase(Table::Rows, mark);
    Ok(())
}

fn forget(rows: &mut Overlay<'_>) -> Result<(), StoreError> {
    for kind in Kind::CACHED {
        rows.erase_all(Table::Rows, &kind.key())?;
    }
    for conversation in rows.conversations()? {
        remove_messages(rows, conversation)?;
    }
    Ok(())
}
