//! `raftchatctl completions`: what a shell needs to complete a command line.

use std::io;

use clap::{Arg, Args, Command, ValueHint};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::shell::args;

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
    clap_complete::generate(arguments.shell, &mut completed(&args::command()), "raftchatctl", &mut script);
    io::stdout().lock().write_all(&script).map_err(Failure::Output)
}

/// The command line as a shell should offer it: without what is hidden, and files only where a file is meant. What is no path is a
/// name, a number or a text, and the files of the working directory are none of these.
fn completed(command: &Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set()).map(no_files_for_names);
    let inner = command.get_subcommands().filter(|inner| !inner.is_hide_set()).map(completed);
    Command::new(command.get_name().to_owned()).about(about).args(arguments).subcommands(inner)
}

fn no_files_for_names(argument: &Arg) -> Arg {
    match argument.get_value_hint() {
        ValueHint::Unknown => argument.clone().value_hint(ValueHint::Other),
        _ => argument.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn three_shells_are_known() {
        for name in ["bash", "zsh", "fish"] {
            assert!(shell(name).is_ok(), "{name}");
        }
        assert!(shell("cmd").is_err());
    }

    #[test]
    fn a_shell_offers_files_for_paths_alone_and_nothing_that_is_hidden() {
        let shown = completed(&args::command());
        assert!(shown.find_subcommand("node").is_none() && args::command().find_subcommand("node").is_some());
        let chat = shown.find_subcommand("chat").unwrap();
        let hint = |command: &Command, name: &str| {
            command.get_arguments().find(|argument| argument.get_id() == name).unwrap().get_value_hint()
        };
        assert_eq!(hint(chat, "profile"), ValueHint::AnyPath);
        assert_eq!(hint(chat, "node"), ValueHint::Other);
        assert_eq!(hint(chat.find_subcommand("register").unwrap(), "username"), ValueHint::Other);
    }
}
