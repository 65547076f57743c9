//! Links to nodes, the session on them, and which of them serves. Knows nothing of what is called over a link, and of who
//! listens to a feed.
//!
//! What goes on over another link when one is left:
//!
//! | moves | resumes at | owner |
//! | --- | --- | --- |
//! | a feed | the cursor after the last change that was told; what a link brings that is not above that change falls | `feed/resume.rs` |
//! | an unanswered call | its request number, or the message id in it: who asks again gets the first outcome | `call/idempotent.rs` |
//! | what is taken piece by piece | after its last whole piece; one that was cut off with a link is asked for again | `call/pager.rs` |
//! | that the person is writing | now: it is said again over the new link, for as long as it holds | `announced.rs` |
//! | that the person is there | now: a session that is held on a link, armed or not, says so itself | – |

mod announced;
pub(crate) mod connect;
pub(crate) mod engine;
pub(crate) mod event;
pub(crate) mod node_link;
mod nodes;
pub(crate) mod order;
mod patience;
mod points;
pub(crate) mod state;
pub(crate) mod suspicion;
mod usual;
pub(crate) mod worker;
