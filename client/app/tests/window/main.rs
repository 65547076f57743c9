//! The window without a display: what it draws and what it does, against a client that follows a script.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod acting;
mod behaviour;
mod everyone;
mod frames;
mod gates;
mod goldens;
mod honest;
mod hostile;
mod moving;
mod pages;
mod pinned;
mod reading;
mod screens;
mod stage;
