//! What is erased piece by piece: of deleted accounts, and of groups that nobody is in. A piece is small enough that it
//! does not hold up what people do, and the row of the erasure says where the next one goes on.

use alloc::vec::Vec;

use raftchat_schema::command::{Done, Switch};
use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, UserId};
use raftchat_schema::limits::ERASE_STEP_ROWS;

use super::allowances;
use super::conversation::{Conversation, Place};
use super::groups::departures;
use super::messages::deletions;
use super::step::{Handled, Step};
use crate::feed::Feed;
use crate::keys::{self, Erasable, Span, Table};
use crate::read;
use crate::rows::{
    AccountStage, BlockRow, ConversationRow, DepartedRow, ErasureRow, KindRow, MessageRow, OwnRow, SentRow, StateRow,
};
use crate::tables::{Order, Tables};

/// About how many rows it takes to leave a group: member, departure, settings, conversation, their entries, a new owner.
const DEPARTURE_ROWS: usize = 12;

/// The number of rows that a message without revisions has: itself, its entry and its reactions'.
const MESSAGE_ROWS: usize = 3;

/// The rows that one piece may still touch.
struct Budget(usize);

impl Budget {
    fn spend(&mut self, rows: usize) {
        self.0 = self.0.saturating_sub(rows);
    }

    fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// The place where an erasure goes on: none when it is done.
type Next = Option<ErasureRow>;

/// Erases a piece of the first of what is to be erased. One message more than fits may be among it, and that costs as much
/// as any deletion does: a row of each member who had it unread.
pub(super) fn step<T: Tables>(step: &mut Step<'_, T>) -> Handled<T> {
    let erasures = Span::table(Table::Erasures);
    let parse = |key: &[u8], row: &[u8]| Some((keys::parse_erasure(key)?, minicbor::decode::<ErasureRow>(row).ok()?));
    let first = read::first(step.tables, &erasures, Order::Ascending, 1, parse)?;
    for (of, row) in first {
        let mut budget = Budget(ERASE_STEP_ROWS);
        let next = match (of, row) {
            (Erasable::Account(user), ErasureRow::Account { messages, stage }) => {
                let stage = erase_account(step, &mut budget, user, messages, stage)?;
                stage.map(|stage| ErasureRow::Account { messages, stage })
            }
            (Erasable::Group(id), ErasureRow::Group { after }) => erase_group(step, &mut budget, id, after)?,
            _ => return Err(read::damaged(&keys::erasure(of)).into()),
        };
        match next {
            Some(next) => step.put(keys::erasure(of), &next)?,
            None => step.tables.delete(keys::erasure(of)),
        }
    }
    Ok(Done::Nothing)
}

/// Goes on with the account from `stage` for as long as the budget lasts.
fn erase_account<T: Tables>(
    step: &mut Step<'_, T>,
    budget: &mut Budget,
    user: UserId,
    messages: bool,
    stage: AccountStage,
) -> Handled<T, Option<AccountStage>> {
    let mut stage = Some(stage);
    while !budget.is_spent() {
        stage = match stage {
            Some(AccountStage::Groups { after }) => Some(leave_groups(step, budget, user, after)?),
            Some(AccountStage::Settings) => erase_settings(step, budget, user, messages)?,
            Some(AccountStage::Messages { after }) => bury_messages(step, budget, user, after)?,
            None => return Ok(None),
        };
    }
    Ok(stage)
}

fn leave_groups<T: Tables>(
    step: &mut Step<'_, T>,
    budget: &mut Budget,
    user: UserId,
    after: ConversationId,
) -> Handled<T, AccountStage> {
    let span = keys::memberships_above(user, after);
    let memberships = read::first(step.tables, &span, Order::Ascending, budget.0, read::bare::<2>)?;
    // Each spends something: who comes to the end of them with some of it left has seen all.
    for [_user, id] in memberships {
        let after = ConversationId(id);
        let place = Place::of(step, user, after)?;
        budget.spend(1);
        if place.conversation.row.kind == KindRow::Group {
            departures::depart(step, place, user)?;
            budget.spend(DEPARTURE_ROWS.saturating_sub(1));
        }
        if budget.is_spent() {
            return Ok(AccountStage::Groups { after });
        }
    }
    Ok(AccountStage::Settings)
}

/// Erases drafts and other settings and blocks, each with its entry in the user's feed.
fn erase_settings<T: Tables>(
    step: &mut Step<'_, T>,
    budget: &mut Budget,
    user: UserId,
    messages: bool,
) -> Handled<T, Option<AccountStage>> {
    let own = |key: &[u8], row: &[u8]| Some((key.to_vec(), minicbor::decode::<OwnRow>(row).ok()?.changed));
    let block = |key: &[u8], row: &[u8]| Some((key.to_vec(), minicbor::decode::<BlockRow>(row).ok()?.changed));
    let blocks = read::numbered::<2, BlockRow>;
    let blocks = read::first(step.tables, &keys::blocks_of(user), Order::Ascending, budget.0, blocks)?;
    erase_rows(step, budget, Feed::Own(user), &keys::own_of(user), own)?;
    erase_rows(step, budget, Feed::Own(user), &keys::blocks_of(user), block)?;
    // Those of which nothing is left; of the others the next piece takes care.
    for ([_user, other], _) in blocks.into_iter().filter(|(_, row)| row.on) {
        let other = UserId(other);
        if step.get::<BlockRow>(&keys::block(user, other))?.is_none() {
            step.tables.delete(keys::blocker(other, user));
            allowances::count_blocker(step, other, Switch::Off)?;
        }
    }
    if budget.is_spent() {
        return Ok(Some(AccountStage::Settings));
    }
    Ok(messages.then_some(AccountStage::Messages { after: None }))
}

/// Erases the rows of a span and their entries in the feed.
fn erase_rows<T: Tables>(
    step: &mut Step<'_, T>,
    budget: &mut Budget,
    feed: Feed,
    span: &Span,
    parse: impl Fn(&[u8], &[u8]) -> Option<(Vec<u8>, ChangeNumber)>,
) -> Handled<T, ()> {
    for (key, changed) in read::first(step.tables, span, Order::Ascending, budget.0.div_ceil(2), parse)? {
        step.tables.delete(key);
        step.forget(feed, changed);
        budget.spend(2);
    }
    Ok(())
}

/// Makes tombstones of the user's messages, also where they are no longer a member.
fn bury_messages<T: Tables>(
    step: &mut Step<'_, T>,
    budget: &mut Budget,
    user: UserId,
    after: Option<MessageId>,
) -> Handled<T, Option<AccountStage>> {
    let span = keys::message_ids_above(user, after);
    let parse = |key: &[u8], row: &[u8]| Some((keys::parse_message_id(key)?.1, minicbor::decode::<SentRow>(row).ok()?));
    for (id, sent) in read::first(step.tables, &span, Order::Ascending, budget.0, parse)? {
        budget.spend(1);
        let key = keys::message(sent.conversation, sent.position);
        let message: Option<MessageRow> = step.get(&key)?;
        // The group that it was sent to may be erased.
        if let Some(message) = message.filter(|message| message.state != StateRow::Deleted) {
            let row: ConversationRow = read::needed(step.tables, &keys::conversation(sent.conversation))?;
            let conversation = Conversation { id: sent.conversation, row };
            budget.spend(deletions::bury(step, conversation, sent.position, message)?);
        }
        if budget.is_spent() {
            return Ok(Some(AccountStage::Messages { after: Some(id) }));
        }
    }
    Ok(None)
}

/// Erases messages with all that belongs to them, then who was there, then the group.
fn erase_group<T: Tables>(
    step: &mut Step<'_, T>,
    budget: &mut Budget,
    id: ConversationId,
    after: Position,
) -> Handled<T, Next> {
    let feed = Feed::Conversation(id);
    let span = keys::messages_above(id, after);
    let most = budget.0.div_ceil(MESSAGE_ROWS);
    for ([_id, position], row) in
        read::first(step.tables, &span, Order::Ascending, most, read::numbered::<2, MessageRow>)?
    {
        let position = Position(position);
        step.forget(feed, row.changed);
        step.forget(feed, row.reactions_changed);
        step.tables.delete(keys::message(id, position));
        let (revisions, bytes) = deletions::erase_revisions(step, id, position)?;
        allowances::free(step, row.sender, bytes.saturating_add(row.payload.len()))?;
        budget.spend(revisions.saturating_add(MESSAGE_ROWS));
        if budget.is_spent() {
            return Ok(Some(ErasureRow::Group { after: position }));
        }
    }
    let departed = |key: &[u8], row: &[u8]| Some((key.to_vec(), minicbor::decode::<DepartedRow>(row).ok()?.changed));
    erase_rows(step, budget, feed, &keys::departed_from(id), departed)?;
    if budget.is_spent() {
        let row: ConversationRow = read::needed(step.tables, &keys::conversation(id))?;
        return Ok(Some(ErasureRow::Group { after: row.last_position }));
    }
    let row: ConversationRow = read::needed(step.tables, &keys::conversation(id))?;
    step.forget(feed, row.changed);
    step.tables.delete(keys::conversation(id));
    Ok(None)
}
