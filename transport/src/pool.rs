//! Links from this node to all others, kept open and dialled again with
//! back-off. Callers on any thread submit calls; the capabilities stay on the
//! RPC threads.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use capnp::capability::FromClientHook;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::failure::{CallFailure, LinkFailure};
use crate::link::dialer::Dialer;
use crate::rpc::threads::RpcHandle;
use crate::tls::identity::Expect;

mod keeper;

use keeper::{Health, Keeper, Stop};

/// The subject of a call; lanes do not wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Entries of the log.
    Log,
    /// Heartbeats, votes, and other small calls that must not be late.
    Control,
    /// Snapshots, on a connection of their own.
    Snapshot,
}

/// The state of the link to one node.
#[derive(Clone, Debug)]
pub struct PeerHealth {
    /// True if calls can be made.
    pub up: bool,
    /// The round-trip time, while the link is up.
    pub rtt: Option<Duration>,
    /// The time when the node was last heard on the link, while it is up.
    pub heard: Option<Instant>,
    /// The number of times that the system has said that what is sent to the node does not
    /// get there.
    pub unreachable: u64,
    /// How often of those nobody listened at its port.
    pub closed: u64,
    /// The reason why the link was last lost or could not be made.
    pub last_failure: Option<LinkFailure>,
}

crate::counters! {
    /// What has become of the links to the other nodes.
    pub struct LinkCounters of "links" {
        /// Links to other nodes that were made.
        made,
        /// Links to other nodes that were up and ended.
        lost,
        /// Attempts at a link that came to nothing.
        failed,
        /// Calls that were handed to a link, or found none.
        calls,
    }
}

/// A call under way to its lane: given the lane's link, or why there is none.
type Job<T> = Box<dyn FnOnce(Result<(crate::Link, T), LinkFailure>) -> LocalBoxFuture<'static, ()> + Send>;

/// Links to the other nodes, all with the bootstrap capability `T`.
pub struct PeerPool<T> {
    dialer: Arc<Dialer>,
    cluster: String,
    threads: RpcHandle,
    peers: Mutex<BTreeMap<u64, Peer<T>>>,
    alarm: Arc<Notify>,
    counters: Arc<LinkCounters>,
}

struct Peer<T> {
    address: String,
    log: mpsc::UnboundedSender<Job<T>>,
    control: mpsc::UnboundedSender<Job<T>>,
    snapshot: mpsc::UnboundedSender<Job<T>>,
    health: Arc<Health>,
    /// Dropping these ends the links.
    _stops: [oneshot::Sender<Stop>; 2],
}

