//! Merge keys, and Upsun's rule that keys which start with a dot do not count.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::node::{Entry, Node, Value};
use super::super::problem::Class;
use super::{Context, Reader};

impl Reader<'_> {
    /// Applies merge keys and takes out the keys that start with a dot.
    pub(super) fn flatten(&mut self, node: &mut Node, context: Context<'_>, top: bool) {
        let Value::Map(entries) = &mut node.value else {
            return;
        };
        if !entries
            .iter()
            .any(|entry| is_dotted(&entry.key) || &*entry.key == "<<")
        {
            return;
        }
        let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut merged: Vec<Node> = Vec::new();
        for entry in std::mem::take(entries) {
            if &*entry.key == "<<" {
                merged.push(entry.value);
            } else if is_dotted(&entry.key) {
                if !top {
                    self.dotted(&entry, context);
                }
            } else {
                kept.push(entry);
            }
        }
        // A set of keys, since both sides may be long; empty if nothing is merged.
        let mut there: HashSet<Arc<str>> = HashSet::new();
        if !merged.is_empty() {
            there.extend(kept.iter().map(|entry| entry.key.clone()));
        }
        for node in merged {
            let sources = match node.value {
                Value::List(items) => items,
                _ => vec![node],
            };
            for source in sources {
                match source.value {
                    Value::Map(entries) => {
                        for entry in entries {
                            if there.insert(entry.key.clone()) {
                                kept.push(entry);
                            }
                        }
                    }
                    Value::Unknown => {}
                    _ => {
                        let problem = self
                            .report
                            .error(
                                "U109",
                                Class::Yaml,
                                source.span,
                                "only a mapping can be merged with `<<`",
                            )
                            .hint("name an anchor that holds a mapping, such as `<<: *defaults`");
                        self.report.add(problem);
                    }
                }
            }
        }
        *entries = kept;
    }

    fn dotted(&mut self, entry: &Entry, context: Context<'_>) {
        // A key whose value carries an anchor is there for the anchor: nothing to say.
        if self
            .report
            .sources
            .text(entry.value.span)
            .starts_with(['&'])
        {
            return;
        }
        let key = &entry.key;
        let problem = self.report.warning(
            "U120",
            Class::Yaml,
            entry.key_span,
            format!("the key `{key}` starts with a dot, and Upsun ignores such keys"),
        );
        let problem = if context.in_mounts {
            problem
                .hint(format!("write `/{key}`, which is the same folder"))
                .docs("/create-apps/troubleshoot-mounts.html")
        } else {
            problem.hint("give it another name, or remove it")
        };
        self.report.add(problem);
    }
}

/// Whether Upsun passes over a key. A path such as `../x` is left in, so that it is reported.
fn is_dotted(key: &str) -> bool {
    key.starts_with('.') && key != ".." && !key.starts_with("../")
}
