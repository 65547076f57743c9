//! What one hostile device can make a node hold: calls that are not read, not finished, chained, or in the thousands, and more
//! links than a device may have. Alice is not disturbed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use capnp_rpc::rpc_capnp::message;
use raftchat_schema::budgets::{
    DEVICE_LINKS_MAX, LINK_CALL_CHAIN_MAX, LINK_QUESTIONS_OPEN_MAX, LINK_QUESTIONS_UNANSWERED_MAX,
    LINK_UNREAD_BYTES_MAX,
};
use raftchat_transport::{CloseCode, Link, LinkFailure, LinkMeters, Role, RpcThreads, Server};

use crate::attacks::raw_endpoint;
use crate::support::{Cluster, ECHO, Echo, HOME, echo_server, expect, locally, soon};

struct Scene {
    home: Cluster,
    server: Server,
    meters: LinkMeters,
    alice: Link,
    _threads: RpcThreads,
}

async fn scene() -> Scene {
    let home = Cluster::new(HOME);
    let threads = RpcThreads::start(1).unwrap();
    let mut config = home.server_config(Role::Device, 1);
    config.limits.stall = Duration::from_millis(500);
    let meters = config.meters.clone();
    let server = echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await;
    let dialer = home.dialer(Role::Device, home.device("alice"));
    let alice = soon(dialer.connect(server.local_address(), &expect(1))).await.unwrap();
    Scene { home, server, meters, alice, _threads: threads }
}

/// Mallory's link, made by hand.
struct ByHand {
    connection: quinn::Connection,
    send: quinn::SendStream,
    recv: quinn::RecvStream,
    _endpoint: quinn::Endpoint,
}

impl Scene {
    async fn mallory(&self) -> ByHand {
        let endpoint = raw_endpoint(&self.home, Some(&self.home.device("mallory")), Role::Device);
        let connecting = endpoint.connect(self.server.local_address(), "n1.node.home.raftchat.internal");
        let connection = soon(connecting.unwrap()).await.unwrap();
        let (mut send, recv) = connection.open_bi().await.unwrap();
        send.write_all(&written(|root| root.init_bootstrap().set_question_id(0))).await.unwrap();
        ByHand { connection, send, recv, _endpoint: endpoint }
    }
}

