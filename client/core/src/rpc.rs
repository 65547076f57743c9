//! The calls of the client interface, one function each: plain values in, plain values and capabilities out. Knows
//! nothing of repeating them.

use raftchat_schema::generated::client_capnp::request_stamp;
use raftchat_schema::id::{RequestNumber, UserId};

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
mod gateway;
mod session;

pub(crate) use acts::{in_conversation, in_session};
pub(crate) use conversation::{history, members, revisions, send, state, typing};
pub(crate) use gateway::{Account, Granted, Hello, hello, login, register, resume, status};
pub(crate) use session::{
    Begin, PasswordChange, activate, advance, attend, blocked, catch_up, change_password, conversations,
    delete_account, have_seen, logout, open, sessions, subscribe, user, users, whoami,
};

pub use conversation::Sent;
pub use session::Applied;

/// A part of a list, and whether there is more.
pub(crate) type Part<T> = (Vec<T>, bool);

fn stamp(mut builder: request_stamp::Builder<'_>, number: RequestNumber) {
    builder.set_number(number.0);
    // Several programs may use the session: none knows what the others have outstanding.
    builder.set_acknowledged_below(0);
}

fn write_users(mut list: capnp::primitive_list::Builder<'_, u64>, users: &[UserId]) {
    for (at, user) in (0..).zip(users) {
        list.set(at, user.0);
    }
}

/// A length as Cap'n Proto counts; what does not fit was refused before.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
