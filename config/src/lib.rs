//! Configuration files: read with errors that name the line and the nearest key, written with every key explained by the
//! documentation of the struct's own fields. Knows nothing of what is configured.

pub mod places;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use documented::{Documented, DocumentedFields};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Troubles with a configuration file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file.
    #[error("{} is missing: {hint}", path.display())]
    Missing {
        /// The path that was looked at.
        path: PathBuf,
        /// The hint where one comes from.
        hint: &'static str,
    },
    /// The system does not give it.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file that was asked for.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A key that there is not.
    #[error("{}:{line}: there is no key `{key}`{}", path.display(), meant(nearest.as_deref()))]
    UnknownKey {
        /// The file that is wrong.
        path: PathBuf,
        /// The line in it, from 1.
        line: usize,
        /// The key that is written there.
        key: String,
        /// The key that may be meant; none if none is near.
        nearest: Option<String>,
    },
    /// It is no TOML, or a value is not what belongs there.
    #[error("{}:{line}: {reason}", path.display())]
    Malformed {
        /// The file that was to be written.
        path: PathBuf,
        /// The line in it, from 1.
        line: usize,
        /// The reason, as a part of a sentence.
        reason: String,
    },
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"))
}

/// Reads the file at `path`; `hint` says what makes one that is missing.
pub fn read<T: DeserializeOwned>(path: &Path, hint: &'static str) -> Result<T, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ConfigError::Missing { path: path.to_owned(), hint },
        _ => ConfigError::Unreadable { path: path.to_owned(), source },
    })?;
    toml::from_str(&text).map_err(|error| explain(path, &text, &error))
}

fn explain(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let path = path.to_owned();
    match unknown_key(error.message()) {
        Some((key, nearest)) => ConfigError::UnknownKey { path, line, key, nearest },
        None => ConfigError::Malformed { path, line, reason: error.message().replace('\n', " ") },
    }
}

/// serde says: unknown field `a`, expected one of `b`, `c`.
fn unknown_key(message: &str) -> Option<(String, Option<String>)> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let key = quoted.next()?.to_owned();
    let alike = quoted.map(|known| (strsim::osa_distance(&key, known), known));
    let nearest = alike.min_by_key(|(distance, _)| *distance);
    let nearest = nearest.filter(|(distance, known)| *distance <= known.len().max(key.len()) / 2);
    let nearest = nearest.map(|(_, known)| known.to_owned());
    Some((key, nearest))
}

/// The value as a file in which every key is explained.
///
/// # Errors
/// The value has a shape that TOML does not have.
pub fn write<T: Serialize + Documented + DocumentedFields>(value: &T) -> Result<String, toml::ser::Error> {
    let plain = toml::to_string(value)?;
    let mut out = comment(T::DOCS);
    let mut explained = std::collections::BTreeSet::new();
    for line in plain.lines() {
        let key = line.trim_start_matches('[').split([']', ' ']).next().unwrap_or_default();
        let top_level = line.starts_with('[') || !explained.iter().any(|known: &String| known.starts_with('['));
        let name = if line.starts_with('[') { format!("[{key}") } else { key.to_owned() };
        if top_level
            && let Ok(docs) = T::get_field_docs(key)
            && explained.insert(name)
        {
            out.push('\n');
            out.push_str(&comment(docs));
        }
        if !line.is_empty() {
            out.push_str(line);
            out.push('\n');
        }
    }
    Ok(out)
}

fn comment(docs: &str) -> String {
    docs.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// A boat.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize, Documented, DocumentedFields)]
    #[serde(deny_unknown_fields)]
    struct Boat {
        /// What it is called.
        ///
        /// Painted on the stern.
        name: String,
        /// How many it carries.
        berths: u8,
        /// Who sails it.
        crew: Vec<Sailor>,
    }

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sailor {
        name: String,
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("boat.toml");
        fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn what_is_written_is_explained_and_read_back() {
        let sailor = |name: &str| Sailor { name: name.to_owned() };
        let boat = Boat { name: "Ann".to_owned(), berths: 4, crew: vec![sailor("alice"), sailor("bob")] };
        let text = write(&boat).unwrap();
        let expected = "# A boat.\n\n# What it is called.\n#\n# Painted on the stern.\nname = \"Ann\"\n\n\
                        # How many it carries.\nberths = 4\n\n# Who sails it.\n[[crew]]\nname = \"alice\"\n\
                        [[crew]]\nname = \"bob\"\n";
        assert_eq!(text, expected);
        let (_dir, path) = file(&text);
        assert_eq!(read::<Boat>(&path, "").unwrap(), boat);
    }

    #[test]
    fn errors_name_the_file_the_line_and_the_nearest_key() {
        let said = |text: &str| {
            let (_dir, path) = file(text);
            let error = read::<Boat>(&path, "").unwrap_err().to_string();
            error.rsplit_once("boat.toml:").unwrap().1.to_owned()
        };
        assert_eq!(said("name = \"Ann\"\nberth = 4\n"), "2: there is no key `berth`; did you mean `berths`?");
        assert_eq!(said("name = \"Ann\"\nberths = 4\n[[crew]]\nrank = 1\n"), "4: there is no key `rank`");
        assert!(said("name = \"Ann\"\nberths = \"four\"\n").starts_with("2: invalid type"));
        assert!(said("name = \"Ann").starts_with("1: "));
        assert!(said("name = \"Ann\"\n").contains("missing field `berths`"));
        let missing = read::<Boat>(Path::new("nowhere/boat.toml"), "build one").unwrap_err();
        assert_eq!(missing.to_string(), "nowhere/boat.toml is missing: build one");
    }
}
