//! `raftchatctl`: everything a person types. Makes certificates and clusters, runs nodes as child processes, talks from a
//! shell, and measures. Knows nothing of Raft, storage or the wire beyond what the client and the node say themselves.

mod bench;
pub mod certs;
mod chat;
mod cluster;
mod demo;
mod failure;
mod process;
mod retry;
mod scratch;
mod shell;
mod talk;

use std::io::IsTerminal;
use std::process::ExitCode;

use failure::Failure;
use raftchat_schema::told::write_field;
use shell::args::Command;
use shell::output::Output;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::debug_fn;

/// The whole program: reads the arguments of the process, does what they say and gives its exit status.
pub fn main() -> ExitCode {
    let private = raftchat_files::be_private().and_then(|()| raftchat_files::hide_memory());
    if let Err(error) = private {
        eprintln!("raftchatctl: a crash may write keys and messages to a core file: {error}");
    }
    let program = match shell::args::parse(std::env::args_os()) {
        Ok(program) => program,
        Err(status) => return status,
    };
    let output = Output::new(program.json);
    if let Command::Node(arguments) = &program.command {
        return process::node::run(arguments, program.log());
    }
    match log_to_stderr(program.log()).and_then(|()| run(program.command, output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}

fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Certs(command) => certs::run(command, output.is_json()).map_err(Failure::from),
        Command::Completions(arguments) => shell::completions::print(&arguments),
        Command::Cluster(command) => on_runtime(cluster::run(command, output)),
        Command::Chat(arguments) => on_runtime(chat::run(arguments, output)),
        Command::Demo(arguments) => on_runtime(demo::run(arguments, output)),
        Command::Bench(command) => on_runtime(bench::run(command, output)),
        // Has its own runtime and was run before.
        Command::Node(_) => Ok(()),
    }
}

/// Everything runs on this one thread: children are told to end when the thread that started them ends.
fn on_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::System(format!("the system gives no event loop: {error}")))?;
    let result = runtime.block_on(work);
    // A thread that waits for a line of the keyboard cannot be waited for.
    runtime.shutdown_background();
    result
}

fn log_to_stderr(level: &str) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(level)
        .map_err(|error| Failure::Usage(format!("--log {level}: {error}; name error, warn, info, debug or trace")))?;
    let stderr = std::io::stderr;
    // Whatever a field has in it, it stays in its line and does nothing to a terminal.
    let fields = debug_fn(|writer, field, value| write_field(writer, field.name(), value)).delimited(" ");
    let log = tracing_subscriber::fmt().fmt_fields(fields).with_env_filter(filter);
    let log = log.with_writer(stderr).with_ansi(stderr().is_terminal());
    // Fails only where a caller of this library has set up its own.
    let _ = log.try_init();
    Ok(())
}
