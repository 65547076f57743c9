//! What the others have said of how far they are, kept beside this node's own data, to be told to them when they come back with
//! less. A hint: one that is lost, or as old as a few seconds, only notices less. Never knows whether it is true.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use raftchat_schema::budgets::{INDEX_MAX, MEMBERS_MAX};
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::Mark;
use raftchat_schema::stored::{LogId, Vote};
use serde::{Deserialize, Serialize};

use crate::store::{StoreError, replace_file};

/// Longer than the name of any data directory.
const DATA_NAME_BYTES_MAX: usize = 64;

/// What is remembered of all.
#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    marks: BTreeMap<NodeId, Kept>,
    unsaved: bool,
}

/// The furthest that a node has said. Both are of one mark, but for a node that came back with less. Where that was said by the
/// program that runs there now, also the furthest of those before it: who was put back may have been sent all that was missing.
#[derive(Debug, Default)]
struct Kept {
    applied: Furthest,
    voted: Furthest,
}

#[derive(Debug, Default)]
struct Furthest {
    now: Option<Mark>,
    before: Option<Mark>,
}

impl Furthest {
    /// Whether it was further.
    fn raise(&mut self, mark: &Mark, is_further: impl FnOnce(&Mark) -> bool) -> bool {
        if self.now.as_ref().is_some_and(|kept| !is_further(kept)) {
            return false;
        }
        let last = self.now.replace(mark.clone());
        if let Some(last) = last.filter(|last| last.start != mark.start) {
            self.before = Some(last);
        }
        true
    }

    fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.before.iter().chain(&self.now)
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    #[serde(default)]
    mark: Vec<Line>,
}

/// A mark as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    node: u64,
    data: String,
    vote: Option<(u64, u64, bool)>,
    applied: Option<(u64, u64, u64)>,
    #[serde(default)]
    start: [u8; 8],
    seal: [u8; 32],
}

