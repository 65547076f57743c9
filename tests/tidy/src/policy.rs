//! What we may be built on: the licences, sources, versions and crates that `deny.toml` allows. It is cargo-deny's file, read here
//! so that CI needs no tool that takes minutes to build. Knows nothing of advisories, which are kept where CI cannot look.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value as Json;
use toml::{Table, Value};

use crate::licence;
use crate::trouble::Trouble;

/// A crate that something of ours is built on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: String,
    /// None for what is in this checkout.
    pub(crate) source: Option<String>,
}

/// All of them, on the systems that the policy names.
pub(crate) fn packages(policy: &str) -> Result<Vec<Package>, Trouble> {
    let policy: Table = policy.parse()?;
    let targets = list(section(&policy, "graph")?, "targets", "triple");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut metadata = Command::new(cargo);
    metadata.args(["metadata", "--format-version", "1", "--locked", "--all-features"]);
    metadata.args(targets.into_iter().flat_map(|target| ["--filter-platform", target]));
    let told = metadata.output()?;
    if !told.status.success() {
        return Err(String::from_utf8_lossy(&told.stderr).into_owned().into());
    }
    let metadata: Json = serde_json::from_slice(&told.stdout)?;
    let text = |package: &Json, key: &str| package.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let packages = metadata.get("packages").and_then(Json::as_array).ok_or("cargo told of no packages")?;
    let read = |package: &Json| Package {
        name: text(package, "name"),
        version: text(package, "version"),
        licence: text(package, "license"),
        source: package.get("source").and_then(Json::as_str).map(str::to_owned),
    };
    Ok(packages.iter().map(read).collect())
}

/// Each rule of the policy that a package breaks.
pub(crate) fn broken(packages: &[Package], policy: &str) -> Result<Vec<String>, Trouble> {
    let policy: Table = policy.parse()?;
    let ours = |package: &&Package| package.source.is_none();
    let (_ours, theirs): (Vec<&Package>, Vec<&Package>) = packages.iter().partition(ours);
    let mut found = licences(&theirs, section(&policy, "licenses")?);
    found.extend(sources(&theirs, section(&policy, "sources")?));
    found.extend(banned(&theirs, section(&policy, "bans")?));
    found.extend(several(&theirs, section(&policy, "bans")?));
    Ok(found)
}

fn section<'p>(policy: &'p Table, name: &str) -> Result<&'p Table, Trouble> {
    Ok(policy.get(name).and_then(Value::as_table).ok_or_else(|| format!("deny.toml has no [{name}]"))?)
}

/// The strings of a list; of tables in it, what they say of `key`.
fn list<'t>(table: &'t Table, name: &str, key: &str) -> Vec<&'t str> {
    let items = table.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().or_else(|| item.get(key)?.as_str())).collect()
}

fn licences(packages: &[&Package], policy: &Table) -> Vec<String> {
    let allowed = list(policy, "allow", "");
    let exceptions = policy.get("exceptions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_excepted = |package: &Package, licence: &str| {
        exceptions.iter().filter_map(Value::as_table).any(|exception| {
            exception.get("crate").and_then(Value::as_str) == Some(&package.name)
                && list(exception, "allow", "").contains(&licence)
        })
    };
    let refused = packages.iter().filter(|package| {
        !licence::is_met(&package.licence, &|licence| allowed.contains(&licence) || is_excepted(package, licence))
    });
    refused
        .map(|package| format!("{} {}: deny.toml does not allow `{}`", package.name, package.version, package.licence))
        .collect()
}

fn sources(packages: &[&Package], policy: &Table) -> Vec<String> {
    let allowed = list(policy, "allow-registry", "");
    let is_known = |source: &str| allowed.iter().any(|known| source.strip_prefix("registry+") == Some(known));
    let strange = packages.iter().filter(|package| !package.source.as_deref().is_some_and(is_known));
    strange.map(|package| format!("{} {}: comes from {:?}", package.name, package.version, package.source)).collect()
}

fn banned(packages: &[&Package], policy: &Table) -> Vec<String> {
    let banned = list(policy, "deny", "crate");
    let found = packages.iter().filter(|package| banned.contains(&package.name.as_str()));
    found.map(|package| format!("{} {} is banned by deny.toml", package.name, package.version)).collect()
}

/// Crates of which there are several versions, and exceptions that are none any more; nothing where the policy only warns of them.
fn several(packages: &[&Package], policy: &Table) -> Vec<String> {
    if policy.get("multiple-versions").and_then(Value::as_str) != Some("deny") {
        return Vec::new();
    }
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let skipped: BTreeSet<&str> = list(policy, "skip", "crate").into_iter().collect();
    let unknown = versions.iter().filter(|(name, _)| !skipped.contains(**name));
    let unneeded = skipped.iter().filter(|name| !versions.contains_key(**name));
    unknown
        .map(|(name, versions)| {
            format!("{name} is there in several versions: {versions:?}; take one, or say in deny.toml who needs two")
        })
        .chain(unneeded.map(|name| format!("{name} is there in one version again: take it out of deny.toml")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT"]
        exceptions = [{ crate = "drawn", allow = ["GPL-3.0"] }]
        [sources]
        allow-registry = ["https://here"]
        [bans]
        multiple-versions = "deny"
        deny = [{ crate = "bad", reason = "it is" }]
        skip = [{ crate = "twice", reason = "two need it" }, { crate = "once", reason = "was twice" }]
    "#;

    fn package(name: &str, version: &str, licence: &str, source: &str) -> Package {
        let [name, version, licence] = [name, version, licence].map(str::to_owned);
        Package { name, version, licence, source: Some(format!("registry+https://{source}")) }
    }

    #[test]
    fn each_rule_is_broken_by_what_breaks_it() -> Result<(), Trouble> {
        let packages = [
            package("good", "1", "MIT OR GPL-3.0", "here"),
            package("drawn", "1", "GPL-3.0", "here"),
            package("viral", "1", "GPL-3.0", "here"),
            package("strange", "1", "MIT", "there"),
            package("bad", "1", "MIT", "here"),
            package("twice", "1", "MIT", "here"),
            package("twice", "2", "MIT", "here"),
            package("thrice", "1", "MIT", "here"),
            package("thrice", "3", "MIT", "here"),
            Package { name: "ours".to_owned(), ..Package::default() },
        ];
        let found = broken(&packages, POLICY)?;
        let about: Vec<&str> = found.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(about, ["viral", "strange", "bad", "thrice", "once"], "{found:?}");
        Ok(())
    }
}
