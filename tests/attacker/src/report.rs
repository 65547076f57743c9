//! What an attack did, counted. Knows nothing of attacks.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Map, Value, json};

/// So many different notes are kept of a kind: strangers' words have no end.
const NOTES_MAX: usize = 64;

/// What went wrong with the attacker itself, or what a node did to it.
pub(crate) type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// Counts and the different things that were noted.
#[derive(Debug, Default)]
pub(crate) struct Report {
    counts: BTreeMap<String, u64>,
    notes: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

impl Report {
    pub(crate) fn count(&mut self, what: impl Into<String>, many: u64) {
        *self.counts.entry(what.into()).or_default() += many;
    }

    /// Something that was told, and how often it was.
    pub(crate) fn note(&mut self, kind: &'static str, what: &impl Display) {
        self.note_often(kind, what.to_string(), 1);
    }

    fn note_often(&mut self, kind: &'static str, what: String, often: u64) {
        let notes = self.notes.entry(kind).or_default();
        if notes.len() < NOTES_MAX || notes.contains_key(&what) {
            *notes.entry(what).or_default() += often;
        }
    }

    /// What was done to another node as well.
    pub(crate) fn add(&mut self, other: Self) {
        for (what, many) in other.counts {
            self.count(what, many);
        }
        for (kind, notes) in other.notes {
            for (what, often) in notes {
                self.note_often(kind, what, often);
            }
        }
    }

    pub(crate) fn into_json(self) -> Value {
        let mut object: Map<String, Value> = self.counts.into_iter().map(|(what, many)| (what, json!(many))).collect();
        object.extend(self.notes.into_iter().map(|(kind, notes)| (kind.to_owned(), json!(notes))));
        Value::Object(object)
    }
}
