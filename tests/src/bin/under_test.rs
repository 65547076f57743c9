//! `raftchatctl`, whole, where the stories can find it: its hidden `node` command runs a node as `raftchatd` does.

// As in the programs that are installed: what nodes take is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    raftchat_tools::main()
}
