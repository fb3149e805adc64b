//! The mounts that an operation needs, and the writes that no mount makes possible.

use crate::text;
use std::collections::BTreeMap;

use super::Terminal;
use super::screen::Screen;
use crate::event::{Elsewhere, NewMount, Reason, Suggestion, Writer};
use crate::event::{MountCheck, Outcome, Refusal, Trouble};
use crate::text::safe_line;

/// If there were more lines than this, the paths below a common directory share a line.
const LINES: usize = 20;

/// The result of an operation's run in a copy in which it could write everywhere.
pub(super) struct Suggested<'a> {
    pub(super) container: &'a str,
    pub(super) suggestion: &'a Suggestion,
    /// How the operation ended in that run.
    pub(super) result: Outcome,
    /// The services that the operation reaches.
    pub(super) services: &'a [String],
    /// The result of the second run, with the suggested mounts.
    pub(super) check: Option<&'a MountCheck>,
    /// Whether a failure of the second run is an error.
    pub(super) must_pass: bool,
}

impl<S: Screen> Terminal<S> {
    /// Prints the mounts, and whether they suffice.
    pub(super) fn suggested(&mut self, suggested: &Suggested<'_>) {
        let Suggested {
            container,
            suggestion,
            result,
            services,
            check,
            must_pass,
        } = *suggested;
        let Suggestion {
            mounts, elsewhere, ..
        } = suggestion;
        let has_passed = result == Outcome::Success;
        let passes = check.is_none_or(|check| check.result == Outcome::Success);
        if mounts.is_empty() && elsewhere.is_empty() && passes && has_passed {
            let line = format!("{container} needs no other mounts for that");
            self.step("Tried", &line);
        }
        if !mounts.is_empty() {
            self.mounts(container, mounts, has_passed);
        }
        for line in lines(elsewhere) {
            let line = format!("{}: {line}", self.style.warning("warning"));
            self.insist(&line);
        }
        if !has_passed {
            let how = match result {
                Outcome::Timeout => "its time was over",
                _ => "it failed",
            };
            let rest = if mounts.is_empty() && elsewhere.is_empty() {
                "missing mounts are not the reason"
            } else {
                "missing mounts are not the reason, or not the only one"
            };
            let line = format!(
                "\n{}: {how} where it could write everywhere: {rest}. It may still want a directory that is not there, and does not say where",
                self.style.hint("hint")
            );
            self.insist(&line);
        }
        if let Some(check) = check {
            self.verdict(check, mounts, elsewhere, must_pass);
        }
        if !services.is_empty() {
            let names: Vec<String> = services
                .iter()
                .map(|name| format!("`{}`", safe_line(name)))
                .collect();
            let twice = if check.is_some() {
                ", and it ran more than once"
            } else {
                ""
            };
            self.say(&format!(
                "\nservices are the app's own: what it did to {} stays{twice}",
                names.join(", ")
            ));
        }
    }

    fn mounts(&mut self, container: &str, mounts: &[NewMount], has_passed: bool) {
        let count = text::count(mounts.len(), "more mount");
        // It is unknown what a failed operation would have done after the failure.
        let needs = if has_passed {
            format!("{container} needs {count} for that")
        } else {
            format!("{container} needs {count} for what it wrote until then")
        };
        let mut text = format!("\n{}: {needs}:\n\n    mounts:", self.style.hint("hint"));
        for mount in mounts {
            let key = serde_json::to_string(&format!("/{}", mount.path)).unwrap_or_default();
            let mut wrote = if mount.files == 0 {
                "# no files".to_owned()
            } else {
                let files = text::count(mount.files, "file");
                format!("# {files}, {}", text::bytes(mount.bytes))
            };
            if mount.writer == Writer::App {
                wrote.push_str(", by the app's own process before the operation began");
            }
            text.push_str(&format!(
                "\n      {}: {}\n        source: {}",
                safe_line(&key),
                self.style.faint(wrote),
                mount.source
            ));
            if let Some(path) = &mount.source_path {
                let path = serde_json::to_string(path).unwrap_or_default();
                let why = self
                    .style
                    .faint("# the mount's own path has the files of another mount");
                text.push_str(&format!(
                    "\n        source_path: {} {why}",
                    safe_line(&path)
                ));
            }
        }
        for mount in mounts.iter().filter(|mount| mount.hides > 0) {
            text.push_str(&format!(
                "\n\n`/{}` will hide {} that the build puts there ({}): they are not there before the first run",
                safe_line(&mount.path),
                text::count(mount.hides, "file"),
                named(&mount.hidden, mount.hides)
            ));
        }
        self.insist(&text);
    }

