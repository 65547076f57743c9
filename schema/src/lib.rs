//! The forms raftchat puts on the wire and on disk, and the plain types that the rest of it works with.
//!
//! The `.capnp` files beside this crate are the specification. [`wire`] is the only place where they meet the
//! plain types. This crate never knows tokio, sockets, disks or a window; without its `wire` feature
//! it does not even know Cap'n Proto, which is how the pure crates use it.

pub mod budgets;
pub mod command;
pub mod error;
pub mod id;
pub mod level;
pub mod limits;
pub mod names;
pub mod pause;
pub mod payload;
pub mod peer;
pub mod stored;
pub mod text;
pub mod told;
pub mod view;

#[cfg(feature = "wire")]
pub mod wire;

/// What the Cap'n Proto compiler made of `schema/capnp`; CI makes it anew and compares.
#[cfg(feature = "wire")]
#[expect(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::unimplemented,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod generated {
    #[rustfmt::skip]
    pub mod act_capnp;
    #[rustfmt::skip]
    pub mod client_capnp;
    #[rustfmt::skip]
    pub mod payload_capnp;
    #[rustfmt::skip]
    pub mod peer_capnp;
    #[rustfmt::skip]
    pub mod stored_capnp;
    #[rustfmt::skip]
    pub mod types_capnp;
}
