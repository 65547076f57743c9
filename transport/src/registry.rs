//! The connections a server has at present.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::connection::ConnectionHandle;

/// All admitted connections of one server, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    last_id: AtomicU64,
    connections: Mutex<BTreeMap<u64, ConnectionHandle>>,
}

/// Takes its connection out of the registry when the connection's service ends.
pub(crate) struct Registered {
    registry: Arc<Registry>,
    id: u64,
}

impl Registry {
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn add(self: &Arc<Self>, connection: ConnectionHandle) -> Registered {
        let id = connection.id();
        self.lock().insert(id, connection);
        Registered { registry: Arc::clone(self), id }
    }

    pub(crate) fn all(&self) -> Vec<ConnectionHandle> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, ConnectionHandle>> {
        // The map is whole after every step, whoever panicked meanwhile.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.id);
    }
}
