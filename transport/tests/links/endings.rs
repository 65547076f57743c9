//! However a link ends, the calls that are in progress on it end too, with all that they hold.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use capnp::any_pointer;
use capnp::capability::{Client, DispatchCallResult, FromClientHook, Params, Promise, Results};
use futures::FutureExt;
use raftchat_transport::{CloseCode, Dialer, Link, Role, RpcHandle, RpcThreads, Server};

use crate::attacks::raw_endpoint;
use crate::support::{Cluster, Echo, Guests, HOME, expect, locally, soon};

/// So many links are lost, of each kind of end in turn.
const LOSSES: usize = 100;
/// So many calls are in progress on each.
const CALLS: usize = 200;

/// A service whose calls hold a permit and never answer.
struct Hall {
    permits: Arc<AtomicUsize>,
}

struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Clone)]
struct HallDispatch(Rc<Hall>);

impl Deref for HallDispatch {
    type Target = Hall;
    fn deref(&self) -> &Hall {
        &self.0
    }
}

impl capnp::capability::Server for HallDispatch {
    fn dispatch_call(
        self,
        _interface: u64,
        _method: u16,
        params: Params<any_pointer::Owned>,
        results: Results<any_pointer::Owned>,
    ) -> DispatchCallResult {
        self.permits.fetch_add(1, Ordering::SeqCst);
        let permit = Permit(Arc::clone(&self.permits));
        let never = async move {
            let _held = (permit, params, results);
            std::future::pending().await
        };
        DispatchCallResult::new(Promise::from_future(never), false)
    }

    fn as_ptr(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }
}

struct HallClient(Box<dyn capnp::private::capability::ClientHook>);

impl FromClientHook for HallClient {
    fn new(hook: Box<dyn capnp::private::capability::ClientHook>) -> Self {
        Self(hook)
    }
    fn into_client_hook(self) -> Box<dyn capnp::private::capability::ClientHook> {
        self.0
    }
    fn as_client_hook(&self) -> &dyn capnp::private::capability::ClientHook {
        &*self.0
    }
}

impl capnp::capability::FromServer<Hall> for HallClient {
    type Dispatch = HallDispatch;
    fn from_server(hall: Rc<Hall>) -> HallDispatch {
        HallDispatch(hall)
    }
}

async fn hall(home: &Cluster, threads: &RpcHandle, permits: &Arc<AtomicUsize>) -> Server {
    let permits = Arc::clone(permits);
    let bootstrap = move |_| {
        let hall: HallClient = capnp_rpc::new_client(Hall { permits: Arc::clone(&permits) });
        Client::new(hall.into_client_hook())
    };
    let mut config = home.server_config(Role::Device, 1);
    config.timing.idle = Duration::from_millis(500);
    config.timing.keep_alive = Duration::from_millis(100);
    soon(Server::bind(config, Arc::new(Guests::default()), threads, bootstrap)).await.unwrap()
}

/// How a link ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The device hangs up.
    HangsUp,
    /// The node closes it.
    ClosedByNode,
    /// The device is not heard any more.
    FallsSilent,
    /// The device ends its stream and keeps the connection.
    EndsStream,
    /// The device resets its stream.
    ResetsStream,
    /// The device announces a message that is too large.
    BreaksFrames,
    /// The device breaks the RPC protocol.
    BreaksRpc,
}

const ENDS: [End; 7] = [
    End::HangsUp,
    End::ClosedByNode,
    End::FallsSilent,
    End::EndsStream,
    End::ResetsStream,
    End::BreaksFrames,
    End::BreaksRpc,
];

/// A `Bootstrap` and then so many calls on it, as they are on the wire.
fn calls_by_hand(count: usize) -> Vec<u8> {
    use capnp_rpc::rpc_capnp::message;
    let mut bytes = Vec::new();
    let mut builder = capnp::message::Builder::new_default();
    builder.init_root::<message::Builder<'_>>().init_bootstrap().set_question_id(0);
    capnp::serialize::write_message(&mut bytes, &builder).unwrap();
    for question in 1..=u32::try_from(count).unwrap() {
        let mut builder = capnp::message::Builder::new_default();
        let mut call = builder.init_root::<message::Builder<'_>>().init_call();
        call.set_question_id(question);
        call.reborrow().init_target().init_promised_answer().set_question_id(0);
        call.init_params();
        capnp::serialize::write_message(&mut bytes, &builder).unwrap();
    }
    bytes
}

/// Mallory's side of a link.
struct ByHand {
    endpoint: quinn::Endpoint,
    connection: quinn::Connection,
    send: quinn::SendStream,
    _recv: quinn::RecvStream,
}

/// Mallory makes a link and calls by hand.
async fn call_by_hand(home: &Cluster, server: &Server) -> ByHand {
    let endpoint = raw_endpoint(home, Some(&home.device("mallory")), Role::Device);
    let connecting = endpoint.connect(server.local_address(), "n1.node.home.raftchat.internal");
    let connection = soon(connecting.unwrap()).await.unwrap();
    let (mut send, recv) = connection.open_bi().await.unwrap();
    soon(send.write_all(&calls_by_hand(CALLS))).await.unwrap();
    ByHand { endpoint, connection, send, _recv: recv }
}

