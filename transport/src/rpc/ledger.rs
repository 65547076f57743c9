//! What the two sides of a conversation have open at each other, as the RPC system's own tables have it, and how much of it one
//! side may cause. Pure: is told of each message, and decides what becomes of it.

use std::collections::HashMap;

use super::notes::{Caps, Note};
use crate::limits::TableLimits;

/// The verdict on a message that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is handed on.
    Pass,
    /// It is kept back, and [`Ledger::sent`] says when its time has come.
    Keep,
    /// The other side has more open than it may.
    Refuse(String),
}

/// A `Finish` that was kept back until what it is about was answered.
///
/// The RPC system would drop the call, and then have its entry for ever, as nothing answers it any more. So a call that has
/// begun is always answered, and counted until it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LateFinish {
    pub(crate) question: u32,
    pub(crate) release: bool,
}

/// The tables of one conversation.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: TableLimits,
    /// Questions of the other side that it has not finished.
    asked: HashMap<u32, Asked>,
    unanswered: usize,
    unanswered_bytes: usize,
    kept_bytes: usize,
    /// Questions of this side that have no answer yet.
    owed: usize,
    /// Capabilities of this side that the other holds, each as often as it was told of it.
    exports: usize,
    /// Capabilities of the other side that this one holds, counted likewise.
    imports: usize,
}

#[derive(Debug)]
struct Asked {
    /// Of the question, and then of its answer.
    bytes: usize,
    answered: bool,
    exports: usize,
    finish: Option<LateFinish>,
    /// The number of questions without an answer that it waits for, one behind the other.
    chain: usize,
}

impl Ledger {
    pub(crate) fn new(limits: TableLimits) -> Self {
        Self {
            limits,
            asked: HashMap::new(),
            unanswered: 0,
            unanswered_bytes: 0,
            kept_bytes: 0,
            owed: 0,
            exports: 0,
            imports: 0,
        }
    }

    /// True if the other side may ask more before it has answers.
    pub(crate) fn has_room(&self) -> bool {
        self.unanswered < self.limits.unanswered && self.unanswered_bytes < self.limits.unanswered_bytes
    }

    /// Questions of the other side that have no answer yet.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// A message of so many bytes has come.
    pub(crate) fn came(&mut self, note: &Note, bytes: usize) -> Verdict {
        let taken = match note {
            Note::Bootstrap { question } => self.ask(*question, bytes, 0),
            Note::Call { kept: true, .. } => Err("a call whose answer is to be kept here".to_owned()),
            Note::Call { question, caps, .. } => {
                self.take_caps(caps).and_then(|()| self.chain(caps)).and_then(|chain| self.ask(*question, bytes, chain))
            }
            Note::Return { elsewhere: true, .. } => Err("an answer that is somewhere else".to_owned()),
            Note::Return { caps, .. } => {
                self.owed = self.owed.saturating_sub(1);
                self.take_caps(caps)
            }
            Note::Finish { question, release } => return self.finish(*question, *release),
            Note::Resolve { caps } => self.take_caps(caps),
            Note::Release { count } => {
                self.exports = self.exports.saturating_sub(usize::try_from(*count).unwrap_or(usize::MAX));
                Ok(())
            }
            Note::Disembargo { caps } => self.chain(caps).map(drop),
            Note::Other => Ok(()),
        };
        taken.map_or_else(Verdict::Refuse, |()| Verdict::Pass)
    }

    /// A message of so many bytes goes out. Gives the `Finish` whose time has come by it.
    pub(crate) fn sent(&mut self, note: &Note, bytes: usize) -> Result<Option<LateFinish>, String> {
        let hosted = |caps: &Caps| usize::try_from(caps.hosted).unwrap_or(usize::MAX);
        match note {
            Note::Bootstrap { .. } => self.owe(),
            Note::Call { caps, .. } => {
                self.export(hosted(caps))?;
                self.owe()
            }
            Note::Return { question, caps, final_word, .. } => {
                self.export(hosted(caps))?;
                self.answer(*question, hosted(caps), *final_word, bytes)
            }
            Note::Resolve { caps } => self.export(hosted(caps)).map(|()| None),
            Note::Release { count } => {
                self.imports = self.imports.saturating_sub(usize::try_from(*count).unwrap_or(usize::MAX));
                Ok(None)
            }
            Note::Finish { .. } | Note::Disembargo { .. } | Note::Other => Ok(None),
        }
    }

    fn ask(&mut self, question: u32, bytes: usize, chain: usize) -> Result<(), String> {
        if self.asked.len() >= self.limits.open {
            return Err(format!("more than {} questions are open", self.limits.open));
        }
        let asked = Asked { bytes, answered: false, exports: 0, finish: None, chain };
        if self.asked.insert(question, asked).is_some() {
            return Err(format!("question {question} was asked again before it was finished"));
        }
        self.unanswered = self.unanswered.saturating_add(1);
        self.unanswered_bytes = self.unanswered_bytes.saturating_add(bytes);
        Ok(())
    }

