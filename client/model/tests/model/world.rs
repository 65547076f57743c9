//! What the stories play in: a cluster, devices with their stores, and windows that only remember.

pub(crate) mod cluster;
pub(crate) mod device;
pub(crate) mod store;
pub(crate) mod window;
