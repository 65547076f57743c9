//! The attacker, where the trials can find it.

fn main() -> std::process::ExitCode {
    raftchat_attacker::main()
}
