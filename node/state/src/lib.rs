//! The chat state machine: what a command does, what it answers, and what of it whom to show.
//!
//! [`apply_batch`] takes one log entry's commands and yields outcomes, changes and writes; the queries read the
//! same rows. It is a function of its arguments alone: this crate never knows async, a clock, chance, the order of
//! a hash map, a disk, a network or Cap'n Proto. The same log gives the same rows, and the same [`state_hash`],
//! on every node.
//!
//! | module | holds |
//! | --- | --- |
//! | `keys`, `rows` | every key and every row: the whole stored form |
//! | [`tables`] | what a store must offer, the overlay that collects writes, a store in memory |
//! | [`mod@apply`] | the commands, a file for each family |
//! | [`feed`] | the change feed: one number a device |
//! | [`queries`] | what the services ask |
//! | [`invariants`] | what must be true of the rows, for tests |

#![no_std]

extern crate alloc;

pub mod apply;
pub mod cost;
pub mod feed;
mod hash;
pub mod invariants;
mod keys;
pub mod queries;
mod read;
mod rows;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
pub mod tables;
mod views;

pub use apply::{Applied, ApplyError, Effects, Joined, apply, apply_batch};
pub use cost::{Cost, cost, typing_cost};
pub use feed::{Feed, FeedChange, FeedPage, PageLimits, feed_page, feeds_of};
pub use queries::{
    HistoryRange, SessionRecord, blocked_by, change_number, change_seen_by, conversation, conversation_exists,
    conversations_page, counts, direct, erasure_pending, highest_request, history, is_blocked_between, is_member,
    is_sent, knows_device, level, member_count, member_seen_by, members_page, outcome, revisions, seen_by, session,
    session_by_token, sessions_of, stamp, state_hash, stored_bytes, took_words, user, user_by_name, users_page,
    verifier,
};
pub use read::ReadError;
pub use tables::{MemoryTables, Order, Overlay, Rows, Tables, Writes};
