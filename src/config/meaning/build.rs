//! What a build may make, as far as the source says: a path that is not in Git and that no build makes is a
//! mistake.
//!
//! What a script makes is unknown until it runs. So a script may make anything, unless it is known to make nothing,
//! and a name that stands anywhere in the files that a build reads may be made by it.

use std::cell::OnceCell;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::super::decode::normalize;
use super::super::files::Kind;
use super::super::node::{Entry, Node};
use super::super::shell;
use super::super::source::{Repository, join};
use super::{entries, source};

/// The largest file of a build that is looked into.
const LONGEST: usize = 1 << 20;

/// The files that say what a build does besides its hook.
const READ: [&str; 6] = [
    "composer.json",
    "package.json",
    "Makefile",
    "Taskfile.yml",
    "build.sh",
    "deploy.sh",
];

/// Packages whose installers put files outside `vendor`, wherever their own defaults say.
const SCAFFOLDS: [&str; 5] = ["scaffold", "typo3", "wordpress", "installers", "recipe-"];

/// The source of an application, and what its build may add to it.
pub(super) struct Built<'a> {
    app: &'a Node,
    repository: &'a Repository,
    /// `source.root`.
    root: String,
    build: OnceCell<Build>,
}

/// What is known of a build.
struct Build {
    /// Everything that was read.
    text: String,
    /// Whether it makes nothing but what its text names.
    is_known: bool,
    /// Whether it installs what may put files anywhere.
    has_scaffolds: bool,
}

/// What is at a path of the app once it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// The source has it, or a build may make it.
    Maybe,
    /// The source has the path, as something else.
    Other(Kind),
    /// Nothing makes it.
    Missing,
    /// The source does not have the path, and no usual step of the build makes it.
    Unlikely,
}

impl<'a> Built<'a> {
    pub(super) fn new(app: &'a Entry, repository: &'a Repository) -> Self {
        Self {
            app: &app.value,
            repository,
            root: source::root(app),
            build: OnceCell::new(),
        }
    }

    /// Whether what is wanted is at a path below the app's root.
    pub(super) fn find(&self, path: &str, wanted: Kind) -> Presence {
        let Some(full) = join(&self.root, path) else {
            return Presence::Maybe;
        };
        match self.repository.kind(&full) {
            Ok(kind) if kind == wanted => return Presence::Maybe,
            Ok(kind) => return Presence::Other(kind),
            Err(super::super::files::ReadError::Missing) => {}
            Err(_) => return Presence::Maybe,
        }
        if self.is_bare() || self.is_mounted(path) || self.is_ignored(&full, wanted) {
            return Presence::Maybe;
        }
        let (above, missing) = self.first_missing(path);
        // A link to what is not there yet.
        if self.names(&above).iter().any(|name| name == missing) {
            return Presence::Maybe;
        }
        let build = self.build.get_or_init(|| self.read());
        if build.names(missing) || build.names(path.rsplit('/').next().unwrap_or(path)) {
            Presence::Maybe
        } else if build.is_known {
            Presence::Missing
        } else if build.has_scaffolds {
            Presence::Maybe
        } else {
            Presence::Unlikely
        }
    }

