//! The state machine as openraft wants it: entries go to the apply thread, snapshots are made and taken over. Knows nothing
//! of what the rows hold.

pub(crate) mod apply;
pub(crate) mod copying;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use futures::{Stream, StreamExt as _};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine, Snapshot};
use openraft::type_config::alias::SnapshotOf;
use openraft::{OptionalSend, Raft};
use tokio::sync::oneshot;

use super::network::progress::Progress;
use super::types::convert;
use super::types::{RaftLogId, RaftStoredMembership, SnapshotMeta, TypeConfig};
use crate::store::{SnapshotFile, SnapshotShelf, StateStore, StateView, StoreError, spawn_yielding};
use apply::Applier;

/// How many entries share a database batch at the most.
const GROUP_ENTRIES_MAX: usize = 64;

/// The rows, who applies to them, and their snapshots.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) applier: Applier,
    pub(crate) state: StateStore,
    pub(crate) snapshots: SnapshotShelf,
    pub(crate) progress: Arc<Progress>,
}

/// openraft over this machine.
pub(super) type OurRaft = Raft<TypeConfig, Machine>;

pub(crate) type MachineSnapshot = SnapshotOf<TypeConfig, SnapshotFile>;

pub(crate) fn with_meta(file: SnapshotFile) -> Result<MachineSnapshot, io::Error> {
    let meta = convert::to_snapshot_meta(&file.header).map_err(io::Error::other)?;
    Ok(Snapshot { meta, snapshot: file })
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<RaftLogId>, RaftStoredMembership), io::Error> {
        let applied = self.state.applied()?;
        let membership = convert::to_stored_membership(&applied.membership).map_err(io::Error::other)?;
        Ok((applied.log_id.map(convert::to_log_id), membership))
    }

    async fn apply<Strm>(&mut self, entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let mut groups = entries.ready_chunks(GROUP_ENTRIES_MAX);
        while let Some(group) = groups.next().await {
            let group = group.into_iter().collect::<Result<Vec<_>, _>>()?;
            let (entries, waiting): (Vec<_>, Vec<_>) = group.into_iter().unzip();
            self.applier.apply(entries).await?;
            waiting.into_iter().flatten().for_each(|responder| responder.send(()));
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Builder> {
        let may_make = force || self.progress.may_make_snapshot(Instant::now());
        if may_make { Some(self.get_snapshot_builder().await) } else { None }
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { view: self.state.view(), state: self.state.clone(), snapshots: self.snapshots.clone() }
    }

    async fn install_snapshot(&mut self, _meta: &SnapshotMeta, snapshot: SnapshotFile) -> Result<(), io::Error> {
        let shelf = self.snapshots.clone();
        let file = own_thread("snapshot-keep", move || shelf.adopt(snapshot)).await?;
        self.applier.install(file).await
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<MachineSnapshot>, io::Error> {
        if self.snapshots.is_discarded() {
            // Somebody waits for it: without one this node would have to stop.
            return self.get_snapshot_builder().await.build_snapshot().await.map(Some);
        }
        self.snapshots.current().map(with_meta).transpose()
    }
}

/// Makes a snapshot of the rows as they were when it was made.
#[derive(Debug)]
pub(crate) struct Builder {
    view: StateView,
    state: StateStore,
    snapshots: SnapshotShelf,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(&mut self) -> Result<MachineSnapshot, io::Error> {
        let (view, state, snapshots) = (self.view.clone(), self.state.clone(), self.snapshots.clone());
        let file = own_thread("snapshot-build", move || {
            // Entries are purged once there is a snapshot: from then on the rows themselves must last.
            state.sync()?;
            snapshots.build(&view)
        });
        with_meta(file.await?)
    }
}

/// Work that reads or writes much, away from every thread that has to answer.
async fn own_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, io::Error> {
    let (done, answer) = oneshot::channel();
    spawn_yielding(name, move || {
        // Whoever asked may have gone.
        let _heard = done.send(work());
    })?;
    Ok(answer.await.map_err(|_| io::Error::other("a thread of the snapshots panicked"))??)
}
