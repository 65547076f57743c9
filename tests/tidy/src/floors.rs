//! A crate whose rooms stand on floors: each needs only those below it. Knows nothing of what is in the rooms.

use std::collections::BTreeSet;

use crate::arrows;
use crate::sources::Source;

/// Crates, and their rooms from the ground up.
const FLOORS: [(&str, &[&str]); 1] = [(
    "client/core",
    &[
        "cursor",
        "until",
        "profile",
        "options",
        "error",
        "rpc",
        "link",
        "call",
        "feed",
        "client",
        "export",
        "store",
        "messenger",
    ],
)];

/// The arrows that lead up, and the rooms that are on no floor.
pub(crate) fn broken(sources: &[Source]) -> Vec<String> {
    let crates = arrows::of_crates(sources);
    let mut found = BTreeSet::new();
    for (root, rooms) in FLOORS {
        let floor_of = |room: &String| rooms.iter().position(|known| known == room);
        for (module, needs) in crates.get(root).into_iter().flatten() {
            // The root is everybody's, and needs all.
            let Some(room) = module.first() else { continue };
            let Some(floor) = floor_of(room) else {
                found.insert(format!(
                    "{root}: `{room}` is on no floor: say in tests/tidy/src/floors.rs which is its own"
                ));
                continue;
            };
            let above = needs.iter().filter(|need| need.first().and_then(floor_of).is_some_and(|other| other > floor));
            found.extend(
                above.map(|need| format!("{root}: {} needs {}, which is above it", module.join("/"), need.join("/"))),
            );
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_needs_those_below_it_alone() {
        let source = |path: &str, code: &str| Source::new(&format!("client/core/src/{path}.rs"), code);
        let good = [source("link/worker", "use crate::rpc::Call;\n"), source("rpc", "pub struct Call;\n")];
        assert_eq!(broken(&good), [""; 0]);
        let upwards = [source("rpc/call", "use crate::link::Worker;\n"), source("link", "pub struct Worker;\n")];
        assert_eq!(broken(&upwards), ["client/core: rpc/call needs link, which is above it"]);
        let unknown = [source("attic", "")];
        assert!(broken(&unknown).first().is_some_and(|line| line.contains("`attic` is on no floor")));
    }
}
