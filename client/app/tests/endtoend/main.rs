//! The window itself against nodes that die: `raftchat` is started as it is, on a screen that nobody sees, and driven by
//! what a screen reader would read out.
//!
//! The nodes are this program, started by the story.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod desktop;
mod hands;
mod port;
mod story;

use std::process::ExitCode;

fn main() -> ExitCode {
    let first = std::env::args().nth(1).unwrap_or_default();
    match first.as_str() {
        // As clusters of the stories start their nodes.
        "--log" => raftchat_tools::main(),
        _ if std::env::args().any(|argument| argument == "--list") => {
            println!("{}: test", story::NAME);
            ExitCode::SUCCESS
        }
        filter if filter.starts_with('-') || story::NAME.contains(filter) => {
            story::tell();
            ExitCode::SUCCESS
        }
        _ => ExitCode::SUCCESS,
    }
}