    /// Prints whether the operation passes with the suggested mounts and nothing else to write to.
    fn verdict(
        &mut self,
        check: &MountCheck,
        mounts: &[NewMount],
        elsewhere: &[Elsewhere],
        must_pass: bool,
    ) {
        let with = match mounts.len() {
            0 => "where it can only write to its mounts",
            1 => "with this mount",
            _ => "with these mounts",
        };
        let time = text::duration(check.duration);
        if check.result == Outcome::Success {
            let without = if elsewhere.is_empty() {
                ""
            } else {
                ", although it cannot write to the rest"
            };
            if !mounts.is_empty() || !elsewhere.is_empty() {
                self.say(&format!("\n{with} it passes{without} (tried in {time})"));
            }
            return;
        }
        let how = match check.result {
            Outcome::Timeout => "its time was over".to_owned(),
            _ => format!("exit code {}", check.exit_code),
        };
        // If the user asked for a suggestion only, a failure of the check is a warning.
        let label = if must_pass {
            self.style.error("error")
        } else {
            self.style.warning("warning")
        };
        self.insist(&format!(
            "\n{label}: {with} it does not pass: {how} after {time}"
        ));
        // The text above says already that a file at the top of the app cannot be on a mount.
        let is_told = |path: &str| {
            elsewhere
                .iter()
                .any(|one| one.reason == Reason::FileAtTop && one.path == path)
        };
        let refused = check
            .read_only
            .as_ref()
            .filter(|write| !write.path.as_deref().is_some_and(is_told));
        if let Some(write) = refused {
            // A mount here would hide files of the build; otherwise the suggestion would contain it.
            let path = safe_line(write.path.as_deref().unwrap_or_default());
            let hint = self.style.hint("hint");
            let text = match (write.cause, path.is_empty()) {
                (Refusal::NoMount, false) => format!(
                    "\n{hint}: it wrote to `{path}`, where a mount would hide what the build put there: let it write elsewhere"
                ),
                _ => self.explain(write),
            };
            self.insist(&text);
        }
        if let Some(trouble) = check.trouble {
            let hint = self.style.hint("hint");
            let text = match trouble {
                Trouble::AlreadyThere => {
                    "a mount is there before the operation begins: let it use `mkdir -p`, or delete what is in it"
                }
                Trouble::Stays => {
                    "a mount can be neither removed nor renamed: let it delete what is in it instead"
                }
                Trouble::BetweenMounts => {
                    "nothing can be renamed from one mount to another, or to `/tmp`: let it copy, or prepare what it writes on the same mount"
                }
            };
            self.insist(&format!("\n{hint}: {text}"));
        }
    }
}

/// One line for each directory and reason, so that each path is covered by a line.
fn lines(elsewhere: &[Elsewhere]) -> Vec<String> {
    let mut depth = usize::MAX;
    loop {
        let mut groups: BTreeMap<(u8, &str, Writer), Vec<&Elsewhere>> = BTreeMap::new();
        for one in elsewhere {
            let directory = match &one.reason {
                Reason::MadeAndRemoved | Reason::OfBuild | Reason::FileAtTop => "",
                _ => shortened(
                    one.path.rsplit_once('/').map_or("", |(parent, _)| parent),
                    depth,
                ),
            };
            groups
                .entry((order(&one.reason), directory, one.writer))
                .or_default()
                .push(one);
        }
        let is_short = groups.len() <= LINES || depth == 1;
        if is_short {
            return groups
                .into_iter()
                .map(|((_, directory, _), group)| line(directory, &group))
                .collect();
        }
        depth = depth.min(8) - 1;
    }
}

/// A directory, or its parent directory of at most `depth` names.
fn shortened(path: &str, depth: usize) -> &str {
    let mut ends = path
        .match_indices('/')
        .map(|(at, _)| at)
        .filter(|at| *at > 0);
    // Below `/app`, the depth counts from there.
    ends.nth(depth.saturating_sub(usize::from(!path.starts_with("/app"))))
        .map_or(path, |end| &path[..end])
}

