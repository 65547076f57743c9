//! Frames of Cap'n Proto RPC as bytes, each made by itself: nobody keeps a table of what was asked or given.

use capnp::capability::FromClientHook as _;
use capnp::message::{Builder, HeapAllocator, Reader, ReaderOptions};
use capnp::serialize::{OwnedSegments, read_message, write_message_to_words};
use capnp::traits::{ImbueMut as _, Owned};
use capnp_rpc::rpc_capnp::{exception, message, message_target, return_};
use raftchat_schema::generated::client_capnp::{receiver, session};

use crate::report::Trouble;

/// A call is answered under this number.
pub(crate) type Question = u32;

/// Which method of which interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method(pub(crate) u64, pub(crate) u16);

/// Who is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    /// What that answer gives, through these pointers of it, whether it is there yet or not.
    Answer(Question, &'a [u16]),
    /// A capability of the node's by its number.
    Import(u32),
}

/// The bytes of a message that `fill` makes.
pub(crate) fn frame(fill: impl FnOnce(message::Builder<'_>)) -> Vec<u8> {
    let mut builder = Builder::new(HeapAllocator::new().first_segment_words(64));
    fill(builder.init_root());
    write_message_to_words(&builder)
}

/// Asks for the first capability.
pub(crate) fn bootstrap(question: Question) -> Vec<u8> {
    frame(|message| message.init_bootstrap().set_question_id(question))
}

/// Calls a method; `fill` writes its parameters.
pub(crate) fn call<P: Owned>(
    question: Question,
    target: Target<'_>,
    method: Method,
    fill: impl FnOnce(P::Builder<'_>),
) -> Vec<u8> {
    frame(|message| {
        let mut call = message.init_call();
        head(call.reborrow(), question, target, method);
        fill(call.init_params().init_content().init_as());
    })
}

/// The parts of a call before its parameters.
pub(crate) fn head(
    mut call: capnp_rpc::rpc_capnp::call::Builder<'_>,
    question: Question,
    target: Target<'_>,
    method: Method,
) {
    call.set_question_id(question);
    call.set_interface_id(method.0);
    call.set_method_id(method.1);
    call.reborrow().get_send_results_to().set_caller(());
    write_target(call.init_target(), target);
}

pub(crate) fn write_target(mut builder: message_target::Builder<'_>, target: Target<'_>) {
    match target {
        Target::Import(id) => builder.set_imported_cap(id),
        Target::Answer(question, path) => {
            let mut answer = builder.init_promised_answer();
            answer.set_question_id(question);
            let mut transform = answer.init_transform(u32::try_from(path.len()).unwrap_or(0));
            for (at, field) in (0..).zip(path) {
                transform.reborrow().get(at).set_get_pointer_field(*field);
            }
        }
    }
}

/// Where a receiver of a subscription is said to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReceiverAt {
    /// On this side, under that number.
    Here(u32),
    /// It is the node's own capability of that number.
    TheNodes(u32),
}

/// Subscribes from the beginning, with a receiver that there need not be.
pub(crate) fn subscribe(question: Question, target: Target<'_>, at: ReceiverAt) -> Vec<u8> {
    // Only to have its pointer written; what it would do is never asked.
    let stand_in = receiver::Client::new(capnp_rpc::new_client::<receiver::Client, _>(Deaf).into_client_hook());
    frame(|message| {
        let mut call = message.init_call();
        head(call.reborrow(), question, target, Method(interface::<session::Client>(), 5));
        let mut params = call.init_params();
        let mut capabilities = Vec::new();
        {
            let mut content = params.reborrow().init_content();
            content.imbue_mut(&mut capabilities);
            content.init_as::<session::subscribe_params::Builder<'_>>().set_receiver(stand_in);
        }
        let mut descriptor = params.init_cap_table(1).get(0);
        match at {
            ReceiverAt::Here(id) => descriptor.set_sender_hosted(id),
            ReceiverAt::TheNodes(id) => descriptor.set_receiver_hosted(id),
        }
    })
}

struct Deaf;

impl receiver::Server for Deaf {}

/// An answer is not needed any more; what it brought is given back or kept.
pub(crate) fn finish(question: Question, release_capabilities: bool) -> Vec<u8> {
    frame(|message| {
        let mut finish = message.init_finish();
        finish.set_question_id(question);
        finish.set_release_result_caps(release_capabilities);
    })
}

/// Gives a capability of the node's back, so many times.
pub(crate) fn release(id: u32, times: u32) -> Vec<u8> {
    frame(|message| {
        let mut release = message.init_release();
        release.set_id(id);
        release.set_reference_count(times);
    })
}

/// Says that all is over, and why.
pub(crate) fn abort(reason: &str) -> Vec<u8> {
    frame(|message| {
        let mut abort = message.init_abort();
        abort.set_reason(reason);
        abort.set_type(exception::Type::Failed);
    })
}

/// The number of an interface.
pub(crate) fn interface<C: capnp::traits::HasTypeId>() -> u64 {
    C::TYPE_ID
}

/// What a node said, as far as anybody looks.
pub(crate) enum Heard {
    /// An answer; none for an exception.
    Answer(Question, Result<Message, String>),
    /// It calls one of our capabilities, which there need not be. Nobody answers.
    Call,
    /// It ends the conversation.
    Abort(String),
    /// Anything else.
    Other,
}

/// A message from a node.
pub(crate) struct Message(Reader<OwnedSegments>);

impl Message {
    /// Reads one whole frame.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Trouble> {
        let mut options = ReaderOptions::new();
        options.traversal_limit_in_words(Some(1 << 20));
        Ok(Self(read_message(bytes, options)?))
    }

    /// What it is.
    pub(crate) fn heard(self) -> Result<Heard, Trouble> {
        let answer = match self.0.get_root::<message::Reader<'_>>()?.which()? {
            message::Return(answer) => {
                let answer = answer?;
                let exception = match answer.which()? {
                    return_::Exception(exception) => Some(exception?.get_reason()?.to_string()?),
                    _ => None,
                };
                (answer.get_answer_id(), exception)
            }
            message::Call(_) => return Ok(Heard::Call),
            message::Abort(abort) => return Ok(Heard::Abort(abort?.get_reason()?.to_string()?)),
            _ => return Ok(Heard::Other),
        };
        Ok(match answer {
            (question, Some(exception)) => Heard::Answer(question, Err(exception)),
            (question, None) => Heard::Answer(question, Ok(self)),
        })
    }

    /// The results that an answer brought.
    pub(crate) fn results<R: Owned>(&self) -> Result<R::Reader<'_>, Trouble> {
        let message::Return(answer) = self.0.get_root::<message::Reader<'_>>()?.which()? else {
            return Err("that is no answer".into());
        };
        match answer?.which()? {
            return_::Results(payload) => Ok(payload?.get_content().get_as()?),
            _ => Err("the answer brought nothing".into()),
        }
    }
}