impl<T: FromClientHook + Clone + 'static> PeerPool<T> {
    /// A pool without peers, for nodes of `cluster`.
    pub fn new(dialer: Dialer, cluster: &str, threads: RpcHandle) -> Self {
        Self {
            dialer: Arc::new(dialer),
            cluster: cluster.to_owned(),
            threads,
            peers: Mutex::default(),
            alarm: Arc::default(),
            counters: Arc::default(),
        }
    }

    /// Keeps links to `node` at `address` (`host:port`) from now on. A node
    /// whose address is the same keeps its links.
    pub fn set_peer(&self, node: u64, address: &str) {
        let mut peers = self.lock();
        if peers.get(&node).is_some_and(|peer| peer.address == address) {
            return;
        }
        // The former links, if any, end here, before the new ones begin.
        peers.remove(&node);
        peers.insert(node, self.start(node, address));
    }

    /// Ends the links to `node`.
    pub fn remove_peer(&self, node: u64) {
        self.lock().remove(&node);
    }

    /// The state of the link to `node`; `None` for a node that is not kept.
    pub fn health(&self, node: u64) -> Option<PeerHealth> {
        let health = Arc::clone(&self.lock().get(&node)?.health);
        Some(health.read())
    }

    /// Shows all nodes to which there is a link that this one is here; they
    /// acknowledge it, and so show that they are. May be lost.
    pub fn send_beats(&self) {
        for peer in self.lock().values() {
            peer.health.send_beat();
        }
    }

    /// Waits until a link is lost, or the system says that a node cannot be
    /// reached: [`PeerPool::health`] then tells which. For one caller.
    pub async fn alarmed(&self) {
        self.alarm.notified().await;
    }

    /// What has become of the links so far.
    pub fn counters(&self) -> &Arc<LinkCounters> {
        &self.counters
    }

    /// Calls `node`: `start` runs on the link's thread with the lane's
    /// capability and gives the call's outcome.
    ///
    /// Without a link it fails at once; the link is being dialled meanwhile.
    /// Any number of calls may be under way. Calls of one lane are sent in
    /// the order of the calls of this method. Dropping the returned future
    /// cancels the call.
    pub fn call<F, R>(
        &self,
        node: u64,
        lane: Lane,
        start: F,
    ) -> impl Future<Output = Result<R, CallFailure>> + Send + 'static + use<F, R, T>
    where
        F: FnOnce(T) -> LocalBoxFuture<'static, Result<R, capnp::Error>> + Send + 'static,
        R: Send + 'static,
    {
        self.counters.calls.add(1);
        let (answer, result) = oneshot::channel();
        let sent = match self.lock().get(&node) {
            Some(peer) => peer.lane(lane).send(job(start, answer)).is_ok(),
            None => false,
        };
        async move {
            // A job that is dropped without an answer never began or lost
            // its thread; the second is only so at the end of the process.
            let lost = || LinkFailure::Unreachable { cause: "there is no link to it".to_owned() };
            if sent { result.await.unwrap_or_else(|_| Err(lost().into())) } else { Err(lost().into()) }
        }
    }

    fn start(&self, node: u64, address: &str) -> Peer<T> {
        let health = Arc::new(Health::new(self.alarm.clone()));
        let (log, log_jobs) = mpsc::unbounded_channel();
        let (control, control_jobs) = mpsc::unbounded_channel();
        let (snapshot, snapshot_jobs) = mpsc::unbounded_channel();
        let main = self.keep(node, address, vec![(Lane::Control, control_jobs), (Lane::Log, log_jobs)], &health);
        let unseen = Arc::default();
        let bulk = self.keep(node, address, vec![(Lane::Snapshot, snapshot_jobs)], &unseen);
        Peer { address: address.to_owned(), log, control, snapshot, health, _stops: [main, bulk] }
    }

    fn keep(
        &self,
        node: u64,
        address: &str,
        lanes: Vec<(Lane, mpsc::UnboundedReceiver<Job<T>>)>,
        health: &Arc<Health>,
    ) -> oneshot::Sender<Stop> {
        let (stop, stopped) = oneshot::channel();
        let keeper = Keeper {
            dialer: Arc::clone(&self.dialer),
            expect: Expect { cluster: self.cluster.clone(), node: Some(node) },
            address: address.to_owned(),
            health: Arc::clone(health),
            counters: Arc::clone(&self.counters),
        };
        let started = self.threads.spawn(self.threads.least_loaded(), move || keeper.keep(lanes, stopped));
        if let Err(error) = started {
            tracing::debug!(%error, node, "no link is kept");
        }
        stop
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Peer<T>>> {
        // The map is whole after every step, whoever panicked meanwhile.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::fmt::Debug for PeerPool<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerPool").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl<T> Peer<T> {
    fn lane(&self, lane: Lane) -> &mpsc::UnboundedSender<Job<T>> {
        match lane {
            Lane::Log => &self.log,
            Lane::Control => &self.control,
            Lane::Snapshot => &self.snapshot,
        }
    }
}

/// Wraps a call so that its outcome, whatever it is, goes back to the caller.
fn job<T, F, R>(start: F, mut answer: oneshot::Sender<Result<R, CallFailure>>) -> Job<T>
where
    T: 'static,
    F: FnOnce(T) -> LocalBoxFuture<'static, Result<R, capnp::Error>> + Send + 'static,
    R: Send + 'static,
{
    Box::new(move |lane| {
        let (link, client) = match lane {
            Ok(up) => up,
            Err(failure) => {
                // Fails when the caller is gone, who then needs no answer.
                let _ = answer.send(Err(failure.into()));
                return std::future::ready(()).boxed_local();
            }
        };
        let call = start(client);
        async move {
            tokio::select! {
                biased;
                outcome = call => {
                    let outcome = match outcome {
                        Ok(value) => Ok(value),
                        Err(error) => Err(link.explain(error).await),
                    };
                    let _ = answer.send(outcome);
                }
                () = answer.closed() => {}
            }
        }
        .boxed_local()
    })
}
