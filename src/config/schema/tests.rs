//! The tables against what Upsun publishes, where that lies next to the repository.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use super::super::versions::{all, find};
use super::{Kind, Object, nearest, tables};

fn reference(name: &str) -> Option<Json> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find_map(|folder| fs::read(folder.join("shared/reference").join(name)).ok());
    if found.is_none() {
        eprintln!("there is no shared/reference above the repository: nothing is compared");
    }
    serde_json::from_slice(&found?).ok()
}

/// Every key that the published schema has and ours has not, by path.
fn missing(kind: &Kind, theirs: &Json, whole: &Json, path: &str, found: &mut Vec<String>) {
    let theirs = match theirs.get("$ref").and_then(Json::as_str) {
        Some(reference) => whole.pointer(&reference[1..]).unwrap(),
        None => theirs,
    };
    match kind {
        Kind::Object(object) => {
            let mut variants = vec![theirs];
            variants.extend(
                theirs
                    .get("oneOf")
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten(),
            );
            for variant in variants {
                fields(object, variant, whole, path, found);
            }
        }
        Kind::Names(_, inner) => {
            if let Some(theirs) = theirs.get("additionalProperties") {
                missing(inner, theirs, whole, &format!("{path}.*"), found);
            }
        }
        Kind::List(inner) => {
            if let Some(theirs) = theirs.get("items") {
                missing(inner, theirs, whole, &format!("{path}[]"), found);
            }
        }
        Kind::Nullable(inner) => missing(inner, theirs, whole, path, found),
        Kind::Either(kinds) => missing(&kinds[0], theirs, whole, path, found),
        Kind::Choice(choices) => {
            for choice in theirs
                .get("enum")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
            {
                if choice
                    .as_str()
                    .is_some_and(|choice| !choices.contains(&choice))
                {
                    found.push(format!("{path} = {choice}"));
                }
            }
        }
        _ => {}
    }
}

fn fields(object: &Object, theirs: &Json, whole: &Json, path: &str, found: &mut Vec<String>) {
    let Some(properties) = theirs.get("properties").and_then(Json::as_object) else {
        return;
    };
    for (name, theirs) in properties {
        let path = format!("{path}.{name}");
        match object.keys.iter().find(|key| key.name == name) {
            Some(key) => missing(&key.kind, theirs, whole, &path, found),
            None => found.push(path),
        }
    }
}

#[test]
fn every_key_of_the_published_schema_is_known() {
    let Some(schema) = reference("upsun.schema.json") else {
        return;
    };
    let mut found = Vec::new();
    for (name, kind) in [
        ("applications", &tables::APP),
        ("services", &tables::SERVICE),
        ("routes", &tables::ROUTE),
    ] {
        let theirs = &schema["properties"][name]["additionalProperties"];
        assert!(theirs.is_object(), "{name}");
        missing(kind, theirs, &schema, name, &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_published_version_is_known() {
    let Some(registry) = reference("registry.json") else {
        return;
    };
    for (name, entry) in registry.as_object().unwrap() {
        let ours = find(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(ours.is_service, entry["runtime"] == false, "{name}");
        for (list, ours) in [
            ("supported", ours.supported),
            ("deprecated", ours.deprecated),
        ] {
            let theirs: Vec<&str> = entry["versions"][list]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .collect();
            assert_eq!(ours, theirs, "{name} {list}");
        }
    }
    let every = [all(true), all(false)].concat();
    assert!(every.iter().all(|known| !known.supported.is_empty()));
}

#[test]
fn a_near_miss_is_found_and_a_far_one_is_not() {
    let keys = || ["operations", "mounts", "source_path", "type", "role"].into_iter();
    let table = [
        ("opertions", Some("operations")),
        ("Mounts", Some("mounts")),
        ("mount", Some("mounts")),
        ("sourcepath", Some("source_path")),
        ("source-path", Some("source_path")),
        ("typ", Some("type")),
        ("tape", Some("type")),
        ("rol", Some("role")),
        ("name", None),
        ("services", None),
    ];
    for (name, expected) in table {
        assert_eq!(nearest(name, keys()), expected, "{name}");
    }
}
