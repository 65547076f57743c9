//! The stores on a real disk: what is acknowledged stays, what is damaged is noticed, snapshots bring a node up to date, and
//! three nodes agree over them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod cluster;
mod corruption;
mod full_disk;
mod kill;
mod log;
mod slow_disks;
mod snapshots;
mod space;
mod state;
mod support;
