//! The one call by which acts are asked for. Knows nothing of repeating it, and not which act it is.

use raftchat_schema::command::{Act, Done};
use raftchat_schema::generated::client_capnp::session;
use raftchat_schema::id::RequestNumber;
use raftchat_schema::wire::{read_done, write_act};

use super::parts::stamp;
use crate::rpc::failure::Failure;

/// Does what `act` says.
pub(crate) async fn perform(session: &session::Client, number: RequestNumber, act: &Act) -> Result<Done, Failure> {
    let response = ask!(session, perform_request, |params| {
        stamp(params.reborrow().init_request(), number);
        write_act(params.reborrow().init_act(), act);
    });
    Ok(read_done(unless_refused!(response).get_done()?)?)
}
