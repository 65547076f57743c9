//! Somebody's hands and eyes at a window: the program itself, on a screen that nobody sees. Knows nothing of what is in
//! it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use raftchat_tests::{PATIENCE, until};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::port::{Element, Port};

/// A window that is open.
pub(crate) struct Window {
    name: &'static str,
    child: Child,
    port: Port,
}

impl Window {
    /// Opens the window of the device in `profile`, on a desktop with that bus if there is one.
    pub(crate) fn open(name: &'static str, profile: &Path, bus: Option<&str>) -> Self {
        loop {
            let number = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
            let mut program = program(profile, bus);
            program.env("SLINT_MCP_PORT", number.to_string()).stderr(Stdio::piped());
            let mut child = program.spawn().unwrap();
            if listens(name, child.stderr.take().unwrap()) {
                return Self { name, child, port: Port::connect(number) };
            }
            // Somebody else has taken the port meanwhile.
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Presses what is called that, as soon as it is there.
    pub(crate) async fn press(&mut self, label: &str) {
        self.does(label, Port::press).await;
    }

    /// Presses the mouse's button over what is called that, as soon as it is there.
    pub(crate) async fn click(&mut self, label: &str) {
        self.does(label, Port::click).await;
    }

    /// Presses the first of which `wanted` is true.
    pub(crate) async fn press_what(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        let label = self.sees(what, |said| said.iter().find(|label| wanted(label)).cloned()).await;
        self.press(&label).await;
    }

    /// Writes into the field of that name, as soon as it is there.
    pub(crate) async fn write(&mut self, label: &str, text: &str) {
        self.does(label, |port, element| port.write(element, text)).await;
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
            if let Some(seen) = look(&self.labels()) {
                return seen;
            }
            assert!(Instant::now() < deadline, "{} does not see {what}", self.name);
            // Not a wait for a time to pass but a pause between two looks.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn labels(&mut self) -> Vec<String> {
        self.port.elements().into_iter().map(|element| element.label).collect()
    }

    /// What is drawn: width, height, and the colours from left to right and from the top down.
    pub(crate) fn picture(&mut self) -> (u32, u32, Vec<[u8; 4]>) {
        let bytes = self.port.picture();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let picture = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(picture.color_type, png::ColorType::Rgba);
        (picture.width, picture.height, pixels.as_chunks().0.to_vec())
    }

    async fn does(&mut self, label: &str, act: impl Fn(&mut Port, &Element) -> Option<()>) {
        let what = format!("{} finds {label}", self.name);
        until(&what, async || {
            let found = self.port.elements().into_iter().find(|element| element.label == label)?;
            act(&mut self.port, &found)
        })
        .await;
    }

    /// Asks it to end, as the system does before it shuts down.
    pub(crate) fn close(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}'s window ends badly", self.name);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // A window that is gone, or hangs, tells nothing; the story has failed for another reason by then.
        if std::thread::panicking()
            && let Ok(labels) = catch_unwind(AssertUnwindSafe(|| self.labels()))
        {
            println!("{} sees last: {labels:#?}", self.name);
        }
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
    let mut program = Command::new(env!("CARGO_BIN_EXE_raftchat"));
    program.arg("--profile").arg(profile);
    program.env("SLINT_BACKEND", "headless-software").env_remove("DBUS_SESSION_BUS_ADDRESS");
    program.envs(bus.map(|bus| ("DBUS_SESSION_BUS_ADDRESS", bus)));
    program
}

/// Whether the window says that it listens on its port. What else it says is passed on as long as it runs.
fn listens(name: &'static str, said: ChildStderr) -> bool {
    let (heard, outcome) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            let outcome = [("server listening", true), ("failed to bind", false)];
            match outcome.iter().find(|(words, _)| line.contains(words)) {
                Some((_, listens)) => heard.send(*listens).unwrap_or_default(),
                None => eprintln!("{name}: {line}"),
            }
        }
    });
    outcome.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{name}'s window does not open: {error}"))
}
