//! Accounts and sessions: register, log in, log out, change the password, delete. Knows nothing of conversations.

use std::rc::Rc;

use raftchat_schema::command::{AccountAct, Act, OtherSessions, OwnMessages};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::Username;
use raftchat_schema::limits::{DISPLAY_NAME_BYTES_MAX, PASSWORD_BYTES_MAX};
use zeroize::Zeroizing;

use crate::call::acts::at_most;
use crate::call::idempotent::Repeatable;
use crate::call::repeat::Call;
use crate::error::ClientError;
use crate::link::node_link::NodeLink;
use crate::link::worker::Worker;
use crate::options::{SessionInfo, WhoAmI};
use crate::profile::session::{SessionToken, StoredSession};
use crate::rpc::failure::Failure;
use crate::rpc::{self, Account, Granted, PasswordChange};

const REGISTER_ADVICE: &str = "; the account may have been made all the same: try to log in before registering again";
const LOGIN_ADVICE: &str = "; it is safe to try again";
const PASSWORD_ADVICE: &str = "; try to log in with the new one, and then with the old one";
const END_ADVICE: &str = "; nothing was confirmed, and it is safe to try again";

pub(crate) async fn register(
    worker: Rc<Worker>,
    username: Username,
    display_name: String,
    password: Zeroizing<String>,
) -> Result<SessionInfo, ClientError> {
    at_most(display_name.len(), DISPLAY_NAME_BYTES_MAX, ErrorCode::TooLarge)?;
    at_most(password.len(), PASSWORD_BYTES_MAX, ErrorCode::TooLarge)?;
    let token = new_token()?;
    let device_name = worker.profile().device_name();
    let account = Account { username: &username, password: &password, token: &token, device_name };
    let call = Call::begin(&worker, REGISTER_ADVICE).hashing();
    let (granted, connected) = call
        .repeat(async |connected| {
            let granted = rpc::register(&connected.gateway, &account, &display_name).await?;
            Ok((granted, Rc::clone(connected)))
        })
        .await?;
    adopt(&worker, &connected, granted, token).await
}

pub(crate) async fn login(
    worker: Rc<Worker>,
    username: Username,
    password: Zeroizing<String>,
) -> Result<SessionInfo, ClientError> {
    // No account has a password that long.
    at_most(password.len(), PASSWORD_BYTES_MAX, ErrorCode::WrongCredentials)?;
    let token = new_token()?;
    let device_name = worker.profile().device_name();
    let account = Account { username: &username, password: &password, token: &token, device_name };
    let call = Call::begin(&worker, LOGIN_ADVICE).hashing();
    let (granted, connected) = call
        .repeat(async |connected| {
            let granted = rpc::login(&connected.gateway, &account).await?;
            Ok((granted, Rc::clone(connected)))
        })
        .await?;
    adopt(&worker, &connected, granted, token).await
}

pub(crate) async fn logout(worker: Rc<Worker>) -> Result<(), ClientError> {
    let stored = logged_in(&worker)?;
    let call = Repeatable::new(None);
    let ended = Call::begin(&worker, END_ADVICE)
        .repeat(async |connected| {
            let session = worker.session(connected).await?;
            let number = call.attempt().ask(|| worker.clock.next_number());
            let end = Act::Account(AccountAct::EndSession(session.granted.session));
            rpc::perform(&session.granted.client, number, &end).await
        })
        .await;
    match ended {
        Ok(_) | Err(ClientError::Refused(Refusal { code: ErrorCode::SessionEnded, .. })) => {}
        Err(error) => return Err(error),
    }
    worker.forget(&stored.token).await
}

pub(crate) async fn delete(
    worker: Rc<Worker>,
    password: Zeroizing<String>,
    messages: OwnMessages,
) -> Result<(), ClientError> {
    at_most(password.len(), PASSWORD_BYTES_MAX, ErrorCode::WrongCredentials)?;
    let stored = logged_in(&worker)?;
    let call = Repeatable::new(None);
    Call::begin(&worker, END_ADVICE)
        .hashing()
        .repeat(async |connected| {
            let asking = call.attempt();
            let ask = async {
                let session = worker.session(connected).await?;
                rpc::delete_account(
                    &session.granted.client,
                    asking.ask(|| worker.clock.next_number()),
                    &password,
                    messages,
                )
                .await
            };
            match ask.await {
                // Another attempt, whose outcome was unknown, has done it.
                Err(Failure::Refused(Refusal { code: ErrorCode::SessionEnded, .. })) if asking.may_be_an_echo() => {
                    Ok(())
                }
                outcome => outcome,
            }
        })
        .await?;
    worker.forget(&stored.token).await
}

/// Two passwords, of which the new one is to open the account from now on.
pub(crate) struct Passwords {
    pub(crate) old: Zeroizing<String>,
    pub(crate) new: Zeroizing<String>,
}

pub(crate) async fn change_password(
    worker: Rc<Worker>,
    passwords: Passwords,
    others: OtherSessions,
) -> Result<(), ClientError> {
    at_most(passwords.old.len(), PASSWORD_BYTES_MAX, ErrorCode::WrongCredentials)?;
    at_most(passwords.new.len(), PASSWORD_BYTES_MAX, ErrorCode::TooLarge)?;
    let call = Repeatable::new(None);
    Call::begin(&worker, PASSWORD_ADVICE)
        .hashing()
        .repeat(async |connected| {
            let asking = call.attempt();
            let session = worker.session(connected).await?;
            let change = PasswordChange { old: &passwords.old, new: &passwords.new, others };
            match rpc::change_password(&session.granted.client, asking.ask(|| worker.clock.next_number()), &change)
                .await
            {
                // Perhaps the old password was wrong, perhaps another attempt has changed it.
                Err(Failure::Refused(Refusal { code: ErrorCode::WrongCredentials, .. })) if asking.may_be_an_echo() => {
                    let cause = format!("it is not known whether the password was changed{PASSWORD_ADVICE}");
                    Err(ClientError::Unreachable { cause }.into())
                }
                outcome => outcome,
            }
        })
        .await
}

pub(crate) async fn whoami(worker: Rc<Worker>) -> Result<WhoAmI, ClientError> {
    Call::begin(&worker, "")
        .repeat(async |connected| {
            let session = worker.session(connected).await?;
            let (user, session, node) = rpc::whoami(&session.granted.client).await?;
            Ok(WhoAmI { user, session, node })
        })
        .await
}

async fn adopt(
    worker: &Worker,
    connected: &NodeLink,
    granted: Granted,
    token: SessionToken,
) -> Result<SessionInfo, ClientError> {
    let info = SessionInfo { user: granted.user.clone(), session: granted.session, node: connected.node };
    worker.adopt(connected, granted, token).await?;
    tracing::info!(user = %info.user.username, session = %info.session, node = %info.node, "logged in");
    Ok(info)
}

fn logged_in(worker: &Worker) -> Result<StoredSession, ClientError> {
    worker.profile().session().ok_or(ClientError::NoSession)
}

fn new_token() -> Result<SessionToken, ClientError> {
    SessionToken::random().map_err(|error| ClientError::Program(format!("the system gives no random bytes: {error}")))
}