    /// The number of questions without an answer that stand one behind the other, where a message waits for these answers.
    fn chain(&self, caps: &Caps) -> Result<usize, String> {
        if usize::try_from(caps.steps).unwrap_or(usize::MAX) > self.limits.chain {
            return Err(format!("a way of {} steps into an answer", caps.steps));
        }
        let waiting = caps.of_answers.iter().filter_map(|question| self.asked.get(question));
        let chain = waiting.filter(|asked| !asked.answered).map(|asked| asked.chain.saturating_add(1)).max();
        match chain {
            Some(chain) if chain > self.limits.chain => {
                Err(format!("more than {} calls that wait for each other's answers", self.limits.chain))
            }
            chain => Ok(chain.unwrap_or_default()),
        }
    }

    fn take_caps(&mut self, caps: &Caps) -> Result<(), String> {
        if caps.count > self.limits.caps {
            return Err(format!("{} capabilities in a message; at most {} are allowed", caps.count, self.limits.caps));
        }
        self.imports = self.imports.saturating_add(usize::try_from(caps.hosted).unwrap_or(usize::MAX));
        if self.imports > self.limits.imports {
            return Err(format!("more than {} capabilities are lent here", self.limits.imports));
        }
        Ok(())
    }

    fn finish(&mut self, question: u32, release: bool) -> Verdict {
        let Some(asked) = self.asked.get_mut(&question) else {
            // Answered for good, or never asked. The RPC system passes over it too.
            return Verdict::Pass;
        };
        if !asked.answered {
            asked.finish = Some(LateFinish { question, release });
            return Verdict::Keep;
        }
        self.forget(question, release);
        Verdict::Pass
    }

    fn forget(&mut self, question: u32, release: bool) {
        if let Some(asked) = self.asked.remove(&question) {
            self.kept_bytes = self.kept_bytes.saturating_sub(asked.bytes);
            if release {
                self.exports = self.exports.saturating_sub(asked.exports);
            }
        }
    }

    fn export(&mut self, hosted: usize) -> Result<(), String> {
        self.exports = self.exports.saturating_add(hosted);
        if self.exports > self.limits.exports {
            return Err(format!("more than {} capabilities are held and not released", self.limits.exports));
        }
        Ok(())
    }

    fn owe(&mut self) -> Result<Option<LateFinish>, String> {
        self.owed = self.owed.saturating_add(1);
        if self.owed > self.limits.owed {
            return Err(format!("more than {} calls were not answered", self.limits.owed));
        }
        Ok(None)
    }

