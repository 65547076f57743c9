//! Figures of a trial: what was measured each time, told as one line of JSON. Knows nothing of what is measured.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// What a trial measures, each column once a round.
#[derive(Debug, Default)]
pub struct Figures {
    columns: BTreeMap<&'static str, Vec<f64>>,
    counts: BTreeMap<&'static str, u64>,
}

/// Milliseconds, to a tenth.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The value below or at which so many of a hundred lie, by nearest rank.
fn percentile(sorted: &[f64], of_hundred: usize) -> f64 {
    let rank = (sorted.len() * of_hundred).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

impl Figures {
    /// Adds a time to a column.
    pub fn time(&mut self, column: &'static str, time: Duration) {
        self.number(column, milliseconds(time));
    }

    /// Adds a number to a column.
    pub fn number(&mut self, column: &'static str, number: f64) {
        self.columns.entry(column).or_default().push(number);
    }

    /// Counts something up.
    pub fn count(&mut self, what: &'static str, many: u64) {
        *self.counts.entry(what).or_default() += many;
    }

    /// What one column comes to.
    fn summary(values: &[f64]) -> Value {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let [p50, p95, max] = [50, 95, 100].map(|of_hundred| percentile(&sorted, of_hundred));
        json!({ "p50": p50, "p95": p95, "max": max })
    }

    /// Prints all of it on one line.
    pub fn tell(&self, trial: &str) {
        let rounds = self.columns.values().map(Vec::len).max().unwrap_or(0);
        let mut line = Map::from_iter([("trial".to_owned(), json!(trial)), ("rounds".to_owned(), json!(rounds))]);
        line.extend(self.columns.iter().map(|(column, values)| ((*column).to_owned(), Self::summary(values))));
        line.extend(self.counts.iter().map(|(what, many)| ((*what).to_owned(), json!(many))));
        println!("{}", Value::Object(line));
    }
}

/// The processor time that a process has taken, by `/proc`; none for one that is gone.
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may contain anything; after it, user and system time are fields 12 and 13.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11..13)?.iter().filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    // A hundred ticks a second: part of Linux's interface on every architecture we run on.
    Some(Duration::from_millis(ticks * 10))
}

/// The resident memory of a process in KiB, by `/proc`; none for one that is gone.
pub fn resident_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
