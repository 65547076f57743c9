//! Nothing is depended on that no source names. Knows nothing of why a crate was chosen: that is in `docs/decisions.md`.

use std::fs;
use std::process::Command;

use toml::{Table, Value};

use crate::sources::Source;
use crate::trouble::Trouble;

/// Named in no source, and needed. Each with its reason.
const NEEDED: [(&str, &str); 0] = [];

/// Dependencies that no source of their crate names.
pub(crate) fn unused(sources: &[Source]) -> Result<Vec<String>, Trouble> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--", "*/Cargo.toml"])
        .output()?;
    let mut found = Vec::new();
    for path in String::from_utf8(listed.stdout)?.lines() {
        let manifest: Table = fs::read_to_string(path)?.parse()?;
        let folder = path.trim_end_matches("Cargo.toml");
        let code: Vec<&str> = of_crate(sources, folder).map(|source| source.code.as_str()).collect();
        found.extend(
            unnamed(&manifest, &code).into_iter().map(|name| format!("{path}: no source names `{name}`: remove it")),
        );
    }
    Ok(found)
}

/// The crate's own sources, without those of crates in its folder.
fn of_crate<'s>(sources: &'s [Source], folder: &str) -> impl Iterator<Item = &'s Source> {
    let kinds = ["src/", "lib.rs", "tests/", "benches/", "examples/", "build.rs"].map(|kind| format!("{folder}{kind}"));
    sources.iter().filter(move |source| kinds.iter().any(|kind| source.path.starts_with(kind)))
}

fn unnamed(manifest: &Table, code: &[&str]) -> Vec<String> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(|targets| targets.values());
    let tables = targets.filter_map(Value::as_table).chain([manifest]);
    let names =
        tables.flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table())).flat_map(Table::keys);
    let is_named = |name: &String| {
        let word = name.replace('-', "_");
        code.iter().any(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|other| other == word))
    };
    let mut unnamed: Vec<String> = names.filter(|name| !is_named(name)).cloned().collect();
    unnamed.retain(|name| !NEEDED.iter().any(|(needed, _)| needed == name));
    unnamed.dedup();
    unnamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_named_or_unused() -> Result<(), Trouble> {
        let manifest =
            "[dependencies]\na-b = \"1\"\nc = { workspace = true }\n[target.'cfg(unix)'.dependencies]\nd = \"1\"\n";
        assert_eq!(unnamed(&manifest.parse()?, &["use a_b::X;\n"]), ["d", "c"]);
        Ok(())
    }
}
