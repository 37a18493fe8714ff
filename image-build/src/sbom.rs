//! The bill of materials: every Debian package, Go module and crate in the image, as CycloneDX JSON.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// One thing that others wrote. Ordered by its package URL, and equal when that is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Component {
    purl: String,
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

impl Component {
    fn new(purl: String, name: &str, version: &str) -> Self {
        Self {
            purl,
            kind: "library",
            name: name.to_owned(),
            version: version.to_owned(),
            hashes: Vec::new(),
        }
    }
}

/// From the list that was written when packages were fetched: `name version arch source sha256`, separated by tabs.
pub fn debian(list: &str, wanted: impl Fn(&str) -> bool) -> Vec<Component> {
    let component = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, version, arch, source, sha256] = fields.as_slice() else {
            return None;
        };
        let purl = format!(
            "pkg:deb/debian/{name}@{}?arch={arch}&distro=trixie&source={source}",
            escaped(version)
        );
        let hashes = vec![Hash {
            alg: "SHA-256",
            content: (*sha256).to_owned(),
        }];
        wanted(name).then(|| Component {
            hashes,
            ..Component::new(purl, name, version)
        })
    };
    list.lines().filter_map(component).collect()
}

/// From `go version -m`: the main module, its dependencies, or what replaces them, and the standard library.
pub fn go_modules(info: &str) -> Vec<Component> {
    let mut components: Vec<Component> = Vec::new();
    for line in info.lines() {
        let fields: Vec<&str> = line.trim().split('\t').collect();
        match fields.as_slice() {
            ["dep" | "mod", name, version, ..] if *version != "(devel)" => {
                components.push(go_module(name, version))
            }
            ["=>", name, version, ..] => {
                components.pop();
                components.push(go_module(name, version));
            }
            [first] => components.extend(
                first
                    .rsplit_once(": go")
                    .map(|(_, version)| go_module("stdlib", version)),
            ),
            _ => {}
        }
    }
    components
}

fn go_module(name: &str, version: &str) -> Component {
    Component::new(
        format!("pkg:golang/{name}@{}", escaped(version)),
        name,
        version,
    )
}

/// `+` means a space in a URL.
fn escaped(version: &str) -> String {
    version
        .replace('%', "%25")
        .replace('+', "%2B")
        .replace(':', "%3A")
        .replace('~', "%7E")
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Crate {
    id: String,
    name: String,
    version: String,
    /// None: a member of the workspace, our own.
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// None: linked; otherwise `dev` or `build`.
    kind: Option<String>,
}

/// From `cargo metadata`: what the programs of these packages link.
pub fn crates(metadata: &[u8], programs: &[&str]) -> Result<Vec<Component>> {
    let metadata: Metadata =
        serde_json::from_slice(metadata).context("reading cargo's metadata")?;
    let nodes: BTreeMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let own = |krate: &&Crate| krate.source.is_none() && programs.contains(&krate.name.as_str());
    let mut waiting: Vec<&str> = metadata
        .packages
        .iter()
        .filter(own)
        .map(|krate| krate.id.as_str())
        .collect();
    let mut linked: BTreeSet<&str> = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if linked.insert(id) {
            let needed = nodes.get(id).into_iter().flat_map(|node| &node.deps);
            waiting.extend(
                needed
                    .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()))
                    .map(|dep| dep.pkg.as_str()),
            );
        }
    }
    let others = metadata
        .packages
        .iter()
        .filter(|krate| linked.contains(krate.id.as_str()) && krate.source.is_some());
    Ok(others
        .map(|krate| {
            Component::new(
                format!("pkg:cargo/{}@{}", krate.name, escaped(&krate.version)),
                &krate.name,
                &krate.version,
            )
        })
        .collect())
}

/// The document. No time and no serial number: the same image has the same bill.
pub fn document(release: &str, components: Vec<Component>) -> Result<String> {
    let components: BTreeSet<Component> = components.into_iter().collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "operating-system", "name": "k3os", "version": release}},
        "components": components,
    });
    Ok(serde_json::to_string_pretty(&document).context("writing the bill of materials")? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_urls_with_escaped_versions() {
        let list = "libc6\t2.41-12+deb13u4\tamd64\tglibc\tabc\nother\t1:2\tall\tother\tdef\n";
        let components = debian(list, |name| name == "libc6");
        assert_eq!(components.len(), 1);
        assert_eq!(
            components[0].purl,
            "pkg:deb/debian/libc6@2.41-12%2Bdeb13u4?arch=amd64&distro=trixie&source=glibc"
        );
        assert_eq!(components[0].hashes[0].content, "abc");
    }

    #[test]
    fn a_replaced_module_is_named_as_what_replaces_it() {
        let info = "x/kubernetes: go1.26.8\n\tpath\tgithub.com/k3os/x\n\tmod\tgithub.com/k3os/x\t(devel)\t\n\tdep\tk8s.io/api\tv0.0.0\n\t=>\tk8s.io/api\tv0.36.3\th1:x=\n\tdep\ta.b/c\tv1.0.0\th1:y=\n\tbuild\tCGO_ENABLED=0\n";
        let purls: Vec<String> = go_modules(info)
            .into_iter()
            .map(|component| component.purl)
            .collect();
        assert_eq!(
            purls,
            [
                "pkg:golang/stdlib@1.26.8",
                "pkg:golang/k8s.io/api@v0.36.3",
                "pkg:golang/a.b/c@v1.0.0"
            ]
        );
    }

    #[test]
    fn only_linked_crates_count() {
        let krate = |name: &str, source: Option<&str>| json!({"id": name, "name": name, "version": "1.0.0", "source": source});
        let dep =
            |name: &str, kind: Option<&str>| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [krate("app", None), krate("lib", None), krate("used", Some("r")), krate("tested", Some("r")), krate("stray", Some("r"))],
            "resolve": {"nodes": [
                {"id": "app", "deps": [dep("lib", None), dep("tested", Some("dev"))]},
                {"id": "lib", "deps": [dep("used", None)]},
                {"id": "used", "deps": []}, {"id": "tested", "deps": []}, {"id": "stray", "deps": []},
            ]},
        });
        let found = crates(metadata.to_string().as_bytes(), &["app"]).unwrap();
        assert_eq!(
            found
                .iter()
                .map(|component| component.name.as_str())
                .collect::<Vec<_>>(),
            ["used"]
        );
    }

    #[test]
    fn the_document_lists_each_component_once_in_order() {
        let components = vec![
            go_module("b", "v1"),
            go_module("a", "v1"),
            go_module("b", "v1"),
        ];
        let json: serde_json::Value =
            serde_json::from_str(&document("v1", components).unwrap()).unwrap();
        let names: Vec<&str> = json["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|component| component["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(json["bomFormat"], "CycloneDX");
    }
}
