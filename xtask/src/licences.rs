//! The licence texts of every crate inside the binary and the page, for `THIRD_PARTY_LICENSES.txt`.

use crate::project::Project;
use crate::shell::cargo;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is shipped.
const SHIPPED: [&str; 2] = ["tapedeck", "frontend"];

/// Each crate with version and licence, then each text once with the crates it came with. Crates that ship no text
/// are named with their licence alone.
pub(crate) fn collect(project: &Project) -> Result<String> {
    let output = cargo(&project.root, &["metadata", "--format-version", "1", "--offline"]).quiet().read()?;
    let metadata: Value = serde_json::from_str(&output).context("cargo metadata")?;
    let mut list = String::new();
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in shipped(&metadata)? {
        let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
        let licence = package["license"].as_str().or(package["license_file"].as_str());
        let Some(licence) = licence else { bail!("{name} names no licence") };
        list.push_str(&format!("{name}: {licence}\n"));
        let manifest = Path::new(text(&package["manifest_path"]));
        for content in licence_files(manifest.parent().context("a manifest has no folder")?)? {
            texts.entry(content).or_default().insert(name.clone());
        }
    }
    let mut out = format!("Crates inside tapedeck {} and its page\n\n{list}", project.version);
    for (content, crates) in texts {
        let crates = crates.into_iter().collect::<Vec<_>>().join(", ");
        out.push_str(&format!("\n{}\n{crates}\n\n{content}\n", "=".repeat(100)));
    }
    Ok(out)
}

/// Packages from a registry that [`SHIPPED`] depends on, build and development dependencies aside, by name.
fn shipped(metadata: &Value) -> Result<Vec<&Value>> {
    let by_id = |list: &'static str| -> BTreeMap<&str, &Value> {
        let entries = if list == "nodes" { &metadata["resolve"]["nodes"] } else { &metadata["packages"] };
        entries.as_array().into_iter().flatten().map(|entry| (text(&entry["id"]), entry)).collect()
    };
    let (packages, nodes) = (by_id("packages"), by_id("nodes"));
    let ours = |package: &&&Value| SHIPPED.contains(&text(&package["name"])) && package["source"].is_null();
    let mut pending: Vec<&str> = packages.values().filter(ours).map(|package| text(&package["id"])).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if !seen.insert(id) {
            continue;
        }
        let node = nodes.get(id).with_context(|| format!("cargo metadata resolves no {id}"))?;
        for dependency in node["deps"].as_array().into_iter().flatten() {
            let mut kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
            if kinds.any(|kind| kind["kind"].is_null()) {
                pending.push(text(&dependency["pkg"]));
            }
        }
    }
    let mut found: Vec<&Value> = seen.iter().filter_map(|id| packages.get(id).copied()).collect();
    found.retain(|package| !package["source"].is_null());
    found.sort_by_key(|package| (text(&package["name"]), text(&package["version"])));
    Ok(found)
}

fn licence_files(dir: &Path) -> Result<Vec<String>> {
    let mut contents = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_uppercase();
        let words = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE"];
        if path.is_file() && words.iter().any(|word| name.starts_with(word)) {
            contents.push(String::from_utf8_lossy(&std::fs::read(&path)?).trim().to_string());
        }
    }
    contents.sort();
    Ok(contents)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_shipped_leaves_build_and_test_dependencies_out() {
        let package =
            |name: &str, source: Value| json!({"id": name, "name": name, "version": "1", "source": source});
        let names = ["a", "b", "build-only", "deep"];
        let mut packages: Vec<Value> = names.iter().map(|name| package(name, json!("registry"))).collect();
        packages.push(package("tapedeck", Value::Null));
        packages.push(package("shared", Value::Null));
        let node = |id: &str, deps: &[(&str, Value)]| {
            let deps: Vec<Value> =
                deps.iter().map(|(pkg, kind)| json!({"pkg": pkg, "dep_kinds": [{"kind": kind}]})).collect();
            json!({"id": id, "deps": deps})
        };
        let nodes = [
            node("tapedeck", &[("shared", Value::Null), ("build-only", json!("build")), ("a", Value::Null)]),
            node("shared", &[("b", Value::Null)]),
            node("a", &[("deep", Value::Null), ("build-only", json!("dev"))]),
            node("b", &[]),
            node("deep", &[]),
            node("build-only", &[]),
        ];
        let metadata = json!({"packages": packages, "resolve": {"nodes": nodes}});
        let found = shipped(&metadata).unwrap();
        assert_eq!(
            found.iter().map(|package| text(&package["name"])).collect::<Vec<_>>(),
            ["a", "b", "deep"]
        );
    }
}
