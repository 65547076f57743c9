//! Which module needs which: read from imports and paths, and followed to where a thing is defined, through whatever hands it
//! on. Knows nothing of macros and of methods, which no import names.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::Source;

/// A module, by the names on the way to it.
pub(crate) type Module = Vec<String>;
/// What each module needs.
pub(crate) type Arrows = BTreeMap<Module, BTreeSet<Module>>;

/// Handing on is followed so many times, so that two that hand on each other's come to an end.
const HANDED_ON_MAX: usize = 8;

/// An imported name.
struct Import {
    path: Vec<String>,
    name: String,
    /// It is handed on to others, and no need of this module.
    public: bool,
}

/// One file as others see it.
struct File {
    imports: Vec<Import>,
    /// Paths of two names and more outside of imports.
    paths: Vec<Vec<String>>,
}

/// One crate's files.
struct Crate(BTreeMap<Module, File>);

/// The arrows of each crate, by its folder.
pub(crate) fn of_crates(sources: &[Source]) -> BTreeMap<String, Arrows> {
    let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let Some((root, module)) = source.module().filter(|(_, module)| module.first() != Some(&"bin")) else {
            continue;
        };
        let module = module.into_iter().map(str::to_owned).collect();
        let known = &mut crates.entry(root.to_owned()).or_insert_with(|| Crate(BTreeMap::new())).0;
        // A program beside a library is its caller.
        if !source.path.ends_with("/main.rs") || !known.contains_key(&module) {
            known.insert(module, File::read(source.program()));
        }
    }
    crates.into_iter().map(|(root, all)| (root, all.arrows())).collect()
}

impl File {
    fn read(code: &str) -> Self {
        let (mut imports, mut body) = (Vec::new(), String::new());
        let mut statement: Option<(bool, String)> = None;
        for line in code.lines() {
            let trimmed = line.trim_start();
            let after_visibility = match trimmed.strip_prefix("pub(") {
                Some(restricted) => restricted.split_once(") ").map_or("", |(_, after)| after),
                None => trimmed.strip_prefix("pub ").unwrap_or(trimmed),
            };
            if statement.is_none() && after_visibility.starts_with("use ") {
                statement = Some((after_visibility.len() != trimmed.len(), String::new()));
            }
            let Some((public, tree)) = &mut statement else {
                // Whom something may be seen by is no need.
                body.push_str(if trimmed.starts_with("pub(in ") { after_visibility } else { line });
                body.push('\n');
                continue;
            };
            tree.push_str(if tree.is_empty() { after_visibility.trim_start_matches("use ") } else { trimmed });
            if let Some(whole) = tree.strip_suffix(';') {
                imports.extend(expand(&[], whole).into_iter().map(|(path, name)| Import {
                    path,
                    name,
                    public: *public,
                }));
                statement = None;
            }
        }
        Self { imports, paths: paths(&body) }
    }
}

/// The single imports of an import tree, each with the name that it has here.
fn expand(prefix: &[String], tree: &str) -> Vec<(Vec<String>, String)> {
    let mut imports = Vec::new();
    for part in parts(tree) {
        let (head, group) = part.split_once('{').map_or((part, None), |(head, group)| (head, Some(group)));
        let (path, renamed) = head.split_once(" as ").map_or((head, None), |(path, name)| (path, Some(name.trim())));
        let mut whole = prefix.to_vec();
        whole.extend(path.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned));
        if let Some(group) = group {
            imports.extend(expand(&whole, group.rsplit_once('}').map_or(group, |(inner, _)| inner)));
            continue;
        }
        if whole.len() > 1 && whole.last().is_some_and(|last| last == "self" || last == "*") {
            whole.pop();
        }
        let name = renamed.or_else(|| whole.last().map(String::as_str)).unwrap_or_default().to_owned();
        imports.push((whole, name));
    }
    imports
}

/// What stands between the outermost commas.
fn parts(tree: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let outermost = |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    tree.split(outermost).map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Paths of two names and more.
fn paths(body: &str) -> Vec<Vec<String>> {
    let is_in_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    body.split(|c| !is_in_path(c))
        .map(|path| path.split("::").map(str::to_owned).collect::<Vec<_>>())
        .filter(|path| path.len() > 1 && path.iter().all(|name| !name.is_empty() && !name.contains(':')))
        .collect()
}

impl Crate {
    fn arrows(&self) -> Arrows {
        let needs = |(module, file): (&Module, &File)| {
            let imported = file.imports.iter().filter(|import| !import.public).map(|import| &import.path);
            let targets = imported.chain(&file.paths).filter_map(|path| self.definer(module, path, 0));
            (module.clone(), targets.filter(|target| target != module).collect())
        };
        self.0.iter().map(needs).collect()
    }

    /// The module in which what the path names is defined; none if it is no path into this crate.
    fn definer(&self, module: &[String], path: &[String], handed_on: usize) -> Option<Module> {
        let (mut at, mut rest) = self.start(module, path)?;
        while let Some((next, after)) = rest.split_first() {
            let child: Module = at.iter().chain([next]).cloned().collect();
            if !self.0.contains_key(&child) {
                break;
            }
            (at, rest) = (child, after);
        }
        let handed = rest.first().filter(|_| handed_on < HANDED_ON_MAX).and_then(|name| {
            let import = self.0.get(&at)?.imports.iter().find(|import| import.name == *name)?;
            self.definer(&at, &import.path, handed_on + 1)
        });
        Some(handed.unwrap_or(at))
    }

    /// Where a path begins, and what follows.
    fn start<'p>(&self, module: &[String], path: &'p [String]) -> Option<(Module, &'p [String])> {
        let (first, mut rest) = path.split_first()?;
        let mut at = module.to_vec();
        match first.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => {
                at.pop();
                while let Some((_, after)) = rest.split_first().filter(|(next, _)| *next == "super") {
                    at.pop();
                    rest = after;
                }
            }
            name => {
                let child: Module = at.iter().cloned().chain([name.to_owned()]).collect();
                return self.0.contains_key(&child).then_some((child, rest));
            }
        }
        Some((at, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_leads_to_where_a_thing_is_defined() {
        let sources = [
            Source::new("a/src/lib.rs", "mod b;\nmod c;\npub use c::{d::Deep as Far, Near};\n"),
            Source::new("a/src/b.rs", "use crate::{\n    Far, c,\n};\nfn f() { c::near(); super::c::d::deep() }\n"),
            Source::new("a/src/c.rs", "pub(crate) mod d;\npub(in crate::b) struct Near;\n"),
            Source::new("a/src/c/d.rs", "use super::Near;\nuse std::fmt;\n"),
        ];
        let arrows = of_crates(&sources).remove("a").unwrap_or_default();
        let of = |module: &[&str]| -> Vec<String> {
            let module: Module = module.iter().map(|name| (*name).to_owned()).collect();
            arrows.get(&module).into_iter().flatten().map(|target| target.join("/")).collect()
        };
        assert_eq!(of(&["b"]), ["c", "c/d"]);
        assert_eq!(of(&["c", "d"]), ["c"]);
        assert!(of(&["c"]).is_empty() && of(&[]).is_empty());
    }
}
