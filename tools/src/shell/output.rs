//! How answers and failures are shown: words for a person, or JSON alone. Knows nothing of what is shown.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;

/// Where all that the program has to say goes through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Words,
    Json,
}

impl Output {
    /// In the form that `--json` asks for.
    pub(crate) const fn new(json: bool) -> Self {
        Self { form: if json { Form::Json } else { Form::Words } }
    }

    /// True if only JSON may be printed.
    pub(crate) const fn is_json(self) -> bool {
        matches!(self.form, Form::Json)
    }

    /// One answer, or one line of a list or stream.
    pub(crate) fn answer(self, answer: &impl Serialize, words: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.form {
            Form::Words => print_line(&words()),
            Form::Json => {
                let line = serde_json::to_string(answer).map_err(|error| Failure::Output(error.into()))?;
                print_line(&line)
            }
        }
    }

    /// That it is done, where there is nothing else to tell.
    pub(crate) fn done(self, words: &str) -> Result<(), Failure> {
        self.answer(&json!({ "ok": true }), || words.to_owned())
    }

    /// Something that only a person needs.
    pub(crate) fn say(self, words: &str) -> Result<(), Failure> {
        match self.form {
            Form::Words => print_line(words),
            Form::Json => Ok(()),
        }
    }

    /// Shows the failure that ends the program and gives its exit status.
    pub(crate) fn failure(self, failure: &Failure) -> ExitCode {
        if failure.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        match self.form {
            // Scripts have it in the answer.
            _ if matches!(failure, Failure::Told) => {}
            Form::Words => {
                // With standard error gone there is nobody left to tell.
                let _ = writeln!(io::stderr().lock(), "raftchatctl: {failure}");
            }
            Form::Json => {
                let object = json!({ "error": failure.code(), "message": failure.to_string() });
                let _ = print_line(&object.to_string());
            }
        }
        ExitCode::from(failure.exit_status())
    }
}

fn print_line(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}").map_err(Failure::Output)
}
