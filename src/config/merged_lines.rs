//! Where a problem of a file stands in the merged document: on the line of the key or the item that it is about.

use std::sync::Arc;

use super::document::Document;
use super::merge::Merged;
use super::node::{Entry, Node, Value};
use super::problem::{Place, Problem};
use super::report::Report;
use super::source::Span;
use super::yaml::{self, Budget};

/// A step from a value to one inside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(Arc<str>),
    Item(usize),
}

/// The narrowest part of the merged files that holds a place.
struct Search<'a> {
    merged: &'a Merged,
    file: u32,
    at: usize,
    path: Vec<Step>,
    /// The width of the narrowest part yet, and the path to it.
    found: Option<(u32, Vec<Step>)>,
}

/// The line, from 1, of each problem in `document.yaml()`; `None` where the document does not have what the problem
/// is about. `files` are the names of the files by their numbers.
pub(super) fn lines(
    merged: &Merged,
    files: &[String],
    problems: &[Problem],
    document: &Document,
) -> Vec<Option<usize>> {
    let mut report = Report::default();
    let text = document.yaml();
    let file = report.sources.add("merged".to_owned(), text.into());
    let root = yaml::parse(file, &mut report, &mut Budget::default());
    let line = |problem: &Problem| {
        let path = path(merged, files, &problem.place)?;
        let span = find(root.as_ref()?, &path)?;
        Some(report.place(span).line)
    };
    problems.iter().map(line).collect()
}

fn path(merged: &Merged, files: &[String], place: &Place) -> Option<Vec<Step>> {
    let file = files.iter().position(|name| *name == place.file)?;
    let mut search = Search {
        file: u32::try_from(file).ok()?,
        at: place.span.start,
        path: Vec::new(),
        found: None,
        merged,
    };
    search.all();
    search.found.map(|(_, path)| path)
}

impl Search<'_> {
    fn all(&mut self) {
        let merged = self.merged;
        let sections = [
            ("applications", &merged.applications),
            ("services", &merged.services),
            ("routes", &merged.routes),
        ];
        for (name, section) in sections {
            self.path.push(Step::Key(name.into()));
            section.values().for_each(|entry| self.entry(entry));
            self.path.pop();
        }
    }

    fn entry(&mut self, entry: &Entry) {
        self.path.push(Step::Key(Arc::clone(&entry.key)));
        self.note(entry.key_span);
        self.node(&entry.value);
        self.path.pop();
    }

    /// What is included is in another file than what includes it, so every part is looked at.
    fn node(&mut self, node: &Node) {
        self.note(node.span);
        match &node.value {
            Value::Map(entries) => entries.iter().for_each(|entry| self.entry(entry)),
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.path.push(Step::Item(at));
                    self.node(item);
                    self.path.pop();
                }
            }
            Value::Tagged(_, inner) => self.node(inner),
            _ => {}
        }
    }

    fn note(&mut self, span: Span) {
        let (start, end) = (span.start as usize, span.end as usize);
        let holds = span.file == self.file && (start..end.max(start + 1)).contains(&self.at);
        let width = span.end.saturating_sub(span.start);
        let is_narrower = self
            .found
            .as_ref()
            .is_none_or(|(narrowest, _)| width < *narrowest);
        if holds && is_narrower {
            self.found = Some((width, self.path.clone()));
        }
    }
}

/// The key or the item at the end of a path.
fn find(root: &Node, path: &[Step]) -> Option<Span> {
    let (mut node, mut span) = (root, None);
    for step in path {
        node = match step {
            Step::Key(key) => {
                let entry = node.entry(key)?;
                span = Some(entry.key_span);
                &entry.value
            }
            Step::Item(at) => {
                let item = node.items().get(*at)?;
                span = Some(item.span);
                item
            }
        };
    }
    span
}

#[cfg(test)]
mod tests {
    use super::super::{resolve, resolve_placed};

    fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(".upsun")).unwrap();
        for (name, text) in files {
            std::fs::write(root.path().join(".upsun").join(name), text).unwrap();
        }
        root
    }

    #[test]
    fn a_problem_stands_on_the_line_of_what_it_is_about_in_whichever_file_it_was_written() {
        let root = repository(&[
            (
                "a.yaml",
                "# A comment moves the lines.\n\n\nservices:\n  db: { type: \"mysql:1\" }\n",
            ),
            (
                "b.yaml",
                "applications:\n  app:\n    type: nodejs:24\n    operations:\n      tidy:\n        role: emperor\n        commands: { start: ls }\n",
            ),
        ]);
        let (loaded, document, lines) = resolve_placed(root.path(), &[]);
        let text = document.yaml();
        let at = |line: Option<usize>| text.lines().nth(line.unwrap() - 1).unwrap().trim();
        assert!(loaded.has_errors());
        assert_eq!(loaded.problems.len(), lines.len());
        let find = |word: &str| {
            let mut all = loaded.problems.iter();
            lines[all
                .position(|problem| problem.message.contains(word))
                .unwrap_or_else(|| panic!("{word}: {:?}", loaded.problems))]
        };
        assert_eq!(at(find("emperor")), "role: emperor");
        assert_eq!(at(find("mysql")), "type: mysql:1");
    }

    #[test]
    fn what_the_merged_document_does_not_have_has_no_line_there() {
        let root = repository(&[(
            "a.yaml",
            "applications: { app: { type: nodejs:24 } }\nunknown: 1\n",
        )]);
        let (loaded, document, lines) = resolve_placed(root.path(), &[]);
        let at = loaded
            .problems
            .iter()
            .position(|problem| problem.message.contains("unknown"));
        assert_eq!(lines[at.unwrap()], None);
        assert_eq!(document, resolve(root.path(), &[]).1);
    }
}
