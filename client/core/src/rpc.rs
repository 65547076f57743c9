//! The calls of the client interface, one function each: plain values in, plain values and capabilities out. Knows
//! nothing of repeating them.

/// Calls a method and awaits its answer: the capability, the request, and what to fill in.
macro_rules! ask {
    ($capability:expr, $request:ident) => {
        $capability.$request().send().promise.await?
    };
    ($capability:expr, $request:ident, |$params:ident| $fill:expr) => {{
        let mut request = $capability.$request();
        let mut $params = request.get();
        $fill;
        request.send().promise.await?
    }};
}

/// The results of a call, or the refusal in them as the failure of the function that asks.
macro_rules! unless_refused {
    ($response:expr) => {{
        let results = $response.get()?;
        if results.has_refused() {
            return Err(raftchat_schema::wire::read_refusal(results.get_refused()?).into());
        }
        results
    }};
}

/// A list in a call's results, each element read by a function that can fail.
macro_rules! read_all {
    ($list:expr, $read:path) => {
        $list?.iter().map($read).collect::<Result<Vec<_>, _>>()?
    };
}

mod acts;
mod conversation;
pub(crate) mod failure;
mod gateway;
mod parts;
mod session;

pub(crate) use acts::perform;
pub(crate) use conversation::{history, members, revisions, send, state, typing};
pub(crate) use gateway::{Account, Granted, Hello, hello, login, register, resume, status};
pub(crate) use parts::Part;
pub(crate) use session::{
    Begin, PasswordChange, activate, advance, attend, blocked, catch_up, change_password, conversations,
    delete_account, have_seen, open, sessions, subscribe, user, users, whoami,
};

pub use conversation::Sent;
pub use session::Applied;