fn order(reason: &Reason) -> u8 {
    match reason {
        Reason::FileAtTop => 0,
        Reason::Hides { .. } => 1,
        Reason::HoldsMount { .. } => 2,
        Reason::Shown { .. } => 3,
        Reason::Name => 4,
        Reason::OfBuild => 5,
        Reason::MadeAndRemoved => 6,
        Reason::OutsideApp => 7,
    }
}

/// The first names of `count` files.
fn named(some: &[String], count: usize) -> String {
    let names: Vec<String> = some
        .iter()
        .map(|path| format!("`{}`", safe_line(path)))
        .collect();
    let rest = if count > some.len() { ", …" } else { "" };
    format!("{}{rest}", names.join(", "))
}

/// The line for paths with the same reason: it names the first ones.
fn line(directory: &str, group: &[&Elsewhere]) -> String {
    const NAMED: usize = 3;
    let names: Vec<String> = group
        .iter()
        .take(NAMED)
        .map(|one| format!("`{}`", safe_line(&one.path)))
        .collect();
    let mut paths = names.join(", ");
    if group.len() > NAMED {
        paths.push_str(&format!(" and {} more", group.len() - NAMED));
        if !directory.is_empty() {
            paths.push_str(&format!(" in `{}`", safe_line(directory)));
        }
    }
    let Some(first) = group.first() else {
        return String::new();
    };
    let wrote = match first.writer {
        Writer::Operation => "it wrote",
        Writer::App => "before the operation began, the app's own process wrote",
    };
    let is_one = group.len() == 1;
    match &first.reason {
        Reason::FileAtTop => {
            let what = if is_one { "a file" } else { "files" };
            format!(
                "{wrote} {paths}, {what} at the top of the app, and mounts are directories: let it write into one that is a mount, or to `/tmp`"
            )
        }
        Reason::Hides {
            directory,
            files,
            some,
        } => {
            let such = if some.is_empty() {
                String::new()
            } else {
                format!(" ({})", named(some, *files))
            };
            format!(
                "{wrote} {paths}, where a mount on `/{}` would hide {} of the build{such}: let it write elsewhere",
                safe_line(directory),
                text::count(*files, "file")
            )
        }
        Reason::HoldsMount { directory } => format!(
            "{wrote} {paths}, and in `/{}` is another mount: let it write into that one, or to `/tmp`",
            safe_line(directory)
        ),
        Reason::Shown { directory, mount } => format!(
            "{wrote} {paths}, and a mount on `/{}` would show its files in `/{}` too, which has all that is in the source: let it write into that one",
            safe_line(directory),
            safe_line(mount)
        ),
        Reason::Name => format!(
            "{wrote} {paths}, in a directory whose name no mount can have: let it write elsewhere"
        ),
        Reason::OfBuild => {
            let what = if is_one {
                "a directory that stays as the build made it"
            } else {
                "directories that stay as the build made them"
            };
            format!("it changed {paths}, {what}: let it leave that alone")
        }
        Reason::MadeAndRemoved => format!(
            "something was made and removed again in {paths}, which is read-only: let it do that in a mount, or in `/tmp`"
        ),
        Reason::OutsideApp => format!(
            "{wrote} {paths}, outside the app's directory, where no mount can be: let it write to `/tmp` or below `/app`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside(path: String) -> Elsewhere {
        Elsewhere {
            path,
            reason: Reason::OutsideApp,
            writer: Writer::Operation,
        }
    }

    #[test]
    fn every_path_is_covered_by_a_line_however_many_there_are() {
        let few = [
            outside("/var/a".to_owned()),
            outside("/var/b".to_owned()),
            outside("/srv/c".to_owned()),
        ];
        let found = lines(&few);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[1].contains("`/var/a`, `/var/b`, outside"),
            "{found:?}"
        );
        let many: Vec<Elsewhere> = (0..200)
            .map(|number| outside(format!("/var/lib/{number}/x/y")))
            .collect();
        let found = lines(&many);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("and 197 more in `/var/lib`"), "{found:?}");
    }
}
