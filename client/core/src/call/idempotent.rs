//! A call that may be made over several links and has its effect once: its number, and who has asked with it. Knows nothing of
//! what is called.

use std::cell::Cell;

use raftchat_schema::id::RequestNumber;

/// A call that may be made over several links and has its effect once.
#[derive(Debug)]
pub(crate) struct Repeatable {
    /// None before it is asked for the first time.
    number: Cell<Option<RequestNumber>>,
    asked: Cell<u32>,
}

/// One attempt at such a call, over one link.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    call: &'a Repeatable,
    asked: Cell<u32>,
}

impl Repeatable {
    /// A call under a number of its own; none: under one that is new when it is first made. By then a node has told what time
    /// it is, and which numbers it knows.
    pub(crate) fn new(number: Option<RequestNumber>) -> Self {
        Self { number: Cell::new(number), asked: Cell::new(0) }
    }

    pub(crate) fn attempt(&self) -> Attempt<'_> {
        Attempt { call: self, asked: Cell::new(0) }
    }
}

impl Attempt<'_> {
    /// The number to ask with; each time the same. Draws it from `new` if there is none yet.
    pub(crate) fn ask(&self, new: impl FnOnce() -> RequestNumber) -> RequestNumber {
        self.asked.set(1);
        self.call.asked.set(self.call.asked.get().saturating_add(1));
        let number = self.call.number.get().unwrap_or_else(new);
        self.call.number.set(Some(number));
        number
    }

    /// Whether another attempt has asked too, so that a refusal may be the echo of that one's effect.
    pub(crate) fn may_be_an_echo(&self) -> bool {
        self.call.asked.get() > self.asked.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_one_number_however_often_it_is_made() {
        let call = Repeatable::new(None);
        let (first, second) = (call.attempt(), call.attempt());
        assert_eq!((first.ask(|| RequestNumber(42)), first.may_be_an_echo()), (RequestNumber(42), false));
        assert!(second.may_be_an_echo(), "also where it was refused before it asked");
        assert_eq!((second.ask(|| RequestNumber(43)), second.may_be_an_echo()), (RequestNumber(42), true));
        assert!(first.may_be_an_echo());
    }
}
