//! Devices that follow: each a process of `raftchatctl chat tail` of its own, killed now and then and started again where it had
//! come to. Every line is checked as it comes. Knows nothing of nodes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use raftchat_schema::id::Cursor;
use raftchat_tests::network::namespace::Namespace;
use serde_json::Value;

use super::ledger::Word;
use crate::PROGRAM;

/// What is a row of the feed; other lines are hints.
const CHANGES: [&str; 13] = [
    "message",
    "edit",
    "delete",
    "reaction",
    "conversation",
    "read",
    "delivered",
    "user",
    "member",
    "left",
    "place",
    "gone",
    "block",
];
/// Of lines about links there come no more than so many in so long a time.
const LINK_LINES_MAX: (usize, Duration) = (150, Duration::from_secs(10));
/// What a `tail` ends with where it reached no node.
const UNREACHABLE: i32 = 3;

/// What a device was told.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The cursor of the last change, as it was printed, and its number.
    cursor: Option<(String, u64)>,
    /// By conversation and position.
    pub(super) words: BTreeMap<(String, u64), Word>,
    pub(super) changes: u64,
    links: VecDeque<Instant>,
    /// What was wrong with it.
    pub(super) wrong: Vec<String>,
}

/// A device that follows.
pub(super) struct Tail {
    pub(super) name: String,
    profile: PathBuf,
    home: Arc<Namespace>,
    child: Child,
    reader: Option<JoinHandle<()>>,
    pub(super) heard: Arc<Mutex<Heard>>,
    pub(super) started: u64,
}

impl Tail {
    /// Follows with that profile from the first change on.
    pub(super) fn start(name: &str, profile: PathBuf, home: &Arc<Namespace>) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (child, reader) = run(home, &profile, &heard);
        let home = Arc::clone(home);
        Self { name: name.to_owned(), profile, home, child, reader: Some(reader), heard, started: 1 }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL; and goes on where it was.
    pub(super) fn dies_and_goes_on(&mut self) {
        self.child.kill().unwrap();
        self.goes_on();
    }

    fn goes_on(&mut self) {
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let (child, reader) = run(&self.home, &self.profile, &self.heard);
        (self.child, self.reader) = (child, Some(reader));
        self.started += 1;
    }

    /// Says what is wrong with what came; starts it again where it found no node to begin with.
    pub(super) fn look(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let said = fs::read_to_string(said_by(&self.profile)).unwrap_or_default();
            assert_eq!(status.code(), Some(UNREACHABLE), "{}'s tail ended by itself: {said}", self.name);
            self.goes_on();
        }
        let heard = self.heard.lock().unwrap();
        assert!(heard.wrong.is_empty(), "{}'s tail: {:#?}", self.name, heard.wrong);
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said_by(profile: &std::path::Path) -> PathBuf {
    profile.join("tail.log")
}

fn run(home: &Namespace, profile: &std::path::Path, heard: &Arc<Mutex<Heard>>) -> (Child, JoinHandle<()>) {
    let mut command = Command::new(PROGRAM);
    command.args(["--log", "warn", "chat", "--json", "--timeout", "60", "--profile"]).arg(profile).arg("tail");
    match &heard.lock().unwrap().cursor {
        Some((cursor, _)) => command.args(["--cursor", cursor]),
        None => command.arg("--from-start"),
    };
    let said = File::options().create(true).append(true).open(said_by(profile)).unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said);
    let mut child = home.run(|| command.spawn().unwrap());
    let (lines, heard) = (child.stdout.take().unwrap(), Arc::clone(heard));
    (child, std::thread::spawn(move || hear(lines, &heard)))
}

fn hear(lines: impl Read, heard: &Mutex<Heard>) {
    for line in BufReader::new(lines).split(b'\n') {
        // The last line of one that was killed may be cut short: it was not told.
        let Some(line) = line.ok().and_then(|line| serde_json::from_slice::<Value>(&line).ok()) else { return };
        heard.lock().unwrap().take(&line);
    }
}

fn number(cursor: &str) -> Option<u64> {
    let byte = |at| u8::from_str_radix(cursor.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..cursor.len()).step_by(2).map(byte).collect();
    Some(Cursor::from_bytes(&bytes?)?.change.0)
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn reactions(line: &Value) -> BTreeSet<(String, String)> {
    let all = line["reactions"].as_object();
    let kinds = all.into_iter().flatten();
    let by_kind = kinds.flat_map(|(emoji, who)| who.as_array().into_iter().flatten().map(move |who| (emoji, who)));
    by_kind.map(|(emoji, who)| (emoji.clone(), string(who))).collect()
}

impl Heard {
    fn take(&mut self, line: &Value) {
        let kind = line["kind"].as_str().unwrap_or_default();
        if kind == "link" {
            return self.link();
        }
        if !CHANGES.contains(&kind) {
            return;
        }
        self.changes += 1;
        self.advance(line);
        let place = || (string(&line["conversation"]), line["position"].as_u64().unwrap_or_default());
        match kind {
            "message" | "edit" | "delete" => {
                let word = Word {
                    by: string(&line["from"]),
                    text: line["text"].as_str().map(str::to_owned),
                    edits: u32::try_from(line["revision"].as_u64().unwrap_or_default()).unwrap_or(u32::MAX),
                    reactions: reactions(line),
                };
                self.words.insert(place(), word);
            }
            "reaction" => {
                // One whose message was changed later comes before it, and the message tells of it too.
                if let Some(word) = self.words.get_mut(&place()) {
                    word.reactions = reactions(line);
                }
            }
            _ => {}
        }
    }

    /// Each change is told once, and in order.
    fn advance(&mut self, line: &Value) {
        let cursor = string(&line["cursor"]);
        let Some(number) = number(&cursor) else {
            return self.wrong.push(format!("no cursor: {line}"));
        };
        if let Some((_, before)) = self.cursor.as_ref().filter(|(_, before)| *before >= number) {
            self.wrong.push(format!("{number} came after {before}: {line}"));
        }
        self.cursor = Some((cursor, number));
    }

    /// Links come and go, but not without a pause.
    fn link(&mut self) {
        let (many, within) = LINK_LINES_MAX;
        let now = Instant::now();
        self.links.push_back(now);
        self.links.retain(|at| now.duration_since(*at) < within);
        if self.links.len() == many {
            self.wrong.push(format!("{many} things happened to links within {within:?}"));
        }
    }
}
