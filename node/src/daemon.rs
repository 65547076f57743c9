//! A node as a process: reads its configuration, runs until it is told to stop or cannot go on, and says why. What
//! `raftchatd` and the nodes of `raftchatctl cluster up` have in common.

use std::path::Path;
use std::time::Duration;

use raftchat_schema::told::write_field;
use raftchat_transport::RpcThreads;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::debug_fn;

use crate::config::{NodeConfig, NodeConfigError};
use crate::node::Node;
pub use crate::raft::settings::LOG_FILTER;

/// How long the devices of a node that gets SIGTERM may take to go elsewhere.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Runs the node of that configuration until it cannot go on, or is told to stop: by SIGTERM, or a call in its own name, when it
/// first sends its devices elsewhere, or by SIGINT or a second SIGTERM, when it does not. SIGHUP is ignored. Logs what passes `log` on standard
/// error. Gives the process's exit status: 0 stopped as asked, 1 the node could not go on, 2 the configuration
/// is wrong, 4 a local file is missing or damaged.
pub fn run(config: &Path, log: &str) -> u8 {
    let filter = match EnvFilter::try_new(log) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("--log {log}: {error}; name error, warn, info, debug, trace, or a filter such as {LOG_FILTER}");
            return 2;
        }
    };
    // Whatever a field has in it, it stays in its line and does nothing to a terminal.
    let fields = debug_fn(|writer, field, value| write_field(writer, field.name(), value)).delimited(" ");
    let log = tracing_subscriber::fmt().fmt_fields(fields).with_env_filter(filter);
    log.with_writer(std::io::stderr).with_ansi(false).init();
    let config = match NodeConfig::load(config) {
        Ok(config) => config,
        Err(error) => return refuse(&error, config_status(&error)),
    };
    spare_huge_pages();
    let served = match config.rpc_threads {
        1 => RpcThreads::alone(|threads| serve(&config, threads)),
        count => serve_on_several(&config, count),
    };
    served.unwrap_or_else(|error| refuse(&error, 1))
}

fn serve_on_several(config: &NodeConfig, count: usize) -> std::io::Result<u8> {
    let threads = RpcThreads::start(count)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(serve(config, threads)))
}

fn config_status(error: &NodeConfigError) -> u8 {
    use raftchat_config::ConfigError;
    match error {
        NodeConfigError::File(ConfigError::Missing { .. } | ConfigError::Unreadable { .. }) => 4,
        NodeConfigError::File(_) | NodeConfigError::Value { .. } => 2,
    }
}

fn refuse(reason: &dyn std::fmt::Display, status: u8) -> u8 {
    tracing::error!(%reason, "the node does not start");
    status
}

async fn serve(config: &NodeConfig, threads: RpcThreads) -> u8 {
    let (mut terminate, mut interrupt) = match signals() {
        Ok(signals) => signals,
        Err(error) => return refuse(&error, 1),
    };
    if let Err(error) = ignore_hangups() {
        return refuse(&error, 1);
    }
    let node = match Node::start(config, threads).await {
        Ok(node) => node,
        Err(error) => return refuse(&error, error.exit_status()),
    };
    tracing::info!(
        node = config.node,
        cluster = %config.cluster,
        clients = %node.client_address(),
        peers = %node.peer_address(),
        "listening"
    );
    let drain = tokio::select! {
        _ = terminate.recv() => Some(DRAIN_LIMIT),
        _ = interrupt.recv() => None,
        within = node.drain_asked() => Some(within),
        // Whoever failed has said so.
        _reason = node.failed() => return 1,
    };
    if let Some(within) = drain {
        tracing::info!(?within, "draining");
        tokio::select! {
            () = node.drain(within) => {}
            // Whoever asks again does not want to wait.
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _reason = node.failed() => return 1,
        }
    }
    tracing::info!("stopping");
    match node.stop().await {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!(%error, "what is stored may not be durable");
            1
        }
    }
}

/// Asks the system for no huge pages: the allocator wants them for all of its arena, and what a node holds is small and spread
/// over it, so that most of each would be held for nothing (D81).
fn spare_huge_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::info!(%error, "this node may take twice the memory: the system gives huge pages and does not say how to refuse them");
    }
}

/// SIGHUP has no meaning yet, and by default it would end the node without sending its devices elsewhere. Says so once.
fn ignore_hangups() -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        if hangup.recv().await.is_some() {
            tracing::info!("SIGHUP is ignored: the node goes on as it is. SIGTERM ends it");
        }
        while hangup.recv().await.is_some() {}
    });
    Ok(())
}

fn signals() -> std::io::Result<(Signal, Signal)> {
    Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
}
