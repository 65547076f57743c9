//! The steps of a story: each is told with the time since the start, and each may fail. Knows nothing of what they do.

use std::time::Instant;

use serde_json::json;

use crate::failure::Failure;
use crate::shell::output::Output;

/// What has been told so far.
pub(super) struct Steps {
    output: Output,
    start: Instant,
}

impl Steps {
    /// Time counts from here.
    pub(super) fn begin(output: Output) -> Self {
        Self { output, start: Instant::now() }
    }

    /// Does one step and tells that it held and what came of it, or that it did not hold.
    pub(super) async fn step<T>(
        &mut self,
        name: &str,
        work: impl Future<Output = Result<(T, String), Failure>>,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let result = work.await;
        let (held, told) = match &result {
            Ok((_, told)) => (true, told.clone()),
            Err(failure) => (false, failure.to_string()),
        };
        let (at, took) = (self.start.elapsed(), began.elapsed());
        let object =
            json!({ "step": name, "ok": held, "at_ms": milliseconds(at), "took_ms": milliseconds(took), "told": told });
        self.output.answer(&object, || {
            let mark = if held { "ok  " } else { "FAIL" };
            format!("{:>6.2} s  {mark}  {name}: {told}", at.as_secs_f64())
        })?;
        result.map(|(value, _)| value)
    }

    /// Something that a person should know, and a script need not.
    pub(super) fn say(&self, words: &str) -> Result<(), Failure> {
        self.output.say(words)
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// For a check that did not hold.
pub(super) fn must(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::Failed(otherwise())) }
}
