//! What a look at the rows finds wrong. Knows none of the rules.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A rule that the rows break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as a sentence.
    pub rule: &'static str,
    /// The row in which it is broken.
    pub place: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.place)
    }
}

#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Violation>);

impl Findings {
    /// Notes the place unless the rule holds there.
    pub(super) fn expect(&mut self, holds: bool, rule: &'static str, place: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Violation { rule, place: place() });
        }
    }
}
