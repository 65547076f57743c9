//! No folder holds more modules than one can look over. Knows nothing of what is in them.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::Source;

/// The most modules in a folder: a file and the folder of its name are one, the root of a crate is none.
const CHILDREN_MAX: usize = 15;

/// The folders that hold more.
pub(crate) fn crowded(sources: &[Source]) -> Vec<String> {
    let mut rooms: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources {
        let mut path = source.path.strip_suffix(".rs").unwrap_or(&source.path);
        while let Some((room, child)) = path.rsplit_once('/') {
            if !matches!(child, "lib" | "main") {
                rooms.entry(room).or_default().insert(child);
            }
            path = room;
        }
    }
    let crowded = rooms.into_iter().filter(|(_, children)| children.len() > CHILDREN_MAX);
    crowded
        .map(|(room, children)| {
            format!(
                "{room} holds {} modules; {CHILDREN_MAX} are the most: make folders of what belongs together",
                children.len()
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_its_folder_are_one_child() {
        let paths = |count: usize| (0..count).flat_map(|n| [format!("a/src/m{n}.rs"), format!("a/src/m{n}/x.rs")]);
        let sources = |count| paths(count).map(|path| Source::new(&path, "")).collect::<Vec<_>>();
        assert!(crowded(&sources(15)).is_empty());
        assert_eq!(crowded(&sources(16)).len(), 1);
    }
}
