//! `raftchatctl` as scripts call it: arguments in, JSON and an exit status out.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use raftchat_schema::level::Level;
use serde_json::Value;

use crate::clocks::Clocks;
use crate::cluster::LEVEL_VARIABLE;

/// What a call came to.
#[derive(Debug)]
pub struct Answer {
    /// The exit status.
    pub status: i32,
    /// The lines on standard output.
    pub lines: Vec<Value>,
    /// What was said on standard error.
    pub said: String,
}

impl Answer {
    /// The code of the refusal or failure.
    pub fn error(&self) -> &str {
        self.lines.last().and_then(|line| line.get("error")).and_then(Value::as_str).unwrap_or_default()
    }

    /// The only line of a call that succeeded.
    ///
    /// # Panics
    ///
    /// If it did not, or there are others.
    pub fn one(&self) -> &Value {
        assert_eq!((self.status, self.lines.len()), (0, 1), "{self:?}");
        self.lines.first().unwrap()
    }
}

/// The program.
#[derive(Clone, Debug)]
pub struct Ctl(pub PathBuf);

/// The program on a machine with a clock of its own.
#[derive(Clone, Debug)]
pub struct ClockedCtl {
    /// The program.
    pub program: Ctl,
    /// The clocks.
    pub clocks: Clocks,
    /// Which of them.
    pub whose: String,
}

impl ClockedCtl {
    /// Calls it with `--json` and `input` on standard input.
    pub fn call(&self, arguments: &[&str], input: &str) -> Answer {
        self.program.call_with(arguments, input, self.clocks.environment(&self.whose))
    }
}

impl Ctl {
    /// Calls it with `--json` and `input` on standard input.
    pub fn call(&self, arguments: &[&str], input: &str) -> Answer {
        self.call_with(arguments, input, Vec::new())
    }

    /// The same, of a program that knows feature levels up to this one.
    pub fn call_at(&self, newest: Level, arguments: &[&str]) -> Answer {
        self.call_with(arguments, "", vec![(LEVEL_VARIABLE, newest.to_string().into())])
    }

    fn call_with(&self, arguments: &[&str], input: &str, environment: Vec<(&str, OsString)>) -> Answer {
        let mut child = Command::new(&self.0)
            .args(arguments)
            .arg("--json")
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that needs no input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Answer { status: output.status.code().unwrap_or(-1), lines, said }
    }
}
