//! Stores to test with, and what is put into them.

use std::path::Path;
use std::sync::mpsc;

use raftchat_node::store::{Failures, LogRecord, LogStore, StoreError, StoreSettings, Stores};
use raftchat_schema::command::{Batch, Command, Proposal};
use raftchat_schema::id::{NodeId, Stamp};
use raftchat_schema::stored::{Entry, EntryPayload, LogId, Vote};
use raftchat_schema::wire;

pub(crate) const CLUSTER: &str = "ship";

pub(crate) fn open(dir: &Path) -> Result<Stores, StoreError> {
    Stores::open(dir, NodeId(1), CLUSTER, &StoreSettings::default(), Failures::default())
}

pub(crate) fn place(term: u64, index: u64) -> LogId {
    LogId { term, leader: NodeId(1), index }
}

/// An entry whose content follows from its index.
pub(crate) fn record(term: u64, index: u64) -> LogRecord {
    let length = usize::try_from(index % 97).unwrap() + 20;
    let text = format!("entry {index} ").into_bytes().into_iter().cycle().take(length).collect();
    let entry = Entry { log_id: place(term, index), payload: EntryPayload::Batch(text) };
    LogRecord { id: entry.log_id, entry: wire::encode_entry(&entry).into() }
}

pub(crate) fn wait(ask: impl FnOnce(raftchat_node::store::log::Done)) -> Result<(), StoreError> {
    let (done, answer) = mpsc::channel();
    ask(Box::new(move |outcome| done.send(outcome).unwrap()));
    answer.recv().expect("every request is answered")
}

pub(crate) fn append(log: &LogStore, records: Vec<LogRecord>) -> Result<(), StoreError> {
    wait(|done| log.append(records, done).unwrap())
}

pub(crate) fn vote(log: &LogStore, term: u64) -> Result<(), StoreError> {
    wait(|done| log.save_vote(Vote { term, node: NodeId(1), committed: true }, done))
}

pub(crate) fn batch(stamp: u64, commands: &[Command]) -> Vec<u8> {
    let proposals = commands.iter().zip(0..).map(|(command, number)| Proposal {
        node: NodeId(1),
        number,
        command: wire::encode_command(command),
    });
    wire::encode_batch(&Batch { stamp: Stamp(stamp), proposals: proposals.collect() })
}
