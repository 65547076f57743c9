//! The connections a server has at present, and whose they are.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftchat_schema::budgets::DEVICE_PARTIAL_FRAMES_BYTES_MAX;
use tokio::sync::Semaphore;

use crate::rpc::frames::FrameRoom;
use crate::server::connection::ConnectionHandle;
use crate::tls::identity::Spki;

/// All admitted connections of one server, by their ids. Whose they are is told by the key alone: a name in a certificate
/// means nothing, and two keys may have the same.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    last_id: AtomicU64,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    by_id: BTreeMap<u64, ConnectionHandle>,
    callers: HashMap<Spki, Caller>,
}

/// The state that all connections of one key share.
#[derive(Debug)]
struct Caller {
    connections: usize,
    room: FrameRoom,
}

/// Takes its connection out of the registry when the connection's service ends.
pub(crate) struct Registered {
    registry: Arc<Registry>,
    id: u64,
    spki: Spki,
    /// The room that its caller's large messages take while they arrive.
    pub(crate) room: FrameRoom,
}

impl Registry {
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// None where the connection's key has as many as `most`.
    pub(crate) fn add(self: &Arc<Self>, connection: ConnectionHandle, most: usize) -> Option<Registered> {
        let (id, spki) = (connection.id(), connection.identity().spki());
        let mut connections = self.lock();
        let caller = connections.callers.entry(spki).or_insert_with(|| Caller {
            connections: 0,
            room: Arc::new(Semaphore::new(DEVICE_PARTIAL_FRAMES_BYTES_MAX)),
        });
        if caller.connections >= most {
            return None;
        }
        caller.connections = caller.connections.saturating_add(1);
        let room = Arc::clone(&caller.room);
        connections.by_id.insert(id, connection);
        Some(Registered { registry: Arc::clone(self), id, spki, room })
    }

    pub(crate) fn all(&self) -> Vec<ConnectionHandle> {
        self.lock().by_id.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        // The maps are whole after every step, whoever panicked meanwhile.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut connections = self.registry.lock();
        connections.by_id.remove(&self.id);
        if let Some(caller) = connections.callers.get_mut(&self.spki) {
            caller.connections = caller.connections.saturating_sub(1);
            if caller.connections == 0 {
                connections.callers.remove(&self.spki);
            }
        }
    }
}
