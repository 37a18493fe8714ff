//! The reference page, its examples and the schema are what the program does.

use config::schema::{Field, Kind, Section};
use config::{Config, Source, SourceKind, load, reference};
use std::path::Path;

/// Every key of every section, with its name for people.
fn keys() -> Vec<(String, &'static Field)> {
    fn walk(parent: &str, fields: &'static [Field], found: &mut Vec<(String, &'static Field)>) {
        for field in fields {
            let key = format!("{parent}{}", field.name);
            match field.kind {
                Kind::Section(inner) => walk(&format!("{key}."), inner, found),
                Kind::Sections(inner) => walk(&format!("{key}[0]."), inner, found),
                _ => {}
            }
            found.push((key, field));
        }
    }
    let mut found = Vec::new();
    walk("", Config::FIELDS, &mut found);
    found
}

#[test]
fn every_example_sets_its_key_without_a_problem() {
    for (key, field) in keys() {
        let source = Source {
            name: key.clone(),
            kind: SourceKind::File,
            bytes: field.example.into(),
        };
        let loaded = load(&[source]);
        assert_eq!(loaded.problems, [], "{key}");
        let set = loaded
            .origins
            .keys()
            .any(|known| known == key || known.starts_with(&format!("{key}.")));
        assert!(set, "the example of {key} does not set it");
    }
}

#[test]
fn the_page_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, reference::page()).expect("writing the page");
    }
    let page = std::fs::read_to_string(&path).expect("reading the page");
    assert!(
        page == reference::page(),
        "docs/configuration.md is stale: UPDATE=1 cargo test -p k3os-config --test reference"
    );
}

/// What `$ref` points at is there: a schema that points nowhere is refused by editors.
#[test]
fn the_schema_points_at_what_it_holds() {
    fn pointers(schema: &serde_json::Value, found: &mut Vec<String>) {
        match schema {
            serde_json::Value::Object(map) => {
                found.extend(
                    map.get("$ref")
                        .and_then(|at| at.as_str())
                        .map(str::to_owned),
                );
                map.values().for_each(|inner| pointers(inner, found));
            }
            serde_json::Value::Array(all) => all.iter().for_each(|inner| pointers(inner, found)),
            _ => {}
        }
    }
    let (schema, mut found) = (reference::json_schema(), Vec::new());
    pointers(&schema, &mut found);
    assert!(found.len() >= keys().len(), "{found:?}");
    for at in found {
        let there = schema.pointer(at.trim_start_matches('#'));
        assert!(there.is_some(), "{at} is not in the schema");
    }
}

#[test]
fn the_schema_describes_every_key() {
    let schema = reference::json_schema();
    for (key, _) in keys() {
        let path: Vec<_> = key.split('.').collect();
        let mut at = &schema;
        for part in path {
            let name = part.trim_end_matches("[0]");
            let object = at.get("anyOf").map_or(at, |any| &any[0]);
            at = &object["properties"][name];
            assert!(!at.is_null(), "{key} is not in the schema");
        }
        assert!(
            at["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{key} has no description"
        );
    }
}
