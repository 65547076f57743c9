//! The other nodes: the links to them, who may call as one and from where, and what they tell each other. Never knows what is
//! proposed or applied.

pub(crate) mod admission;
pub(crate) mod budget;
pub(crate) mod exposure;
pub(crate) mod greeting;
pub mod links;
pub(crate) mod members;
pub(crate) mod service;
