//! What a node does unasked: notes in the log, cleaning of its disk, warnings in time. Never knows a device's call.

pub(crate) mod cleaning;
pub(crate) mod damage;
pub(crate) mod expiry;
pub(crate) mod proposals;
