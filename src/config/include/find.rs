//! Where the path of an `!include` or `!archive` leads.

use super::super::files::ReadError;
use super::super::problem::Class;
use super::super::source::{Repository, Span, clean, join};
use super::{Context, DOCS, Reader};

impl Reader<'_> {
    /// Looks for a path in the app's source root, then in `.upsun`, then next to the including file.
    pub(super) fn find<T>(
        &mut self,
        path: &str,
        span: Span,
        context: Context<'_>,
        tag: &str,
        read: impl Fn(&Repository, &str) -> Result<T, ReadError>,
    ) -> Option<(String, T)> {
        let shown = clean(path);
        let mut tried: Vec<String> = Vec::new();
        let mut outside = false;
        for base in [context.source_root, ".upsun", context.folder] {
            let Some(candidate) = join(base, path) else {
                outside = true;
                continue;
            };
            if tried.contains(&candidate) {
                continue;
            }
            match read(self.repository, &candidate) {
                Ok(found) => {
                    if !tried.is_empty() {
                        self.relative_to(&shown, base, span, context);
                    }
                    return Some((candidate, found));
                }
                Err(ReadError::Missing) => tried.push(candidate),
                Err(ReadError::Outside) => outside = true,
                Err(error) => {
                    let message = format!("`{shown}` cannot be used in `!{tag}`: {error}");
                    let problem = self.report.error("U113", Class::Meaning, span, message);
                    self.report.add(problem.docs(DOCS));
                    return None;
                }
            }
        }
        let problem = if outside {
            let message = format!("`{shown}` leads outside the repository");
            self.report
                .error("U114", Class::Meaning, span, message)
                .hint(format!(
                    "`!{tag}` reaches only what is committed: move it into the repository"
                ))
        } else {
            let thing = if tag == "archive" {
                "directory"
            } else {
                "file"
            };
            let message = format!("there is no {thing} `{shown}` for this `!{tag}`");
            let places: Vec<String> = tried
                .iter()
                .map(|path| format!("`{}`", clean(path)))
                .collect();
            self.report
                .error("U113", Class::Meaning, span, message)
                .hint(format!(
                    "the path is relative to the app's `source.root`; looked for {}",
                    places.join(", ")
                ))
        };
        self.report.add(problem.docs(DOCS));
        None
    }

    fn relative_to(&mut self, path: &str, base: &str, span: Span, context: Context<'_>) {
        let root = if context.source_root.is_empty() {
            "the repository's root".to_owned()
        } else {
            format!("`{}`", context.source_root)
        };
        let problem = self
            .report
            .warning(
                "U116",
                Class::Yaml,
                span,
                format!("`{path}` was found in `{base}`, not in the app's source root"),
            )
            .hint(format!("write the path relative to {root}"))
            .docs(DOCS);
        self.report.add(problem);
    }
}