impl Memory {
    /// What is remembered at `path`; nothing if there is nothing that can be read.
    pub(crate) fn load(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let file: File = toml::from_str(&text).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "what is remembered of the other nodes cannot be read; it is made anew");
            File::default()
        });
        let memory = Self { path, state: Mutex::default() };
        for line in file.mark {
            memory.note(NodeId(line.node), &line.mark());
        }
        memory.lock().unsaved = false;
        memory
    }

    /// A node says how far it is. What no node comes to is not kept.
    pub(crate) fn note(&self, from: NodeId, mark: &Mark) {
        let numbers = mark.vote.iter().flat_map(|vote| [vote.term, vote.node.0]);
        let mut numbers = numbers.chain(mark.applied.iter().flat_map(|id| [id.term, id.leader.0, id.index]));
        if mark.data.len() > DATA_NAME_BYTES_MAX || numbers.any(|number| number >= INDEX_MAX) {
            return;
        }
        let mut state = self.lock();
        if state.marks.len() >= MEMBERS_MAX && !state.marks.contains_key(&from) {
            return;
        }
        let kept = state.marks.entry(from).or_default();
        let further = kept.applied.raise(mark, |kept| mark.applied > kept.applied);
        let later = kept.voted.raise(mark, |kept| order(mark) > order(kept));
        state.unsaved |= further || later;
    }

    /// The furthest that a node has said, what it said earlier first.
    pub(crate) fn of(&self, node: NodeId) -> Vec<Mark> {
        let state = self.lock();
        let kept = state.marks.get(&node).into_iter().flat_map(|kept| kept.applied.marks().chain(kept.voted.marks()));
        let mut marks: Vec<Mark> = Vec::new();
        for mark in kept {
            if !marks.contains(mark) {
                marks.push(mark.clone());
            }
        }
        marks
    }

    /// Writes it, if there is anything new. Blocks.
    pub(crate) fn save(&self) -> Result<(), StoreError> {
        let nodes: Vec<NodeId> = {
            let mut state = self.lock();
            if !std::mem::take(&mut state.unsaved) {
                return Ok(());
            }
            state.marks.keys().copied().collect()
        };
        let lines = nodes.into_iter().flat_map(|node| self.of(node).into_iter().map(move |mark| Line::of(node, mark)));
        let text = toml::to_string(&File { mark: lines.collect() });
        let text = text.map_err(|error| StoreError::io("writing", &self.path)(std::io::Error::other(error)))?;
        replace_file(&self.path, text.as_bytes())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The marks are whole after every step, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn order(mark: &Mark) -> Option<(u64, NodeId, bool)> {
    mark.vote.map(|vote| (vote.term, vote.node, vote.committed))
}

impl Line {
    fn of(node: NodeId, mark: Mark) -> Self {
        Self {
            node: node.0,
            data: mark.data,
            vote: mark.vote.map(|vote| (vote.term, vote.node.0, vote.committed)),
            applied: mark.applied.map(|id| (id.term, id.leader.0, id.index)),
            start: mark.start.to_be_bytes(),
            seal: mark.seal,
        }
    }

    fn mark(&self) -> Mark {
        Mark {
            data: self.data.clone(),
            vote: self.vote.map(|(term, node, committed)| Vote { term, node: NodeId(node), committed }),
            applied: self.applied.map(|(term, leader, index)| LogId { term, leader: NodeId(leader), index }),
            start: u64::from_be_bytes(self.start),
            seal: self.seal,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const BOB: NodeId = NodeId(2);

    fn mark(term: u64, index: u64) -> Mark {
        let vote = Some(Vote { term, node: BOB, committed: true });
        Mark {
            data: "disk".to_owned(),
            vote,
            applied: Some(LogId { term: 5, leader: BOB, index }),
            start: 1,
            seal: [9; 32],
        }
    }

    #[test]
    fn the_furthest_that_a_node_has_said_outlives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("peers");
        let memory = Memory::load(path.clone());
        assert_eq!(memory.of(BOB), []);
        memory.save().unwrap();
        assert!(!path.exists(), "nothing to write");
        memory.note(BOB, &mark(7, 40));
        memory.note(BOB, &mark(6, 12));
        assert_eq!(memory.of(BOB), [mark(7, 40)]);
        memory.note(BOB, &mark(8, 20));
        assert_eq!(memory.of(BOB), [mark(7, 40), mark(8, 20)], "one is further, the other has voted later");
        memory.note(NodeId(3), &Mark::default());
        memory.save().unwrap();
        let again = Memory::load(path.clone());
        assert_eq!(again.of(BOB), [mark(7, 40), mark(8, 20)]);
        std::fs::write(&path, "no such thing").unwrap();
        assert_eq!(Memory::load(path).of(BOB), []);
    }

    #[test]
    fn what_a_run_before_the_present_one_has_said_is_told_to_the_present_one() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::load(dir.path().join("peers"));
        memory.note(BOB, &mark(7, 40));
        let second = |index| Mark { start: u64::MAX, ..mark(7, index) };
        memory.note(BOB, &second(12));
        assert_eq!(memory.of(BOB), [mark(7, 40)], "less was said");
        memory.note(BOB, &second(41));
        memory.note(BOB, &second(44));
        assert_eq!(memory.of(BOB), [mark(7, 40), second(44)], "it was sent what was missing, and more");
        memory.save().unwrap();
        assert_eq!(Memory::load(dir.path().join("peers")).of(BOB), [mark(7, 40), second(44)]);
    }

    #[test]
    fn what_no_node_comes_to_is_not_kept() {
        let memory = Memory::load("nowhere/peers".into());
        memory.note(BOB, &mark(u64::MAX, 1));
        memory.note(BOB, &mark(1, u64::MAX));
        memory.note(BOB, &Mark { data: "x".repeat(1000), ..mark(1, 1) });
        assert_eq!(memory.of(BOB), []);
        (0..1000).for_each(|node| memory.note(NodeId(node), &mark(1, 1)));
        assert_eq!(memory.lock().marks.len(), MEMBERS_MAX);
    }
}
