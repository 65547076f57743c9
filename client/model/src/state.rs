//! What the model holds besides timelines and outbox, each piece a plain value. Never knows an input.

pub(crate) mod chat;
pub(crate) mod marks;
pub mod merge;
pub(crate) mod people;
pub(crate) mod scene;
pub(crate) mod summaries;
pub(crate) mod sync;
pub(crate) mod timers;
pub(crate) mod typing;