    /// The names in a directory below the app's root.
    pub(super) fn names(&self, directory: &str) -> Vec<String> {
        let names = join(&self.root, directory)
            .and_then(|path| self.repository.names(path).ok())
            .unwrap_or_default();
        let mut names: Vec<String> = names
            .into_iter()
            .filter_map(|name| name.into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Whether there is a file at a path below the app's root.
    pub(super) fn has_file(&self, path: &str) -> bool {
        join(&self.root, path)
            .is_some_and(|path| matches!(self.repository.kind(path), Ok(Kind::File)))
    }

    /// The text of a file below the app's root.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let bytes = self.repository.read(join(&self.root, path)?).ok()?;
        (bytes.len() <= LONGEST).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether the source of the app is not there, so that nothing can be missed in it.
    fn is_bare(&self) -> bool {
        // A configuration, or a page that speaks of it, is not the source that it is for.
        let beside = [".yaml", ".yml", ".md", "README", "LICENSE"];
        let is_source = |name: &String| {
            !name.starts_with('.')
                && !beside
                    .iter()
                    .any(|beside| name.starts_with(beside) || name.ends_with(beside))
        };
        self.repository.is_bare() || !self.names("").iter().any(is_source)
    }

    /// Whether a mount is at the path, above it or below it.
    fn is_mounted(&self, path: &str) -> bool {
        let web = self.app.get("web");
        let web = web.map(|web| entries(web, "mounts")).unwrap_or_default();
        let mounts = entries(self.app, "mounts").iter().chain(web);
        mounts
            .map(|mount| normalize(&mount.key))
            .any(|mount| Path::new(path).starts_with(&mount) || Path::new(&mount).starts_with(path))
    }

    /// Whether Git ignores the path: what is ignored is made.
    fn is_ignored(&self, full: &str, wanted: Kind) -> bool {
        let parts: Vec<&str> = full.split('/').collect();
        (0..parts.len()).rev().any(|depth| {
            let directory = parts[..depth].join("/");
            let rest = parts[depth..].join("/");
            self.ignore_file(&directory).is_some_and(|ignore| {
                ignore
                    .matched_path_or_any_parents(rest, wanted == Kind::Directory)
                    .is_ignore()
            })
        })
    }

    fn ignore_file(&self, directory: &str) -> Option<Gitignore> {
        let bytes = self.repository.read(join(directory, ".gitignore")?).ok()?;
        let mut builder = GitignoreBuilder::new("");
        for line in String::from_utf8_lossy(&bytes).lines() {
            // A line that is no pattern ignores nothing.
            let _ = builder.add_line(None, line);
        }
        builder.build().ok()
    }

    /// The first part of a path that is not in the source, and the directory where it is missing.
    fn first_missing<'p>(&self, path: &'p str) -> (String, &'p str) {
        let mut above = String::new();
        for part in path.split('/') {
            let below = if above.is_empty() {
                part.to_owned()
            } else {
                format!("{above}/{part}")
            };
            let full = join(&self.root, &below);
            if full.is_none_or(|full| self.repository.kind(full).is_err()) {
                return (above, part);
            }
            above = below;
        }
        (above, path)
    }

    fn read(&self) -> Build {
        let hook = self.app.get("hooks").and_then(|hooks| hooks.get("build"));
        let hook_text = hook.and_then(Node::text).unwrap_or_default();
        let flavor = self
            .app
            .get("build")
            .and_then(|build| build.text_of("flavor"));
        let has = |file: &str| self.has_file(file);
        let mut text = hook_text.to_owned();
        for file in READ {
            if let Some(content) = self.text(file) {
                text.push('\n');
                text.push_str(&content);
            }
        }
        // A hook that is not text is unknown.
        let hook_is_known = match hook {
            None => true,
            Some(hook) => hook.text().is_some_and(makes_nothing),
        };
        let installs = flavor != Some("none");
        let makes_by_flavor = installs && (has("composer.json") || has("package.json"))
            || !matches!(flavor, None | Some("none" | "default"));
        let installed = self.text("composer.json").unwrap_or_default();
        Build {
            is_known: hook_is_known && !makes_by_flavor,
            has_scaffolds: SCAFFOLDS.iter().any(|name| installed.contains(name)),
            text,
        }
    }
}

impl Build {
    /// Whether what the build reads holds a name, as a word of its own.
    fn names(&self, name: &str) -> bool {
        let is_part = |char: char| char.is_alphanumeric() || char == '_';
        !name.is_empty()
            && self.text.match_indices(name).any(|(at, _)| {
                !self.text[..at].ends_with(is_part)
                    && !self.text[at + name.len()..].starts_with(is_part)
            })
    }
}

/// Whether a script only does what makes no file of its own choice.
fn makes_nothing(script: &str) -> bool {
    const HARMLESS: [&str; 14] = [
        ":", "[", "cd", "date", "echo", "env", "exit", "export", "ls", "printf", "pwd", "set",
        "test", "true",
    ];
    shell::parse(script).is_ok_and(|script| {
        script.commands.iter().all(|command| {
            let mut words = command.words.iter();
            words
                .find(|word| !word.contains('='))
                .is_none_or(|name| HARMLESS.contains(name))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_only_speaks_makes_nothing() {
        for (script, expected) in [
            ("", true),
            ("# nothing", true),
            ("set -e\necho done", true),
            ("A=b export B; cd web && ls", true),
            ("npm run build", false),
            ("echo x | tee public/index.html", false),
            ("curl -fs https://example.com | bash", false),
            ("if then", false),
        ] {
            assert_eq!(makes_nothing(script), expected, "{script}");
        }
    }
}
