//! The command line as a whole: flags for everything, and which part of the program each command belongs to.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use raftchat_node::daemon::LOG_FILTER;

use crate::bench::BenchCommand;
use crate::certs::CertsCommand;
use crate::chat::ChatArguments;
use crate::cluster::ClusterCommand;
use crate::completions::CompletionsArguments;
use crate::demo::DemoArguments;
use crate::node::NodeArguments;

/// A self-hosted chat that outlives its machines: certificates, clusters, conversations and measurements
#[derive(Debug, Parser)]
#[command(name = "raftchatctl", version, propagate_version = true)]
#[command(after_help = "Example: raftchatctl cluster init --dir home && raftchatctl cluster up --dir home")]
pub(crate) struct Program {
    /// Print JSON only: one object for an answer, one a line for a list; a failure is {"error": CODE, "message": …}
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to log on standard error: error, warn, info, debug, trace, or a filter such as `raftchat_client=debug`
    /// [default: warn; error where nodes are meant to die]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The parts of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See a whole cluster at work: five nodes, two people, and nodes to kill
    #[command(after_help = "Example: raftchatctl demo --script")]
    Demo(DemoArguments),
    /// Make, show and verify certificates
    #[command(subcommand, after_help = "Example: raftchatctl certs show home/devices/alice/certs")]
    Certs(CertsCommand),
    /// Make a cluster, run its nodes, see how they are
    #[command(subcommand, after_help = "Example: raftchatctl cluster status --dir home --watch")]
    Cluster(ClusterCommand),
    /// Talk, from a shell or a script
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice send --to bob 'Hello, Bob'")]
    Chat(ChatArguments),
    /// Measure a cluster
    #[command(subcommand, after_help = "Example: raftchatctl bench send --nodes 3 --seconds 10")]
    Bench(BenchCommand),
    /// Print the completions of a shell
    #[command(
        after_help = "Example: raftchatctl completions bash > ~/.local/share/bash-completion/completions/raftchatctl"
    )]
    Completions(CompletionsArguments),
    /// Run one node in this process
    #[command(hide = true)]
    Node(NodeArguments),
}

impl Program {
    /// What to log: what was asked for, or what suits the command. That nodes die is no news where they are killed.
    pub(crate) fn log(&self) -> &str {
        match (&self.log, &self.command) {
            (Some(log), _) => log,
            (None, Command::Node(_)) => LOG_FILTER,
            (None, Command::Demo(_) | Command::Bench(_)) => "error",
            // It tells of nodes in its own words, and shares the screen with nobody.
            (None, Command::Chat(arguments)) if arguments.is_repl() => "error",
            (None, _) => "warn",
        }
    }
}

/// Reads a command line; what is not one has been told, and the exit status is the error.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Program, ExitCode> {
    let words = without_cargos_own(words.collect());
    Program::try_parse_from(&words).map_err(|error| tell(&error, &words))
}

/// `cargo demo -- --script` hands on the `--` that was meant for cargo.
fn without_cargos_own(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).is_some_and(|word| word == "demo") && words.get(2).is_some_and(|word| word == "--") {
        words.remove(2);
    }
    words
}

fn tell(error: &clap::Error, words: &[OsString]) -> ExitCode {
    if error.use_stderr() && words.iter().any(|word| word == "--json") {
        let failure = crate::Failure::Usage(in_one_sentence(error));
        return crate::Output::new(true).failure(&failure);
    }
    // Help that nobody reads to its end is no failure.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// What clap says before it comes to usage and hints.
fn in_one_sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let told = text.split("\n\nUsage:").next().unwrap_or_default();
    let told = told.strip_prefix("error: ").unwrap_or(told);
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Program, clap::Error> {
        Program::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_holds_together() {
        Program::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn visit(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(command.is_hide_set() || help.starts_with("Example: raftchatctl"), "{path} has no example");
            command.get_subcommands().for_each(|inner| visit(inner, &path));
        }
        visit(&Program::command(), "");
    }

    #[test]
    fn global_flags_stand_anywhere() {
        for line in ["raftchatctl --json cluster status --dir home", "raftchatctl cluster status --dir home --json"] {
            assert!(parsed(line).unwrap().json, "{line}");
        }
    }

    #[test]
    fn the_demo_takes_its_flags_behind_cargos_dashes() {
        for line in ["raftchatctl demo -- --script --nodes 3", "raftchatctl demo --script --nodes 3"] {
            let program = parse(line.split(' ').map(OsString::from)).unwrap();
            assert!(matches!(program.command, Command::Demo(_)), "{line}");
        }
    }

    #[test]
    fn what_excludes_each_other_is_refused_in_one_sentence() {
        for line in [
            "raftchatctl chat --profile alice send --to bob --conversation c1 hello",
            "raftchatctl chat --profile alice send hello",
            "raftchatctl cluster status --dir home --profile alice",
            "raftchatctl cluster init --dir home --nodes 10",
            "raftchatctl chat tail --from-start --cursor 01",
        ] {
            let error = parsed(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            let sentence = in_one_sentence(&error);
            assert!(!sentence.is_empty() && !sentence.contains('\n') && !sentence.contains("Usage"), "{sentence}");
        }
    }
}
