//! The window of raftchat: draws what the client's model shows and passes on what the person wants. Knows nothing of
//! how anything is stored, sent or decided.

mod args;
pub mod backend;
pub mod bridge;
pub mod clock;
pub mod fonts;
mod live;
pub mod platform;
pub mod preferences;
pub mod run;
mod stop;

pub use raftchat_ui as ui;
