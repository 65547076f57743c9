//! What one link, one device, one account and one address may hold and spend, each in one place with its unit in its name,
//! its reason and the test that shows it. Never knows who counts: that is the transport's and the node's business.
//!
//! How full each is, is counted by a `Meter` (`transport/src/meter.rs`) and told by `cluster status --json`. What a single
//! message, group or entry may be is in [`crate::limits`]; QUIC's windows and times are in `transport/src/limits.rs`.
