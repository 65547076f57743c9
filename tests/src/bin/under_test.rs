//! `raftchatctl`, whole, where the stories can find it: its hidden `node` command runs a node as `raftchatd` does.

fn main() -> std::process::ExitCode {
    raftchat_tools::main()
}
