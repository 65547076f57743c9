//! What a raftchat client decides: conversations, timelines, outbox, unread, presence and what to draw.
//!
//! The program around it tells the [`Model`] what happens, one [`Input`] at a time, and does what it answers, one
//! [`Effect`] after the other. Time is an argument. The crate knows no clock, disk, network, thread or window, and not
//! how payloads are encoded: a [`Codec`] is brought along.

mod changes;
mod chat;
mod codec;
mod drafts;
mod effect;
mod input;
mod intents;
mod marks;
pub mod merge;
mod model;
mod notify;
mod numbers;
mod open;
mod outbox;
mod outcomes;
mod people;
mod rejoin;
mod roster;
mod rows;
mod rules;
mod scene;
mod send;
mod shown;
mod summary;
mod sync;
pub mod text;
mod timeline;
mod timers;
mod turn;
mod typing;

pub use codec::{Codec, Content};
pub use effect::{Durability, Effect, Notification, PageRange, PageRequest, Write};
pub use input::{Input, Intent, Link, OutcomeResult, Stored, StoredConversation};
pub use model::Model;
pub use numbers::Numbers;
pub use people::DELETED_ACCOUNT;
pub use rows::{
    ChatId, Completeness, ConversationRow, CursorRow, DepartureRow, EntryState, Lane, MemberRow, OutboxEntry, OutboxId,
    PlaceRow,
};
pub use rules::{Rules, Says, rules};
pub use shown::{
    Body, Bubble, ChatSummary, Connection, Delivery, Failure, FailureReason, Happening, Item, ItemKey, MemberItem,
    Notice, Original, Person, PinnedMessage, Preview, Quote, ReactionSummary, Receipt, Run, Shown, TimelineChange,
    TimelineState, Undone,
};
