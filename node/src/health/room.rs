//! How much room the disks of the nodes have, and whether that is enough for more to be said. What decides is pure; the shell
//! looks at this node's disk and tells the others. Never knows what is stored.
//!
//! A node that runs out of disk can store nothing, not even that something was deleted, and ends. So words are refused while
//! there is still a reserve for what makes room, and for what must go on without: deletions, read marks, sessions, members.
//! One short node alone stops nobody: it says so, and the others go on without it should it come to that. Words are refused
//! when those with room are no majority any more, as then the next to fill up would take the cluster with it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use raftchat_files::Space;
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::Membership;

use crate::peers::links::PeerLinks;
use crate::peers::members::Members;

/// How often the disk is looked at, and the others told.
const LOOK: Duration = Duration::from_secs(2);
/// How long a peer may take to hear of it: the next word follows soon.
const TELL_LIMIT: Duration = Duration::from_millis(500);
/// Who was short has room again once this much more than the reserve is free, in hundredths of it.
const RELIEF_PERCENT: u64 = 12;
/// At so much of the disk used, in hundredths, it is told; once, until it has fallen by [`DAMPED_PERCENT`].
const WARNINGS_PERCENT: [u64; 2] = [80, 90];
/// A disk that wavers around a mark is not told of again and again.
const DAMPED_PERCENT: u64 = 2;

/// A file system that is looked at.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Its room at present.
    fn space(&self) -> io::Result<Space>;
}

/// The one that holds a directory.
#[derive(Debug)]
pub(crate) struct FileSystemOf(pub(crate) PathBuf);

impl Disk for FileSystemOf {
    fn space(&self) -> io::Result<Space> {
        raftchat_files::space(&self.0)
    }
}

/// What is worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Note {
    /// So much is used, in hundredths.
    Used(u64),
    /// Less than the reserve is free.
    Short,
    /// It is not short any more.
    Relieved,
}

/// What a disk was last seen at. Pure.
#[derive(Debug, Default)]
struct Watermarks {
    told_percent: u64,
    short: bool,
}

impl Watermarks {
    fn look(&mut self, space: Space, reserve_bytes: u64) -> Vec<Note> {
        let mut notes = Vec::new();
        let used = space.used_percent();
        let passed = WARNINGS_PERCENT.into_iter().rfind(|mark| used >= *mark).unwrap_or(0);
        if passed > self.told_percent {
            notes.push(Note::Used(used));
            self.told_percent = passed;
        } else if used.saturating_add(DAMPED_PERCENT) < self.told_percent {
            self.told_percent = passed;
        }
        let relief = reserve_bytes.saturating_add(reserve_bytes.saturating_mul(RELIEF_PERCENT) / 100);
        let short = space.free_bytes < if self.short { relief } else { reserve_bytes };
        if short != self.short {
            notes.push(if short { Note::Short } else { Note::Relieved });
            self.short = short;
        }
        notes
    }
}

/// Whether words are taken: of those who vote, those who are there and not short are a majority, or nobody is short. Pure.
fn takes_words(membership: &Membership, short: &BTreeSet<NodeId>, is_there: impl Fn(NodeId) -> bool) -> bool {
    let none_short = |config: &[NodeId]| config.iter().all(|node| !short.contains(node));
    let majority = |config: &[NodeId]| {
        let with_room = config.iter().filter(|node| !short.contains(node) && is_there(**node)).count();
        with_room.saturating_mul(2) > config.len()
    };
    membership.configs.iter().all(|config| none_short(config) || majority(config))
}

/// The room of this node's disk and of the others'.
#[derive(Debug)]
pub(crate) struct Room {
    own: NodeId,
    reserve_bytes: u64,
    free_bytes: AtomicU64,
    refuses: AtomicBool,
    /// Who is short: this node, and the others as each last said.
    short: Mutex<BTreeMap<NodeId, bool>>,
}

