//! How this node fares: whom it misses, whether it is behind, how full its budgets and disks are. Never knows a command.

pub(crate) mod counters;
pub(crate) mod freshness;
pub(crate) mod meters;
pub(crate) mod node_health;
pub(crate) mod room;
pub(crate) mod suspicion;
