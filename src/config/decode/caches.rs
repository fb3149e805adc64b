//! `build.caches`.

use super::super::app::BuildCache;
use super::super::node::{Entry, Node, Value};
use super::normalize;

/// The caches of `build`. A cache that watches no file has no key, so it is left out.
pub(super) fn decode(build: Option<&Node>) -> Vec<BuildCache> {
    let caches = build.and_then(|build| build.get("caches"));
    let entries = caches.map(Node::entries).unwrap_or_default();
    let caches = entries.iter().map(cache);
    caches.filter(|cache| !cache.watch.is_empty()).collect()
}

fn cache(entry: &Entry) -> BuildCache {
    let node = &entry.value;
    let is_set = |key: &str| {
        matches!(
            node.get(key).map(|node| &node.value),
            Some(Value::Bool(true))
        )
    };
    BuildCache {
        name: entry.key.to_string(),
        directory: directory(entry),
        watch: watched(node)
            .into_iter()
            .filter_map(Node::text)
            .map(normalize)
            .filter(|pattern| !pattern.is_empty())
            .collect(),
        allow_stale: is_set("allow_stale"),
        share_between_apps: is_set("share_between_apps"),
    }
}

/// The directory of a cache. It may lead out of the app, which is reported.
pub(crate) fn directory(entry: &Entry) -> String {
    normalize(entry.value.text_of("directory").unwrap_or(&entry.key))
}

/// What a cache watches: one text, or a list of texts.
pub(crate) fn watched(cache: &Node) -> Vec<&Node> {
    let Some(watch) = cache.get("watch") else {
        return Vec::new();
    };
    match &watch.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![watch],
    }
}
