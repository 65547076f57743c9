//! What a person types and reads: arguments and completions in, lines, tables and JSON out. Never knows what is done.

pub(crate) mod args;
pub(crate) mod completions;
pub(crate) mod output;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod values;
