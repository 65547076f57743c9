//! What a raftchat client decides: conversations, timelines, outbox, unread, presence and what to draw.
//!
//! The program around it tells the [`Model`] what happens, one [`Input`] at a time, and does what it answers, one
//! [`Effect`] after the other. Time is an argument. The crate knows no clock, disk, network, thread or window, and not
//! how payloads are encoded: a [`Codec`] is brought along.

#![no_std]

extern crate alloc;

mod interface;
mod model;
mod outbox;
mod rules;
mod state;
pub mod text;
mod timeline;
mod turn;

pub use interface::codec::{Codec, Content};
pub use interface::effect::{Durability, Effect, Notification, PageRange, PageRequest, Write};
pub use interface::input::{Input, Intent, Link, OutcomeResult, Stored, StoredConversation};
pub use interface::rows::{
    ChatId, Completeness, ConversationRow, CursorRow, DepartureRow, EntryState, Lane, MemberRow, OutboxEntry, OutboxId,
    PlaceRow,
};
pub use interface::shown::{
    Body, Bubble, ChatSummary, Connection, Delivery, Failure, FailureReason, Happening, Item, ItemKey, MemberItem,
    Notice, Original, Person, PinnedMessage, Preview, Quote, ReactionSummary, Receipt, Run, Shown, TimelineChange,
    TimelineState, Undone,
};
pub use model::Model;
pub use outbox::numbers::Numbers;
pub use rules::{Rules, Says, rules};
pub use state::merge;
pub use state::people::DELETED_ACCOUNT;
