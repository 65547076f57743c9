//! What this node believes of the others' words and of its own data. Pure: knows what it is told, and never how it came.

pub(crate) mod claims;
pub(crate) mod doubts;