impl Room {
    /// All have room, as far as is known.
    pub(crate) fn new(own: NodeId, reserve_bytes: u64) -> Arc<Self> {
        let (free_bytes, refuses) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self { own, reserve_bytes, free_bytes, refuses, short: Mutex::default() })
    }

    /// Free on this node's disk, in bytes.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// Too few have room for words to be taken.
    pub(crate) fn refuses_words(&self) -> bool {
        self.refuses.load(Ordering::Relaxed)
    }

    /// Another node says how it stands.
    pub(crate) fn heard(&self, from: NodeId, free_bytes: u64, short: bool) {
        if self.lock().insert(from, short) != Some(short) && short {
            tracing::warn!(%from, free_bytes, "a node is short of disk");
        }
    }

    /// Decides anew.
    fn decide(&self, membership: &Membership, is_there: impl Fn(NodeId) -> bool) {
        let short = self.lock().iter().filter(|(_, short)| **short).map(|(node, _)| *node).collect();
        let refuses = !takes_words(membership, &short, is_there);
        if self.refuses.swap(refuses, Ordering::Relaxed) == refuses {
            return;
        }
        if refuses {
            tracing::warn!(
                "too few nodes have room on their disks: what adds to them is refused, reading and deleting go on"
            );
        } else {
            tracing::info!("a majority of the nodes has room again: everything goes on");
        }
    }

    fn note(&self, space: Space, marks: &mut Watermarks) {
        self.free_bytes.store(space.free_bytes, Ordering::Relaxed);
        for note in marks.look(space, self.reserve_bytes) {
            let (free_bytes, total_bytes) = (space.free_bytes, space.total_bytes);
            match note {
                Note::Used(percent) => {
                    tracing::warn!(
                        percent,
                        free_bytes,
                        total_bytes,
                        "the disk of this node fills up: free space on it"
                    );
                }
                Note::Short => tracing::warn!(
                    free_bytes,
                    reserve_bytes = self.reserve_bytes,
                    "the disk of this node is down to its reserve: free space on it, or this node ends when it is full"
                ),
                Note::Relieved => tracing::info!(free_bytes, "the disk of this node has room again"),
            }
        }
        self.lock().insert(self.own, marks.short);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, bool>> {
        // The map is whole after every step, whoever panicked meanwhile.
        self.short.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the disk, tells the others and decides, for as long as the node runs.
pub(crate) async fn keep_looking(room: Arc<Room>, disk: impl Disk, links: Arc<PeerLinks>, members: Arc<Members>) {
    let mut marks = Watermarks::default();
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        match disk.space() {
            Ok(space) => room.note(space, &mut marks),
            Err(error) => tracing::debug!(%error, "the disk does not say how much room it has"),
        }
        let now = members.now();
        let peers = now.membership.members.iter().filter(|(node, _)| *node != room.own && links.is_up(*node));
        let (free, short) = (room.free_bytes(), marks.short);
        // Who does not hear it hears the next.
        let _told = join_all(peers.map(|(node, _)| links.tell_room(*node, free, short, TELL_LIMIT))).await;
        room.decide(&now.membership, |node| node == room.own || links.is_up(node));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn disk(free: u64) -> Space {
        Space { total_bytes: 1000 * MIB, free_bytes: free * MIB }
    }

    #[test]
    fn a_disk_that_fills_up_is_told_once_at_each_mark() {
        let mut marks = Watermarks::default();
        let mut told = |free| marks.look(disk(free), 50 * MIB);
        assert_eq!(told(500), []);
        assert_eq!(told(200), [Note::Used(80)]);
        // It wavers.
        assert_eq!([told(201), told(199), told(205), told(195)].concat(), []);
        assert_eq!(told(100), [Note::Used(90)]);
        assert_eq!(told(60), []);
        assert_eq!(told(49), [Note::Short]);
        assert_eq!([told(51), told(55)].concat(), []);
        assert_eq!(told(57), [Note::Relieved]);
        // Somebody made room, and it fills up again.
        assert_eq!(told(400), []);
        assert_eq!(told(150), [Note::Used(85)]);
        assert_eq!(told(20), [Note::Used(98), Note::Short]);
    }

    fn members(voters: &[u64]) -> Membership {
        Membership { configs: vec![voters.iter().copied().map(NodeId).collect()], members: Vec::new() }
    }

    /// Who is short, who is gone, and whether words are taken.
    fn check(voters: &[u64], short: &[u64], gone: &[u64], taken: bool) {
        let short: BTreeSet<_> = short.iter().copied().map(NodeId).collect();
        let said = takes_words(&members(voters), &short, |node| !gone.contains(&node.0));
        assert_eq!(said, taken, "{voters:?} short {short:?} gone {gone:?}");
    }

    #[test]
    fn words_are_taken_while_a_majority_has_room() {
        check(&[1, 2, 3], &[], &[], true);
        check(&[1, 2, 3], &[2], &[], true);
        check(&[1, 2, 3], &[2, 3], &[], false);
        check(&[1, 2, 3], &[1, 2, 3], &[], false);
        check(&[1, 2, 3, 4, 5], &[2, 3], &[], true);
        check(&[1, 2, 3, 4, 5], &[2, 3, 4], &[], false);
        check(&[1], &[1], &[], false);
    }

    #[test]
    fn one_that_is_gone_has_no_room_and_that_alone_is_no_want_of_room() {
        check(&[1, 2, 3], &[], &[3], true);
        check(&[1, 2, 3], &[], &[2, 3], true);
        check(&[1, 2, 3], &[2], &[3], false);
    }

    #[test]
    fn both_majorities_of_a_change_need_room() {
        let mut changing = members(&[1, 2, 3]);
        changing.configs.push([3, 4, 5].map(NodeId).to_vec());
        let short = BTreeSet::from([NodeId(4), NodeId(5)]);
        assert!(!takes_words(&changing, &short, |_| true));
    }
}