    fn answer(
        &mut self,
        question: u32,
        exports: usize,
        final_word: bool,
        bytes: usize,
    ) -> Result<Option<LateFinish>, String> {
        let Some(asked) = self.asked.get_mut(&question) else { return Ok(None) };
        if !asked.answered {
            self.unanswered = self.unanswered.saturating_sub(1);
            self.unanswered_bytes = self.unanswered_bytes.saturating_sub(asked.bytes);
        }
        if final_word {
            self.asked.remove(&question);
            return Ok(None);
        }
        (asked.answered, asked.bytes, asked.exports) = (true, bytes, exports);
        let late = asked.finish;
        self.kept_bytes = self.kept_bytes.saturating_add(bytes);
        if let Some(late) = late {
            self.forget(question, late.release);
        }
        if self.kept_bytes > self.limits.kept_bytes {
            return Err(format!("more than {} bytes of answers are not finished", self.limits.kept_bytes));
        }
        Ok(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TableLimits = TableLimits {
        open: 4,
        unanswered: 3,
        unanswered_bytes: 1000,
        kept_bytes: 1000,
        exports: 3,
        imports: 3,
        caps: 2,
        chain: 2,
        owed: 2,
    };

    fn call(question: u32) -> Note {
        Note::Call { question, caps: Caps::default(), kept: false }
    }

    fn lends(question: u32, hosted: u32) -> Note {
        Note::Call { question, caps: Caps { count: hosted, hosted, ..Caps::default() }, kept: false }
    }

    fn on_answer(question: u32, of: u32) -> Note {
        Note::Call { question, caps: Caps { of_answers: vec![of], ..Caps::default() }, kept: false }
    }

    fn answer(question: u32, hosted: u32, final_word: bool) -> Note {
        let caps = Caps { count: hosted, hosted, ..Caps::default() };
        Note::Return { question, caps, final_word, elsewhere: false }
    }

    fn finish(question: u32) -> Note {
        Note::Finish { question, release: true }
    }

    fn refused(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Refuse(_))
    }

    #[test]
    fn who_has_no_answers_yet_asks_no_more_and_who_has_goes_on() {
        let mut ledger = Ledger::new(LIMITS);
        for question in 0..3 {
            assert!(ledger.has_room());
            assert_eq!(ledger.came(&call(question), 10), Verdict::Pass);
        }
        assert!(!ledger.has_room());
        assert_eq!(ledger.sent(&answer(1, 0, true), 10), Ok(None));
        assert!(ledger.has_room());
        assert_eq!(ledger.came(&call(1), 990), Verdict::Pass);
        assert_eq!(ledger.sent(&answer(0, 0, true), 10), Ok(None));
        assert!(!ledger.has_room(), "of one large question");
    }

    #[test]
    fn who_finishes_nothing_is_refused_and_who_finishes_in_good_order_never() {
        let mut ledger = Ledger::new(LIMITS);
        for question in 0..1000 {
            assert_eq!(ledger.came(&call(question), 10), Verdict::Pass);
            assert_eq!(ledger.sent(&answer(question, 1, false), 400), Ok(None));
            assert_eq!(ledger.came(&finish(question), 10), Verdict::Pass);
        }
        for question in 0..4 {
            assert_eq!(ledger.came(&call(question), 10), Verdict::Pass);
            assert_eq!(ledger.sent(&answer(question, 0, false), 100), Ok(None));
        }
        assert!(refused(&ledger.came(&call(4), 10)));
    }

    #[test]
    fn answers_that_nobody_finishes_have_a_bound_in_bytes() {
        let mut ledger = Ledger::new(LIMITS);
        ledger.came(&call(0), 10);
        ledger.came(&call(1), 10);
        assert_eq!(ledger.sent(&answer(0, 0, false), 600), Ok(None));
        assert!(ledger.sent(&answer(1, 0, false), 600).is_err());
    }

    #[test]
    fn a_call_that_is_finished_before_its_answer_counts_until_it_is_answered() {
        let mut ledger = Ledger::new(LIMITS);
        for question in 0..3 {
            ledger.came(&call(question), 10);
            assert_eq!(ledger.came(&finish(question), 10), Verdict::Keep);
        }
        assert!(!ledger.has_room());
        let late = LateFinish { question: 1, release: true };
        assert_eq!(ledger.sent(&answer(1, 2, false), 10), Ok(Some(late)));
        assert_eq!(ledger.sent(&answer(2, 0, true), 10), Ok(None), "that one needs none");
        assert_eq!((ledger.exports, ledger.kept_bytes, ledger.asked.len()), (0, 0, 1));
    }

    #[test]
    fn capabilities_have_a_bound_in_both_directions() {
        let mut ledger = Ledger::new(LIMITS);
        for question in 0..3 {
            ledger.came(&call(question), 10);
            assert_eq!(ledger.sent(&answer(question, 1, false), 10), Ok(None));
            ledger.came(&Note::Finish { question, release: false }, 10);
        }
        ledger.came(&call(3), 10);
        assert!(ledger.sent(&answer(3, 1, false), 10).is_err());
        ledger.came(&Note::Release { count: 3 }, 10);
        assert_eq!(ledger.exports, 1);

        let mut ledger = Ledger::new(LIMITS);
        assert!(refused(&ledger.came(&lends(0, 3), 10)), "too many in a message");
        assert_eq!(ledger.came(&lends(1, 2), 10), Verdict::Pass);
        assert!(refused(&ledger.came(&lends(2, 2), 10)), "too many in all");
        let mut ledger = Ledger::new(LIMITS);
        for question in 0..1000 {
            assert_eq!(ledger.came(&lends(question, 2), 10), Verdict::Pass);
            assert_eq!(ledger.sent(&answer(question, 0, true), 10), Ok(None));
            assert_eq!(ledger.sent(&Note::Release { count: 2 }, 10), Ok(None));
        }
    }

    #[test]
    fn calls_that_wait_for_each_other_have_a_bound() {
        let mut ledger = Ledger::new(LIMITS);
        ledger.came(&call(0), 10);
        assert_eq!(ledger.came(&on_answer(1, 0), 10), Verdict::Pass);
        assert_eq!(ledger.came(&on_answer(2, 1), 10), Verdict::Pass);
        assert!(refused(&ledger.came(&on_answer(3, 2), 10)));
        // What is answered keeps nobody waiting.
        let mut ledger = Ledger::new(LIMITS);
        for question in 0..3 {
            ledger.came(&on_answer(question + 1, question), 10);
            assert_eq!(ledger.sent(&answer(question + 1, 1, false), 10), Ok(None));
        }
    }

    #[test]
    fn what_is_asked_and_never_answered_has_a_bound() {
        let mut ledger = Ledger::new(LIMITS);
        assert_eq!(ledger.sent(&call(0), 10), Ok(None));
        assert_eq!(ledger.sent(&call(1), 10), Ok(None));
        ledger.came(&answer(0, 0, true), 10);
        assert_eq!(ledger.sent(&call(2), 10), Ok(None));
        assert!(ledger.sent(&call(3), 10).is_err());
    }
}
