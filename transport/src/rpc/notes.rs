//! What an RPC message does to the tables of a conversation, read from its root. Knows the protocol's messages, and nothing of
//! what a call asks for or an answer says.

use capnp_rpc::rpc_capnp::{
    call, cap_descriptor, disembargo, message, message_target, payload, promised_answer, resolve, return_,
};

/// A message as the tables see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// Asks for the first capability.
    Bootstrap { question: u32 },
    /// Asks for something.
    Call { question: u32, caps: Caps, kept: bool },
    /// Answers a question.
    Return { question: u32, caps: Caps, final_word: bool, elsewhere: bool },
    /// Ends a question: nobody looks at the answer any more.
    Finish { question: u32, release: bool },
    /// A promised capability is there.
    Resolve { caps: Caps },
    /// Capabilities are not held any more.
    Release { count: u32 },
    /// Waits for calls on their way elsewhere; answered by another one.
    Disembargo { caps: Caps },
    /// A message that touches no table, or that the RPC system itself will refuse.
    Other,
}

/// The capabilities in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caps {
    /// The number of them, of any kind.
    pub(crate) count: u32,
    /// The number of those that the sender hosts, which the receiver holds from then on.
    pub(crate) hosted: u32,
    /// The answers, not yet given perhaps, that some are in.
    pub(crate) of_answers: Vec<u32>,
    /// The longest way into such an answer.
    pub(crate) steps: u32,
}

impl Caps {
    fn add(&mut self, descriptor: cap_descriptor::Reader<'_>) -> capnp::Result<()> {
        match descriptor.which()? {
            cap_descriptor::SenderHosted(_) | cap_descriptor::SenderPromise(_) => {
                self.hosted = self.hosted.saturating_add(1);
            }
            cap_descriptor::ReceiverAnswer(answer) => self.promised(answer?)?,
            _ => {}
        }
        Ok(())
    }

    fn promised(&mut self, answer: promised_answer::Reader<'_>) -> capnp::Result<()> {
        self.of_answers.push(answer.get_question_id());
        self.steps = self.steps.max(answer.get_transform()?.len());
        Ok(())
    }

    fn target(&mut self, target: message_target::Reader<'_>) -> capnp::Result<()> {
        if let message_target::PromisedAnswer(answer) = target.which()? {
            self.promised(answer?)?;
        }
        Ok(())
    }

    /// Reads no more of them than `most`: who has more is refused by their number.
    fn all(&mut self, payload: payload::Reader<'_>, most: u32) -> capnp::Result<()> {
        let table = payload.get_cap_table()?;
        self.count = table.len();
        (0..table.len().min(most)).try_for_each(|at| self.add(table.get(at)))
    }
}

impl Note {
    /// Reads a message, of its capabilities at most so many.
    pub(crate) fn read(message: message::Reader<'_>, caps_max: u32) -> capnp::Result<Self> {
        let Ok(kind) = message.which() else { return Ok(Self::Other) };
        Ok(match kind {
            message::Bootstrap(bootstrap) => Self::Bootstrap { question: bootstrap?.get_question_id() },
            message::Call(call) => Self::call(call?, caps_max)?,
            message::Return(answer) => Self::answer(answer?, caps_max)?,
            message::Finish(finish) => {
                let finish = finish?;
                Self::Finish { question: finish.get_question_id(), release: finish.get_release_result_caps() }
            }
            message::Resolve(resolve) => match resolve?.which()? {
                resolve::Cap(cap) => {
                    let mut caps = Caps { count: 1, ..Caps::default() };
                    caps.add(cap?)?;
                    Self::Resolve { caps }
                }
                resolve::Exception(_) => Self::Resolve { caps: Caps::default() },
            },
            message::Release(release) => Self::Release { count: release?.get_reference_count() },
            message::Disembargo(disembargo) => Self::disembargo(disembargo?)?,
            _ => Self::Other,
        })
    }

    fn call(call: call::Reader<'_>, caps_max: u32) -> capnp::Result<Self> {
        let mut caps = Caps::default();
        caps.target(call.get_target()?)?;
        caps.all(call.get_params()?, caps_max)?;
        let kept = !matches!(call.get_send_results_to().which(), Ok(call::send_results_to::Caller(())));
        Ok(Self::Call { question: call.get_question_id(), caps, kept })
    }

    fn answer(answer: return_::Reader<'_>, caps_max: u32) -> capnp::Result<Self> {
        let mut caps = Caps::default();
        let mut elsewhere = false;
        match answer.which() {
            Ok(return_::Results(results)) => caps.all(results?, caps_max)?,
            Ok(return_::Exception(_) | return_::Canceled(())) => {}
            _ => elsewhere = true,
        }
        let (question, final_word) = (answer.get_answer_id(), answer.get_no_finish_needed());
        Ok(Self::Return { question, caps, final_word, elsewhere })
    }

    fn disembargo(disembargo: disembargo::Reader<'_>) -> capnp::Result<Self> {
        let mut caps = Caps::default();
        caps.target(disembargo.get_target()?)?;
        Ok(Self::Disembargo { caps })
    }
}
