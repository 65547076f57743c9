//! The authorities of a cluster as others meet them: what they sign, who believes it, what lies on the disk.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod disk;
mod fixture;
mod profiles;
mod requests;
mod trust;
mod words;
