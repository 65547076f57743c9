//! What is left of a session that was ended, and of a password that was changed.

use raftchat_node::config::LimitsConfig;
use raftchat_schema::command::{AccountAct, Act};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::generated::client_capnp::session;
use raftchat_schema::wire;

use crate::support::{Cluster, PASSWORD, locally, login, soon, until};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_elsewhere_is_refused_what_tells_nothing_too() {
    locally(async {
        let cluster = Cluster::start().await;
        let alice = cluster.alice(1).await;
        let (_link, gateway) = cluster.dial_from(&cluster.device("alice-phone"), 2).await;
        let phone = until(async || login(&gateway, "alice", PASSWORD, [8; 32]).await.ok()).await;
        assert_eq!((refused!(phone, catch_up_request), refused!(phone, attend_request)), (None, None));
        let mut end = alice.session.perform_request();
        end.get().init_request().set_number(1);
        wire::write_act(end.get().init_act(), &Act::Account(AccountAct::EndOtherSessions));
        assert!(!soon(end.send().promise).await.unwrap().get().unwrap().has_refused());
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
