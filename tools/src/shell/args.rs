//! The command line as a whole: flags for everything, and which part of the program each command belongs to.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use raftchat_node::daemon::LOG_FILTER;

use crate::bench::BenchCommand;
use crate::certs::CertsCommand;
use crate::chat::ChatArguments;
use crate::cluster::ClusterCommand;
use crate::demo::DemoArguments;
use crate::process::node::NodeArguments;
use crate::shell::completions::CompletionsArguments;

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

/// What every page of help ends with, below its example.
const EXIT_STATUSES: &str = "Exit status: 0 done; 1 refused, with a reason; 2 wrong usage or configuration; 3 no node, or no \
majority, in time; 4 something local is missing, unreadable or damaged";

/// Reads a command line; what is not one has been told, and the exit status is the error.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Program, ExitCode> {
    let words = without_cargos_own(words.collect());
    let matches = command().try_get_matches_from(&words);
    matches.and_then(|matches| Program::from_arg_matches(&matches)).map_err(|error| tell(&error, &words))
}

/// The whole command line as clap has it, with the exit statuses on each page of help.
pub(crate) fn command() -> clap::Command {
    with_exit_statuses(Program::command())
}

fn with_exit_statuses(command: clap::Command) -> clap::Command {
    let told = command.get_after_help().map(|help| format!("{help}\n\n{EXIT_STATUSES}"));
    let command = match told {
        Some(told) => command.after_help(told),
        None => command.after_help(EXIT_STATUSES),
    };
    let inner: Vec<_> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    inner.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_exit_statuses))
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
    use super::*;

    fn parsed(line: &str) -> Result<Program, clap::Error> {
        Program::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_holds_together() {
        command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn visit(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(command.is_hide_set() || help.starts_with("Example: raftchatctl"), "{path} has no example");
            assert!(help.contains("Exit status: 0 done"), "{path} has no exit statuses");
            command.get_subcommands().for_each(|inner| visit(inner, &path));
        }
        visit(&command(), "");
    }

    #[test]
    fn global_flags_stand_anywhere() {
        for line in ["raftchatctl --json cluster status --dir home", "raftchatctl cluster status --dir home --json"] {
            assert!(parsed(line).unwrap().json, "{line}");
        }
    }

    #[test]
    fn everything_a_person_can_do_has_its_words() {
        for words in [
            "send --to bob --reply-to 3 --later hello",
            "edit --with bob 42 -",
            "react --conversation c7 42 👍 --remove",
            "pin --with bob 42",
            "unpin --with bob 42",
            "unread --with bob",
            "typing --with bob --seconds 10",
            "forward --with bob 42 --to carol",
            "forward --conversation c7 42 --to-conversation c8",
            "revisions --with bob 42",
            "info --with bob 42",
            "history --with bob --after 0 --limit 3",
            "group create Harbour bob carol",
            "group remove --conversation c7 bob carol",
            "group role --conversation c7 bob admin",
            "group members --conversation c7",
            "mute --with bob",
            "mute --with bob --until 2030-01-01T00:00:00Z",
            "keep-on-top --with bob --off",
            "draft --with bob",
            "block bob",
            "blocked",
            "profile --display-name Alice --presence on --receipts off",
            "sessions --revoke-others",
            "change-password --keep-others --password-stdin",
            "delete-account --yes --erase-messages",
            "search --with bob harbour",
            "export --with bob --format text --output bob.txt",
            "sync --seconds 3",
            "outbox --discard 12",
        ] {
            assert!(parsed(&format!("raftchatctl chat --profile alice {words}")).is_ok(), "{words}");
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
            "raftchatctl chat history --with bob --before 3 --after 1",
            "raftchatctl chat edit --with bob 0 hello",
            "raftchatctl chat react --with bob 3",
            "raftchatctl chat forward --with bob 3",
            "raftchatctl chat forward --to bob 3",
            "raftchatctl chat mute --with bob --for 8h --off",
            "raftchatctl chat mute --with bob --for soon",
            "raftchatctl chat draft --with bob hello --clear",
            "raftchatctl chat group leave",
            "raftchatctl chat group add --conversation harbour bob",
            "raftchatctl chat group remove --conversation c7",
            "raftchatctl chat group role --conversation c7 bob king",
            "raftchatctl chat profile --presence maybe",
            "raftchatctl chat sessions --revoke s1 --revoke-others",
            "raftchatctl chat outbox --retry 1 --discard 1",
            "raftchatctl chat typing --with bob --stop --seconds 3",
        ] {
            let error = parsed(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            let sentence = in_one_sentence(&error);
            assert!(!sentence.is_empty() && !sentence.contains('\n') && !sentence.contains("Usage"), "{sentence}");
        }
    }
}
