//! `raftchatctl completions`: what a shell needs to complete a command line.

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Program;
use crate::failure::Failure;

/// The shell to complete in.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell that is to complete
    #[arg(value_name = "bash|zsh|fish", value_parser = shell)]
    shell: Shell,
}

fn shell(name: &str) -> Result<Shell, String> {
    match name {
        "bash" => Ok(Shell::Bash),
        "zsh" => Ok(Shell::Zsh),
        "fish" => Ok(Shell::Fish),
        _ => Err("completions are made for bash, zsh and fish".to_owned()),
    }
}

/// Prints them on standard output.
pub(crate) fn print(arguments: &CompletionsArguments) -> Result<(), Failure> {
    use io::Write;
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Program::command(), "raftchatctl", &mut script);
    io::stdout().lock().write_all(&script).map_err(Failure::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_shells_are_known() {
        for name in ["bash", "zsh", "fish"] {
            assert!(shell(name).is_ok(), "{name}");
        }
        assert!(shell("cmd").is_err());
    }
}
