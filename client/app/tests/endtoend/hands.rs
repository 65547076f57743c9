//! Somebody's hands and eyes at a window that runs as a process of its own. Knows nothing of what is in it.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use raftchat_tests::{PATIENCE, until};
use serde_json::Value;
use tokio::time::Instant;

/// A window that is open.
pub(crate) struct Window {
    name: &'static str,
    child: Child,
    orders: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Window {
    /// Opens the window of the device in `profile`, on a desktop with that bus if there is one.
    pub(crate) fn open(name: &'static str, profile: &Path, bus: Option<&str>) -> Self {
        let mut child = program(profile, bus).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { name, child, orders, answers }
    }

    /// Presses what is called that, as soon as it is there.
    pub(crate) async fn press(&mut self, label: &str) {
        self.done(&["press", label]).await;
    }

    /// Presses the first of which `wanted` is true.
    pub(crate) async fn press_what(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        let label = self.sees(what, |said| said.iter().find(|label| wanted(label)).cloned()).await;
        self.press(&label).await;
    }

    /// Writes into the field of that name, as soon as it is there.
    pub(crate) async fn write(&mut self, label: &str, text: &str) {
        self.done(&["write", label, text]).await;
    }

    /// Waits until a message that begins like this and ends like that is to be seen, and once.
    pub(crate) async fn sees_message(&mut self, beginning: &str, end: &str) {
        let what = format!("{beginning} … {end}");
        self.sees(&what, |said| {
            let about = |label: &&String| label.starts_with(&format!("{beginning}, "));
            assert!(said.iter().filter(about).count() < 2, "{beginning} is there twice");
            said.iter().find(|label| about(label) && label.ends_with(end)).cloned()
        })
        .await;
    }

    /// Waits until the connection is said to stand like this.
    pub(crate) async fn sees_connection(&mut self, wanted: &str) {
        let wanted = format!("Connection: {wanted}");
        self.sees(&wanted, |said| said.iter().find(|label| label.starts_with(&wanted)).cloned()).await;
    }

    /// Waits until what is read out has something.
    pub(crate) async fn sees<T>(&mut self, what: &str, look: impl Fn(&[String]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said: Vec<String> = serde_json::from_value(self.order(&["look"])).unwrap();
            if let Some(seen) = look(&said) {
                return seen;
            }
            assert!(Instant::now() < deadline, "{} does not see {what} but {said:#?}", self.name);
            // Not a wait for a time to pass but a pause between two looks.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn done(&mut self, order: &[&str]) {
        let told = format!("{} can {order:?}", self.name);
        until(&told, async || (self.order(order) == Value::Bool(true)).then_some(())).await;
    }

    fn order(&mut self, order: &[&str]) -> Value {
        let orders = self.orders.as_mut().unwrap();
        writeln!(orders, "{}", serde_json::json!(order)).unwrap();
        let answer = self.answers.next().unwrap();
        serde_json::from_str(&answer.unwrap()).unwrap()
    }

    /// Closes it, as a person does.
    pub(crate) fn close(mut self) {
        drop(self.orders.take());
        assert!(self.child.wait().unwrap().success(), "{}'s window ends badly", self.name);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries to open a second window on the device in `profile`: its exit status and what it says.
pub(crate) fn second(profile: &Path) -> (Option<i32>, String) {
    let ended = program(profile, None).stdin(Stdio::null()).output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

fn program(profile: &Path, bus: Option<&str>) -> Command {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.arg("--profile").arg(profile);
    // The fonts are chosen by it.
    program.env("SLINT_BACKEND", "headless-software").env_remove("DBUS_SESSION_BUS_ADDRESS");
    program.envs(bus.map(|bus| ("DBUS_SESSION_BUS_ADDRESS", bus)));
    program
}
