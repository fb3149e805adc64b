//! Whether two trees differ in the new mounts and in nothing else.
//!
//! This is what makes it safe to write into a text: whatever went wrong before, the new text is thrown away
//! when it does not say exactly what the old one said and the mounts besides.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::node::{Entry, Node, Value};
use super::NewMount;

/// Applies the merge keys of a whole tree, as the reader of the configuration does. Those that merge what
/// stands in another file stay.
pub(super) fn flatten(node: &mut Node) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(flatten),
        Value::Tagged(_, inner) => flatten(inner),
        Value::Map(entries) => {
            for entry in entries.iter_mut() {
                flatten(&mut entry.value);
            }
            if entries.iter().any(|entry| &*entry.key == "<<") {
                merge(entries);
            }
        }
        _ => {}
    }
}

fn merge(entries: &mut Vec<Entry>) {
    let (merged, mut kept): (Vec<Entry>, Vec<Entry>) = std::mem::take(entries)
        .into_iter()
        .partition(|entry| &*entry.key == "<<");
    let mut there: HashSet<Arc<str>> = kept.iter().map(|entry| entry.key.clone()).collect();
    for entry in merged {
        let sources = match entry.value.value {
            Value::List(items) => items,
            _ => vec![entry.value],
        };
        for source in sources {
            let Value::Map(brought) = source.value else {
                kept.push(Entry {
                    key: entry.key.clone(),
                    key_span: entry.key_span,
                    value: source,
                });
                continue;
            };
            for entry in brought {
                if there.insert(entry.key.clone()) {
                    kept.push(entry);
                }
            }
        }
    }
    *entries = kept;
}

/// Whether `new` is `old` with `added` in the mapping at `path`: each a key and its mount.
pub(super) fn is_old_and(
    added: &[(String, &NewMount)],
    path: &[&str],
    old: Option<&Node>,
    new: &Node,
) -> bool {
    let before = old.map(Node::entries).unwrap_or_default();
    let is_mapping = |node: &Node| matches!(node.value, Value::Map(_));
    if !is_mapping(new) {
        return false;
    }
    let Some((key, path)) = path.split_first() else {
        return old.is_none_or(|old| old.is_null() || is_mapping(old))
            && are_added(added, before, new.entries());
    };
    // Of the path, only `mounts` itself, its end, may be new.
    let (Some(inner), true) = (new.get(key), old.is_some_and(is_mapping)) else {
        return false;
    };
    let others = |entries| -> Vec<&Entry> { others(entries, |entry| &*entry.key != *key) };
    let old_inner = old.and_then(|old| old.get(key));
    (old_inner.is_some() || path.is_empty())
        && are_same(&others(before), &others(new.entries()))
        && is_old_and(added, path, old_inner, inner)
}

fn are_added(added: &[(String, &NewMount)], before: &[Entry], after: &[Entry]) -> bool {
    let is_new = |entry: &Entry| added.iter().any(|(key, _)| **key == *entry.key);
    let new = others(after, is_new);
    new.len() == added.len()
        && new.iter().zip(added).all(|(entry, (key, mount))| {
            let value = &entry.value;
            *entry.key == **key
                && value.entries().len() == 1 + usize::from(mount.source_path.is_some())
                && value.text_of("source") == Some(mount.source)
                && value.text_of("source_path") == mount.source_path.as_deref()
        })
        && are_same(
            &others(before, |_| true),
            &others(after, |entry| !is_new(entry)),
        )
}

fn others(entries: &[Entry], is_meant: impl Fn(&Entry) -> bool) -> Vec<&Entry> {
    entries.iter().filter(|entry| is_meant(entry)).collect()
}

fn are_same(old: &[&Entry], new: &[&Entry]) -> bool {
    old.len() == new.len()
        && old
            .iter()
            .zip(new)
            .all(|(old, new)| old.key == new.key && is_same(&old.value, &new.value))
}

fn is_same(old: &Node, new: &Node) -> bool {
    match (&old.value, &new.value) {
        (Value::Null, Value::Null) | (Value::Unknown, Value::Unknown) => true,
        (Value::Bool(old), Value::Bool(new)) => old == new,
        (Value::Integer(old), Value::Integer(new)) => old == new,
        // Compare the bits, since `.nan` is not equal to itself.
        (Value::Float(old), Value::Float(new)) => old.to_bits() == new.to_bits(),
        (Value::Text(old), Value::Text(new)) | (Value::Archive(old), Value::Archive(new)) => {
            old == new
        }
        (Value::List(old), Value::List(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_same(old, new))
        }
        (Value::Map(old), Value::Map(new)) => {
            are_same(&others(old, |_| true), &others(new, |_| true))
        }
        (Value::Tagged(old_tag, old), Value::Tagged(new_tag, new)) => {
            old_tag == new_tag && is_same(old, new)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
