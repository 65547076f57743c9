//! Devices that ask more than anybody needs, with a certificate and no account: the others notice nothing.

use std::time::{Duration, Instant};

use capnp::capability::RemotePromise;
use futures::future::join_all;
use raftchat_node::config::LimitsConfig;
use raftchat_schema::budgets::GATEWAY_CALLS_A_SECOND;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::gateway;
use raftchat_schema::wire;
use raftchat_transport::CloseCode;

use crate::support::{Cluster, PASSWORD, locally, login, registering, resume, soon, until};

/// How long somebody else's login may take: on an idle machine it is a tenth of that.
const LOGIN_MAX: Duration = Duration::from_secs(10);

type Registering = RemotePromise<gateway::register_results::Owned>;

/// Registrations of ever new names, sent and not waited for.
fn flood(gateway: &gateway::Client, round: usize, count: usize) -> Vec<Registering> {
    let name = |number: usize| format!("mallory-{round}-{number}");
    let token = |number: usize| std::array::from_fn(|at| u8::try_from((number + at * round) % 251).unwrap());
    (0..count).map(|number| registering(gateway, &name(number), token(number)).send()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_end_with_calls_in_progress_leave_every_place_free() {
    locally(async {
        let cluster = Cluster::start().await;
        let alice = cluster.alice(1).await;
        let ahead = {
            let mut cursor = alice.cursor().await;
            cursor.change.0 += 100;
            cursor.to_bytes()
        };
        let mallory = cluster.device("mallory");
        for round in 0..20 {
            let (link, gateway) = cluster.dial_from(&mallory, 1).await;
            let hashing = flood(&gateway, round, 40);
            let waiting: Vec<_> = (0..200)
                .map(|_| {
                    let mut call = gateway.resume_request();
                    call.get().set_token(&[9; 32]);
                    call.get().init_seen().set_bytes(&ahead);
                    call.send()
                })
                .collect();
            // What is under way is under way.
            soon(gateway.hello_request().send().promise).await.unwrap();
            link.close(CloseCode::Done, "hangs up");
            drop((hashing, waiting));
        }
        let (_link, gateway) = cluster.dial_from(&cluster.device("alice-phone"), 1).await;
        let begun = Instant::now();
        let _held = until(async || login(&gateway, "alice", PASSWORD, [8; 32]).await.ok()).await;
        println!("logged in after {:?}", begun.elapsed());
        assert!(begun.elapsed() < LOGIN_MAX, "{:?}", begun.elapsed());
        // Nobody else is there.
        until(async || (alice.status().await.sessions == 2).then_some(())).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_floods_what_costs_a_hash_does_not_hold_up_anothers_login() {
    locally(async {
        let cluster = Cluster::limited(&LimitsConfig::default()).await;
        let _alice = cluster.alice(1).await;
        let (_link, hostile) = cluster.dial_from(&cluster.device("mallory"), 1).await;
        let (_link, gateway) = cluster.dial_from(&cluster.device("alice-phone"), 1).await;
        let flooding = flood(&hostile, 1, 100);
        let begun = Instant::now();
        let let_in = login(&gateway, "alice", PASSWORD, [8; 32]).await;
        println!("logged in after {:?}", begun.elapsed());
        assert!(let_in.is_ok() && begun.elapsed() < LOGIN_MAX, "{:?}", begun.elapsed());
        let mut refusals = Vec::new();
        for answer in soon(join_all(flooding.into_iter().map(|call| call.promise))).await {
            let answer = answer.unwrap();
            let results = answer.get().unwrap();
            if results.has_refused() {
                refusals.push(wire::read_refusal(results.get_refused().unwrap()));
            }
        }
        assert!(refusals.iter().any(|refusal| refusal.code == ErrorCode::Busy), "no more than two wait");
        assert!(refusals.iter().any(|refusal| refusal.code == ErrorCode::RateLimited), "not as many as it likes");
        assert!(refusals.iter().all(|refusal| refusal.retry_after_ms > 0), "all are told when to come back");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knocks_without_end_is_told_to_wait_and_others_are_let_in() {
    locally(async {
        let cluster = Cluster::limited(&LimitsConfig::default()).await;
        let _alice = cluster.alice(1).await;
        let (_link, hostile) = cluster.dial_from(&cluster.device("mallory"), 1).await;
        let (hellos, statuses, resumes) = (
            join_all((0..200).map(|_| hostile.hello_request().send().promise)),
            join_all((0..200).map(|_| hostile.status_request().send().promise)),
            join_all((0..200).map(|_| hostile.resume_request().send().promise)),
        );
        let (hellos, statuses, resumes) = soon(async { tokio::join!(hellos, statuses, resumes) }).await;
        // A macro would be as long: three methods with results of three types.
        let hellos = hellos.iter().filter(|answer| answer.as_ref().unwrap().get().unwrap().has_refused()).count();
        let statuses = statuses.iter().filter(|answer| answer.as_ref().unwrap().get().unwrap().has_refused()).count();
        let too_fast = |answer: &Result<capnp::capability::Response<gateway::resume_results::Owned>, capnp::Error>| {
            let refused = wire::read_refusal(answer.as_ref().unwrap().get().unwrap().get_refused().unwrap());
            refused.code == ErrorCode::RateLimited
        };
        let resumes = resumes.iter().filter(|answer| too_fast(answer)).count();
        println!("refused: {hellos} of hello, {statuses} of status, {resumes} of resume");
        assert!(hellos >= 50 && statuses >= 150 && resumes >= 150);
        let (_link, gateway) = cluster.dial(1).await;
        assert!(resume(&gateway).await.is_ok(), "alice has a bucket of her own");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_again_and_again_and_never_waits_loses_the_link() {
    locally(async {
        let cluster = Cluster::limited(&LimitsConfig::default()).await;
        let _alice = cluster.alice(1).await;
        let (link, hostile) = cluster.dial_from(&cluster.device("mallory"), 1).await;
        let mut longest = 0;
        let never_waits = async {
            loop {
                for answer in join_all((0..100).map(|_| hostile.resume_request().send().promise)).await {
                    let Ok(answer) = answer else { return };
                    let refused = wire::read_refusal(answer.get().unwrap().get_refused().unwrap());
                    longest = refused.retry_after_ms.max(longest);
                }
            }
        };
        soon(never_waits).await;
        let ended = soon(link.closed()).await;
        println!("told to wait for up to {longest} ms, then: {ended}");
        // Until the next call is free is no longer than that; how many times as long it becomes goes by how fast the two are.
        let free_again_ms = 1_000 / u64::from(GATEWAY_CALLS_A_SECOND);
        assert!(longest > 2 * free_again_ms, "longer than until the next call is free");
        let (_link, gateway) = cluster.dial(1).await;
        assert!(resume(&gateway).await.is_ok(), "alice waits for nobody");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_beyond_all_that_is_likely_is_refused_at_once() {
    locally(async {
        let cluster = Cluster::start().await;
        let alice = cluster.alice(1).await;
        let mut cursor = alice.cursor().await;
        cursor.change.0 = u64::MAX - 1;
        let mut call = alice.gateway.resume_request();
        call.get().set_token(&[9; 32]);
        call.get().init_seen().set_bytes(&cursor.to_bytes());
        let begun = Instant::now();
        let response = soon(call.send().promise).await.unwrap();
        let refused = wire::read_refusal(response.get().unwrap().get_refused().unwrap());
        assert_eq!(refused.code, ErrorCode::Behind);
        // It would have been two seconds.
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    })
    .await;
}
