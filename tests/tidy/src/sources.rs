//! The hand-written Rust of the checkout: which files there are, and what of their text is code. Knows no rule.

use std::process::Command;

use crate::trouble::Trouble;

/// A file of hand-written Rust.
pub(crate) struct Source {
    /// From the checkout's root.
    pub(crate) path: String,
    /// The text without comments and without what is in quotes.
    pub(crate) code: String,
}

impl Source {
    /// A file with that text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), code: code_of(text) }
    }

    /// The code without the unit tests, which stand at the end of a file.
    pub(crate) fn program(&self) -> &str {
        let tests = self.code.match_indices("\n#[cfg(test)]\n").find(|(at, marker)| {
            let after = self.code.get(at + marker.len()..).unwrap_or_default();
            after.lines().find(|line| !line.starts_with("#[")).is_some_and(|line| line.contains("mod tests"))
        });
        tests.map_or(&self.code, |(at, _)| self.code.get(..at).unwrap_or_default())
    }

    /// Whether all of it is for tests and measurements.
    pub(crate) fn is_test(&self) -> bool {
        let folders = ["/tests/", "/benches/", "/examples/"];
        folders.iter().any(|folder| self.path.contains(folder))
            || ["/tests.rs", "/suite.rs"].iter().any(|file| self.path.ends_with(file))
    }

    /// The folder of the crate's sources and the path of this module in it, by names; none for what is no module of a library or
    /// program.
    pub(crate) fn module(&self) -> Option<(&str, Vec<&str>)> {
        let (root, inside) = self.path.split_once("/src/")?;
        let module = inside.strip_suffix(".rs")?;
        let names: Vec<&str> = module.split('/').filter(|name| !matches!(*name, "lib" | "main")).collect();
        Some((root, names))
    }
}

/// All of it that is in the checkout, or about to be.
pub(crate) fn load() -> Result<Vec<Source>, Trouble> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.rs", ":!schema/src/generated"])
        .output()?;
    let paths = String::from_utf8(listed.stdout)?;
    let there = paths.lines().filter(|path| std::path::Path::new(path).exists());
    there.map(|path| Ok(Source::new(path, &std::fs::read_to_string(path)?))).collect()
}

/// The text without comments and quoted text; line breaks stay.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = quoted(rest) {
            code.push_str("\"\"");
            length
        } else {
            let begins_raw = rest.starts_with('r') && !code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if let Some(length) = begins_raw.then(|| raw(rest)).flatten() {
                code.push_str("\"\"");
                length
            } else {
                code.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
                continue;
            }
        };
        let (gone, left) = rest.split_at_checked(skipped).unwrap_or((rest, ""));
        code.extend(gone.chars().filter(|c| *c == '\n'));
        rest = left;
    }
    code
}

/// The length of the string or character that `text` begins with; a quote that begins a lifetime is none.
fn quoted(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    let (_, quote) = chars.next().filter(|(_, c)| matches!(c, '"' | '\''))?;
    if quote == '\'' {
        let (_, second) = chars.next()?;
        if second != '\\' {
            return chars.next().filter(|(_, third)| *third == quote).map(|(at, _)| at + 1);
        }
        chars.next()?;
    }
    let mut escaped = false;
    chars.find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at + 1)
    })
}

/// The length of the raw string that `text` begins with.
fn raw(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let signs = after.len() - after.trim_start_matches('#').len();
    let body = after.get(signs..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(signs));
    Some(1 + signs + 1 + body.find(&end)? + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_quoted_text_are_no_code() {
        let text = "let a = \"use b; \\\" c\"; // use d\nlet e: &'static str = r#\"use \"f\"\"#; let g = '\\''; let h = 'i';\n";
        assert_eq!(code_of(text), "let a = \"\"; \nlet e: &'static str = \"\"; let g = \"\"; let h = \"\";\n");
    }

    #[test]
    fn unit_tests_are_no_part_of_the_program() {
        let source =
            Source::new("a/src/b.rs", "fn c() {}\n\n#[cfg(test)]\n#[expect(d)]\nmod tests {\n    fn e() {}\n}\n");
        assert_eq!(source.program(), "fn c() {}\n");
        assert_eq!(source.module(), Some(("a", vec!["b"])));
    }
}
