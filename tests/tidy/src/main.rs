//! What the sources must look like, where no lint looks. Run by `.ci/run` from the checkout's root; prints what is wrong, and what
//! to do about it. Knows nothing of what the sources do.

mod arrows;
mod circles;
mod dead;
mod floors;
mod licence;
mod manifests;
mod policy;
mod rooms;
mod sources;
mod trouble;

use std::process::ExitCode;

use trouble::Trouble;

fn main() -> ExitCode {
    match findings() {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in findings {
                eprintln!("{finding}");
            }
            ExitCode::FAILURE
        }
        Err(trouble) => {
            eprintln!("tidy: {trouble}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that is wrong, a line each.
fn findings() -> Result<Vec<String>, Trouble> {
    let sources = sources::load()?;
    let policy = std::fs::read_to_string("deny.toml")?;
    let mut found = rooms::crowded(&sources);
    found.extend(circles::large(&sources));
    found.extend(floors::broken(&sources));
    found.extend(dead::items(&sources));
    found.extend(manifests::unused(&sources)?);
    found.extend(policy::broken(&policy::packages(&policy)?, &policy)?);
    Ok(found)
}
