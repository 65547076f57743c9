//! What is left of a session that was ended, and of a password that was changed.

use std::time::Duration;

use raftchat_node::config::LimitsConfig;
use raftchat_schema::command::{AccountAct, Act};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::generated::client_capnp::session;
use raftchat_schema::wire;

use crate::support::{Cluster, PASSWORD, locally, login, resume_by, soon, until};

/// Asks that method of a session; the refusal's code, or none.
macro_rules! refused {
    ($session:expr, $request:ident) => {{
        let response = soon($session.$request().send().promise).await.unwrap();
        let results = response.get().unwrap();
        results.has_refused().then(|| wire::read_refusal(results.get_refused().unwrap()).code)
    }};
}

async fn change_password(session: &session::Client, number: u64, old: &str, new: &str) -> Result<(), Refusal> {
    let mut call = session.change_password_request();
    call.get().init_request().set_number(number);
    call.get().set_old_password(old);
    call.get().set_new_password(new);
    let response = soon(call.send().promise).await.unwrap();
    let results = response.get().unwrap();
    if results.has_refused() { Err(wire::read_refusal(results.get_refused().unwrap())) } else { Ok(()) }
}

async fn end_others(session: &session::Client, number: u64) {
    let mut end = session.perform_request();
    end.get().init_request().set_number(number);
    wire::write_act(end.get().init_act(), &Act::Account(AccountAct::EndOtherSessions));
    assert!(!soon(end.send().promise).await.unwrap().get().unwrap().has_refused());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_taken_up_while_it_is_ended_does_not_outlive_that() {
    locally(async {
        let cluster = Cluster::start().await;
        let alice = cluster.alice(1).await;
        let (_link, gateway) = cluster.dial_from(&cluster.device("alice-phone"), 2).await;
        for round in 1..=20 {
            let token = [100 + round; 32];
            until(async || login(&gateway, "alice", PASSWORD, token).await.ok()).await;
            let taking_up = async {
                // A little earlier or later each time.
                tokio::time::sleep(Duration::from_micros(500 * u64::from(round))).await;
                resume_by(&gateway, token).await
            };
            let (taken_up, ()) = tokio::join!(taking_up, end_others(&alice.session, round.into()));
            match taken_up {
                Ok(phone) => {
                    until(async || (refused!(phone, whoami_request) == Some(ErrorCode::SessionEnded)).then_some(()))
                        .await;
                }
                Err(refused) => assert_eq!(refused.code, ErrorCode::SessionEnded),
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_elsewhere_is_refused_what_tells_nothing_too() {
    locally(async {
        let cluster = Cluster::start().await;
        let alice = cluster.alice(1).await;
        let (_link, gateway) = cluster.dial_from(&cluster.device("alice-phone"), 2).await;
        let phone = until(async || login(&gateway, "alice", PASSWORD, [8; 32]).await.ok()).await;
        assert_eq!((refused!(phone, catch_up_request), refused!(phone, attend_request)), (None, None));
        end_others(&alice.session, 1).await;
        let ended = Some(ErrorCode::SessionEnded);
        until(async || (refused!(phone, whoami_request) == ended).then_some(())).await;
        assert_eq!((refused!(phone, catch_up_request), refused!(phone, attend_request)), (ended, ended));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_change_of_password_is_known_by_its_number_and_tells_nobody_the_password() {
    locally(async {
        let cluster = Cluster::limited(&LimitsConfig::default()).await;
        let alice = cluster.alice(1).await;
        assert_eq!(change_password(&alice.session, 5, PASSWORD, "a better password").await, Ok(()));
        assert_eq!(change_password(&alice.session, 5, PASSWORD, "a better password").await, Ok(()), "the repeat");
        // Whoever holds the session learns of each try whether that one password is right, and of no second one.
        let guess = change_password(&alice.session, 6, "wrong", "a better password").await.map_err(|no| no.code);
        assert_eq!(guess, Err(ErrorCode::WrongCredentials));
        assert_eq!(change_password(&alice.session, 7, "a better password", PASSWORD).await, Ok(()));
    })
    .await;
}