/// Mallory calls, and ends the link in that way.
async fn lose_by_hand(home: &Cluster, server: &Server, permits: &AtomicUsize, end: End) {
    if matches!(end, End::FallsSilent) {
        std::thread::scope(|scope| scope.spawn(|| fall_silent(home, server, permits)).join().unwrap());
        return;
    }
    let mut mallory = call_by_hand(home, server).await;
    // Who hangs up may do so while calls arrive.
    if !matches!(end, End::HangsUp) {
        soon(some_in_progress(permits)).await;
    }
    match end {
        End::HangsUp | End::FallsSilent => mallory.connection.close(0_u8.into(), b"bye"),
        End::ClosedByNode => drop(server.close_where(|_| true, CloseCode::Draining, "go")),
        End::EndsStream => mallory.send.finish().unwrap(),
        End::ResetsStream => mallory.send.reset(1_u8.into()).unwrap(),
        End::BreaksFrames => mallory.send.write_all(&[0xff; 8]).await.unwrap(),
        End::BreaksRpc => mallory.send.write_all(&answer_to_nothing()).await.unwrap(),
    }
    soon(mallory.connection.closed()).await;
    mallory.endpoint.close(0_u8.into(), b"");
}

/// Mallory calls, and is never heard again.
fn fall_silent(home: &Cluster, server: &Server, permits: &AtomicUsize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mallory = runtime.block_on(async {
        let mallory = call_by_hand(home, server).await;
        soon(some_in_progress(permits)).await;
        mallory
    });
    // What would say good-bye ends first.
    drop(runtime);
    drop(mallory);
}

fn answer_to_nothing() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut builder = capnp::message::Builder::new_default();
    builder.init_root::<capnp_rpc::rpc_capnp::message::Builder<'_>>().init_return().set_answer_id(77);
    capnp::serialize::write_message(&mut bytes, &builder).unwrap();
    bytes
}

async fn some_in_progress(permits: &AtomicUsize) {
    while permits.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn all_free(permits: &AtomicUsize) -> bool {
    let free = async {
        while permits.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), free).await.is_ok()
}

#[tokio::test]
async fn calls_in_progress_end_with_their_link_however_it_ends() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(2).unwrap();
        let permits = Arc::new(AtomicUsize::new(0));
        let server = hall(&home, &threads.handle(), &permits).await;
        for (_, end) in (0..LOSSES).zip(ENDS.iter().cycle()) {
            lose_by_hand(&home, &server, &permits, *end).await;
            assert!(all_free(&permits).await, "{} calls have outlived a link: {end:?}", permits.load(Ordering::SeqCst));
        }
        assert!(server.connections().is_empty());
    })
    .await;
}

#[tokio::test]
async fn calls_in_progress_end_with_their_server() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(2).unwrap();
        let permits = Arc::new(AtomicUsize::new(0));
        let server = hall(&home, &threads.handle(), &permits).await;
        let (_alice, calls) = waiting_calls(&home.dialer(Role::Device, home.device("alice")), &server).await;
        soon(some_in_progress(&permits)).await;
        drop(server);
        for call in calls {
            assert!(soon(call).await.unwrap().is_err());
        }
        assert!(all_free(&permits).await);
    })
    .await;
}

/// A link, and calls on it that are sent and will not be answered.
async fn waiting_calls(
    dialer: &Dialer,
    server: &Server,
) -> (Link, Vec<tokio::task::JoinHandle<Result<String, capnp::Error>>>) {
    let link = soon(dialer.connect(server.local_address(), &expect(1))).await.unwrap();
    let echo: Echo = soon(link.bootstrap()).await.unwrap();
    let calls = (0..CALLS).map(|_| tokio::task::spawn_local(echo.clone().say("wait".to_owned()))).collect();
    (link, calls)
}

#[tokio::test]
async fn who_waits_for_an_answer_is_told_that_the_link_is_gone_however_it_went() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(1).unwrap();
        let permits = Arc::new(AtomicUsize::new(0));
        let server = hall(&home, &threads.handle(), &permits).await;
        let alice = home.dialer(Role::Device, home.device("alice"));
        for by_node in [true, false] {
            let (link, calls) = waiting_calls(&alice, &server).await;
            soon(some_in_progress(&permits)).await;
            if by_node {
                server.close_where(|_| true, CloseCode::Draining, "go");
            } else {
                link.close(CloseCode::Done, "");
            }
            for call in calls {
                let error = soon(call.map(Result::unwrap)).await.unwrap_err();
                assert_eq!(error.kind, capnp::ErrorKind::Disconnected, "{error}");
            }
            assert!(all_free(&permits).await);
        }
    })
    .await;
}