impl ByHand {
    /// Sends for as long as the node takes it; gives the reason it was closed for.
    async fn send_until_closed(&mut self, mut next: impl FnMut(u32) -> Vec<u8>) -> (Option<CloseCode>, String) {
        let sending = async {
            for question in 1.. {
                if self.send.write_all(&next(question)).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = sending => {}
            _ = self.connection.closed() => {}
        }
        closed(&self.connection).await
    }
}

async fn closed(connection: &quinn::Connection) -> (Option<CloseCode>, String) {
    match soon(connection.closed()).await {
        quinn::ConnectionError::ApplicationClosed(close) => {
            let code = CloseCode::from_number(close.error_code.into_inner());
            (code, String::from_utf8_lossy(&close.reason).into_owned())
        }
        other => panic!("{other}"),
    }
}

fn written(fill: impl FnOnce(message::Builder<'_>)) -> Vec<u8> {
    let mut builder = capnp::message::Builder::new_default();
    fill(builder.init_root());
    let mut bytes = Vec::new();
    capnp::serialize::write_message(&mut bytes, &builder).unwrap();
    bytes
}

/// A call of the echo on the answer to another question.
fn call(question: u32, on: u32, text: &str) -> Vec<u8> {
    written(|root| {
        let mut call = root.init_call();
        call.set_question_id(question);
        call.set_interface_id(ECHO);
        call.reborrow().init_target().init_promised_answer().set_question_id(on);
        call.init_params().init_content().set_as::<capnp::text::Owned>(text).unwrap();
    })
}

fn finish(question: u32) -> Vec<u8> {
    written(|root| root.init_finish().set_question_id(question))
}

async fn eventually(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(waiting).await;
}

/// Alice is answered while `attack` goes on.
async fn undisturbed<T>(scene: &Scene, attack: impl Future<Output = T>) -> T {
    let alice: Echo = soon(scene.alice.bootstrap()).await.unwrap();
    let talking = async {
        loop {
            let said = tokio::time::timeout(Duration::from_secs(5), alice.clone().say("hello".to_owned())).await;
            assert_eq!(said.unwrap().unwrap(), "device alice of home: hello");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        outcome = attack => outcome,
        () = talking => panic!("alice has stopped"),
    }
}

#[tokio::test]
async fn who_reads_no_answers_is_not_read_from_and_then_closed() {
    locally(async {
        let scene = scene().await;
        let mut mallory = scene.mallory().await;
        let words = "x".repeat(1000);
        let attack = mallory.send_until_closed(|question| call(question, 0, &words));
        let (code, reason) = undisturbed(&scene, attack).await;
        assert_eq!(code, Some(CloseCode::SlowConsumer), "{reason}");
        let most = scene.meters.unread_bytes.reading().most;
        // What was asked before the bound was reached is answered too.
        let bound = LINK_UNREAD_BYTES_MAX + LINK_QUESTIONS_UNANSWERED_MAX * 1100;
        assert!(most <= u64::try_from(bound).unwrap(), "{most} bytes were kept");
        eventually(|| scene.meters.unread_bytes.reading().held == 0).await;
    })
    .await;
}

#[tokio::test]
async fn who_asks_thousands_of_questions_at_once_has_a_few_of_them_looked_at() {
    locally(async {
        let scene = scene().await;
        let mut mallory = scene.mallory().await;
        let attack = async {
            // Each is finished at once, and never answered.
            for question in 1..5000 {
                let asked = [call(question, 0, "wait"), finish(question)].concat();
                if tokio::time::timeout(Duration::from_millis(200), mallory.send.write_all(&asked)).await.is_err() {
                    return;
                }
            }
        };
        undisturbed(&scene, attack).await;
        let calls = || scene.meters.open_calls.reading();
        let most = u64::try_from(LINK_QUESTIONS_UNANSWERED_MAX).unwrap();
        eventually(|| calls().held >= most).await;
        // Alice's are among them.
        assert!(calls().most <= most + 2, "{:?}", calls());
        mallory.connection.close(0_u8.into(), b"");
        eventually(|| calls().held == 0).await;
    })
    .await;
}

#[tokio::test]
async fn who_finishes_nothing_and_who_chains_calls_are_closed_with_the_reason() {
    locally(async {
        let scene = scene().await;
        let mut mallory = scene.mallory().await;
        let mut recv = std::mem::replace(&mut mallory.recv, scene.mallory().await.recv);
        let reading = async move { while recv.read_chunk(64 * 1024, true).await.is_ok_and(|chunk| chunk.is_some()) {} };
        tokio::task::spawn_local(reading);
        let attack =
            mallory.send_until_closed(|question| written(|root| root.init_bootstrap().set_question_id(question)));
        let (code, reason) = undisturbed(&scene, attack).await;
        assert_eq!(code, Some(CloseCode::ProtocolViolation));
        assert!(reason.contains(&format!("more than {LINK_QUESTIONS_OPEN_MAX} questions")), "{reason}");

        let mut mallory = scene.mallory().await;
        mallory.send.write_all(&call(1, 0, "wait")).await.unwrap();
        let attack = mallory.send_until_closed(|question| call(question + 1, question, "wait"));
        let (code, reason) = undisturbed(&scene, attack).await;
        assert_eq!(code, Some(CloseCode::ProtocolViolation));
        assert!(reason.contains(&format!("more than {LINK_CALL_CHAIN_MAX} calls")), "{reason}");
        assert_eq!(scene.alice.failure(), None);
    })
    .await;
}

#[tokio::test]
async fn a_device_has_so_many_links_and_another_its_own() {
    locally(async {
        let scene = scene().await;
        let bob = scene.home.dialer(Role::Device, scene.home.device("bob"));
        let knock = async || {
            let link = soon(bob.connect(scene.server.local_address(), &expect(1))).await?;
            let echo: Echo = soon(link.bootstrap()).await?;
            soon(link.admitted(&echo)).await.map(|()| link)
        };
        let mut links = Vec::new();
        for _ in 0..DEVICE_LINKS_MAX {
            links.push(knock().await.unwrap());
        }
        let refused = knock().await.unwrap_err();
        assert_eq!(refused, LinkFailure::TooManyLinks);
        assert!(refused.retry_same_node() && !refused.may_have_happened());
        // Another key of the same name is another device.
        let twin = scene.home.dialer(Role::Device, scene.home.device("bob"));
        let twin = soon(twin.connect(scene.server.local_address(), &expect(1))).await.unwrap();
        assert_eq!(crate::support::say(&twin, "hello").await, "device bob of home: hello");
        assert_eq!(scene.meters.links.reading().held, u64::try_from(DEVICE_LINKS_MAX).unwrap() + 2);
        // One that ends makes room.
        soon(links.pop().unwrap().finish()).await;
        eventually(|| scene.server.connections().len() == DEVICE_LINKS_MAX + 1).await;
        links.push(knock().await.unwrap());
    })
    .await;
}
