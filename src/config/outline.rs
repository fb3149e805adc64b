//! Where the keys of a YAML text are, and its syntax errors: for the settings, whose meaning another module reads.

use std::path::Path;

use super::node::Node;
use super::problem::{Class, Place, Problem};
use super::report::Report;
use super::yaml::{self, Budget};

/// The keys of a text and their lines.
#[derive(Debug)]
pub struct Outline {
    report: Report,
    root: Node,
}

impl Outline {
    /// Reads a text; its first error otherwise, such as a key that is there twice.
    pub fn of(text: &str, name: &Path) -> Result<Self, Box<Problem>> {
        let mut report = Report::default();
        let file = report
            .sources
            .add(name.to_string_lossy().into_owned(), text.into());
        let root = yaml::parse(file, &mut report, &mut Budget::default());
        match root {
            Some(root) if !report.has_errors() => Ok(Outline { report, root }),
            _ => {
                let (problems, _) = report.finish();
                let first = problems.into_iter().find(Problem::is_error);
                Err(Box::new(first.unwrap_or_else(|| {
                    Problem::error("U101", Class::Yaml, Place::default(), "it cannot be read")
                })))
            }
        }
    }

    /// The line, from 1, of the last of these keys, each below the one before it.
    pub fn line(&self, keys: &[&str]) -> Option<usize> {
        let (last, above) = keys.split_last()?;
        let mut node = &self.root;
        for key in above {
            node = node.get(key)?;
        }
        let entry = node.entry(last)?;
        Some(self.report.place(entry.key_span).line)
    }

    /// The line of the deepest key of a path such as `tests.a name.expect`. Keys may hold dots themselves.
    pub(crate) fn line_of_path(&self, path: &str) -> Option<usize> {
        let mut line = None;
        let (mut node, mut rest) = (&self.root, path);
        while let Some(entry) = node
            .entries()
            .iter()
            .filter(|entry| {
                rest.strip_prefix(&*entry.key)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
            .max_by_key(|entry| entry.key.len())
        {
            line = Some(self.report.place(entry.key_span).line);
            node = &entry.value;
            rest = rest.get(entry.key.len() + 1..).unwrap_or_default();
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(text: &str) -> Result<Outline, Box<Problem>> {
        Outline::of(text, Path::new("file.yaml"))
    }

    #[test]
    fn keys_are_found_below_those_that_are_named_and_not_elsewhere() {
        let text = "timeout: 1\ntests:\n  a.b:\n    timeout: 2\n  timeout: {operation: x}\n";
        let outline = outline(text).unwrap();
        assert_eq!(outline.line(&["tests", "timeout"]), Some(5));
        assert_eq!(outline.line(&["tests", "a.b", "timeout"]), Some(4));
        assert_eq!(outline.line(&["tests", "other"]), None);
        assert_eq!(outline.line_of_path("tests.a.b.timeout"), Some(4));
        assert_eq!(outline.line_of_path("tests.a.b.more"), Some(3));
        assert_eq!(outline.line_of_path("nothing"), None);
    }

    #[test]
    fn a_key_that_is_there_twice_is_an_error() {
        let problem = outline("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(problem.place.line, 3);
        assert!(problem.message.contains("`a`"), "{}", problem.message);
        assert_eq!(outline("a:\n\tb: 1\n").unwrap_err().place.line, 2);
        assert!(outline("").unwrap().line(&["a"]).is_none());
    }
}
