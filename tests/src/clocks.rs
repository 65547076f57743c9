//! Wrong clocks for real processes, by libfaketime (Debian's `faketime`): each process has a file that says by how much its wall
//! clock is wrong, and changes when the file does. What only counts is left alone, as it is by whoever sets a clock.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Where distributions put the library, the one for programs with threads first.
const PLACES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// By how much a clock is wrong, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong(pub i64);

impl Wrong {
    /// Right.
    pub const NOT: Self = Self(0);

    /// Hours ahead, or behind.
    pub const fn hours(hours: i64) -> Self {
        Self(hours * 3600)
    }

    /// Days ahead, or behind.
    pub const fn days(days: i64) -> Self {
        Self::hours(days * 24)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+}", self.0)
    }
}

/// The clocks of some processes.
#[derive(Clone, Debug)]
pub struct Clocks {
    library: PathBuf,
    dir: PathBuf,
}

impl Clocks {
    /// Clocks whose files are in `dir`; none, which is said, where the library is not installed.
    pub fn find(dir: &Path) -> Option<Self> {
        let library = PLACES.iter().map(PathBuf::from).find(|place| place.exists());
        if library.is_none() {
            println!("not tried: libfaketime is not installed (Debian: apt-get install faketime)");
        }
        Some(Self { library: library?, dir: dir.to_owned() })
    }

    /// Sets a clock, of a process that runs or of one that is yet to be started.
    pub fn set(&self, whose: &str, wrong: Wrong) {
        let (file, new) = (self.file(whose), self.dir.join(format!("{whose}.clock.new")));
        fs::write(&new, wrong.to_string()).unwrap();
        fs::rename(new, file).unwrap();
    }

    /// What a process is started with so that it has that clock.
    pub fn environment(&self, whose: &str) -> Vec<(&'static str, OsString)> {
        if !self.file(whose).exists() {
            self.set(whose, Wrong::NOT);
        }
        vec![
            ("LD_PRELOAD", self.library.clone().into()),
            ("FAKETIME_TIMESTAMP_FILE", self.file(whose).into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
        ]
    }

    fn file(&self, whose: &str) -> PathBuf {
        self.dir.join(format!("{whose}.clock"))
    }
}

/// The name of a node's clock.
pub fn of_node(node: u64) -> String {
    format!("node-{node}")
}
