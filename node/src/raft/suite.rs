//! openraft's own suite for storage, on the real stores; and what stops a node.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use openraft::StorageError;
use openraft::entry::RaftEntry as _;
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt as _;
use raftchat_schema::command::{Batch, Command, Proposal};
use raftchat_schema::id::{NodeId, Stamp};
use raftchat_schema::stored::StoredMembership;
use raftchat_schema::wire;
use tempfile::TempDir;

use super::log_storage::RaftLog;
use super::machine::Machine;
use super::machine::apply::{AppliedEntry, Applier, ApplySink};
use super::types::{BatchBytes, LogEntry, RaftLeaderId, RaftLogId, TypeConfig};
use crate::store::{Failures, StoreSettings, Stores};

struct Nobody;

impl ApplySink for Nobody {
    fn applied(&self, _entry: AppliedEntry) {}
    fn installed(&self, _membership: &StoredMembership) {}
}

struct Fresh;

impl StoreBuilder<TypeConfig, RaftLog, Machine, TempDir> for Fresh {
    async fn build(&self) -> Result<(TempDir, RaftLog, Machine), StorageError<TypeConfig>> {
        let failed = |error: &dyn std::fmt::Display| StorageError::read(TypeConfig::err_from_string(error));
        let dir = tempfile::tempdir().map_err(|error| failed(&error))?;
        let opened = Stores::open(dir.path(), NodeId(0), "ship", &StoreSettings::default(), Failures::default());
        let stores = opened.map_err(|error| failed(&error))?;
        let applier = Applier::start(stores.clone(), Arc::new(Nobody)).map_err(|error| failed(&error))?;
        let log = RaftLog { log: stores.log.clone(), state: stores.state.clone(), elections: Arc::default() };
        let (state, snapshots) = (stores.state, stores.snapshots);
        let machine = Machine { applier, state, snapshots, progress: Arc::default() };
        Ok((dir, log, machine))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stores_do_what_openraft_asks_of_them() {
    let outcome = Suite::test_all(Fresh).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

fn entry(index: u64, batch: Vec<u8>) -> LogEntry {
    let id = RaftLogId::new(RaftLeaderId { term: 1, node_id: 0 }, index);
    LogEntry::new(id, openraft::EntryPayload::Normal(BatchBytes(batch.into())))
}

#[tokio::test]
async fn a_command_that_the_node_does_not_know_stops_it_by_name_and_is_never_skipped() {
    let (_dir, log, machine) = Fresh.build().await.unwrap();
    let command = wire::encode_command(&Command::NoteLastSeen(Vec::new()));
    let batch = |command| {
        let proposals = vec![Proposal { node: NodeId(0), number: 1, command }];
        wire::encode_batch(&Batch { stamp: Stamp(1), proposals })
    };
    machine.applier.apply(vec![entry(0, batch(command.clone()))]).await.unwrap();
    // A message that holds nothing is a command of the unknown kind.
    let unknown = vec![0, 0, 0, 0, 0, 0, 0, 0];
    let outcome = machine.applier.apply(vec![entry(1, batch(unknown)), entry(2, batch(command.clone()))]).await;
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("log entry 1 cannot be applied"), "{error}");
    assert_eq!(log.state.applied().unwrap().log_id.map(|id| id.index), Some(0));
    assert!(machine.applier.apply(vec![entry(2, batch(command))]).await.is_err());
}
