//! Processes: a node in this one, nodes as children, and the wish to stop. Never knows what is said over them.

pub(crate) mod node;
pub(crate) mod nodes;
pub(crate) mod stop;
