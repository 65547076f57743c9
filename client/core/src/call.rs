//! Calls as a program makes them: repeated over this node and that until they have an outcome. Knows nothing of which link
//! serves.

pub(crate) mod account;
pub(crate) mod acts;
pub(crate) mod conversations;
mod idempotent;
pub(crate) mod pager;
pub(crate) mod repeat;
pub(crate) mod status;
