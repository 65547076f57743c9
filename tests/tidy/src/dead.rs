//! Nothing is public that nobody names: the compiler cannot see that, as somebody else might. Knows nothing of methods that share
//! their name with others.

use std::collections::BTreeMap;

use crate::sources::Source;

/// Public for those who are not in this checkout, or named where no code is. Each with its reason.
const NAMED_ELSEWHERE: [(&str, &str); 1] =
    [("percentile_stats", "openraft calls it, in whose crate of histograms a stand-in is")];

/// Public items that are named in no other file, and in their own only where they are defined and in its tests.
pub(crate) fn items(sources: &[Source]) -> Vec<String> {
    let mut files_by_word: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources {
        let mut words: Vec<&str> = words(&source.code).collect();
        words.sort_unstable();
        words.dedup();
        for word in words {
            *files_by_word.entry(word).or_default() += 1;
        }
    }
    let mut dead = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test() && source.path.contains("/src/")) {
        for name in source.program().lines().filter_map(public_item) {
            let elsewhere = files_by_word.get(name).copied().unwrap_or_default() > 1;
            let here = words(source.program()).filter(|word| *word == name).count() > 1;
            if !elsewhere && !here && !NAMED_ELSEWHERE.iter().any(|(known, _)| *known == name) {
                dead.push(format!("{}: `{name}` is public and nobody names it: remove it", source.path));
            }
        }
    }
    dead
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The name of the public item whose definition the line begins.
fn public_item(line: &str) -> Option<&str> {
    let mut rest = line.trim_start().strip_prefix("pub ")?;
    while let Some(after) = ["async ", "unsafe ", "const fn "].iter().find_map(|word| rest.strip_prefix(word)) {
        if rest.starts_with("const fn ") {
            return words(after).next();
        }
        rest = after;
    }
    let kinds = ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "static "];
    words(kinds.iter().find_map(|kind| rest.strip_prefix(kind))?).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_its_own_tests_name_is_dead() {
        let library = "pub const fn used() {}\npub async fn dead() {}\npub struct Kept;\nimpl Kept {}\n\n#[cfg(test)]\nmod tests {\n    fn t() { dead() }\n}\n";
        let sources = [Source::new("a/src/lib.rs", library), Source::new("b/tests/x.rs", "fn t() { a::used() }\n")];
        let found = items(&sources);
        assert_eq!(found.len(), 1);
        assert!(found.first().is_some_and(|line| line.contains("`dead`")), "{found:?}");
    }
}
