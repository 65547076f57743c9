//! Files as all programs of raftchat treat them: whole or not there, for their owner's eyes alone, and with a sentence that
//! helps where the system does not take or give them. Never knows what is in a file.

mod half_made;
mod private;
mod space;
mod trouble;
mod whole;

pub use half_made::{Making, remove_half_made};
pub use private::{be_private, hide_memory, make_private_dir, tighten};
pub use space::{Space, probe, space};
pub use trouble::Trouble;
pub use whole::{create, meant_for, replace, sync_dir, sync_parent, temporaries};
