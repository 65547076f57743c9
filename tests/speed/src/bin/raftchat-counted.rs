//! Does one case, named by the only argument, for whoever counts instructions: those of [`measured`] are the case's.

use std::process::ExitCode;

use raftchat_speed::{Work, cases};

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(case) = cases().into_iter().find(|case| case.name == name) else {
        eprintln!("there is no case of that name");
        return ExitCode::FAILURE;
    };
    let mut source = case.source();
    // What is made at the first use of anything does not count.
    source()();
    measured(source());
    ExitCode::SUCCESS
}

/// Its name is what the counting goes by.
#[inline(never)]
fn measured(work: Work) {
    work();
}
