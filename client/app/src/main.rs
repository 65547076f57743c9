//! `raftchat`: the chat window.

use std::process::ExitCode;

fn main() -> ExitCode {
    raftchat_app::run::main()
}
