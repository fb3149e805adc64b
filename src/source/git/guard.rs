//! Programs that a repository's own configuration names, such as filters: they are not run. What the user's or the
//! system's configuration says of the same setting holds instead.
//!
//! Git has no switch that leaves a repository's configuration out, so each such setting is overridden by its name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Child;

use super::{Git, Refusal, answer};

/// What stands for a program that is not run. Filters and `diff.external` that are empty are none.
const NONE: &str = "";

/// A setting of a repository that may run a program, and what holds in its place where the user has none.
fn neutral(key: &str) -> Option<&'static str> {
    let (section, rest) = key.split_once('.')?;
    let (name, variable) = rest.rsplit_once('.').unwrap_or(("", rest));
    Some(match (section, variable) {
        ("filter", "clean" | "smudge" | "process") if !name.is_empty() => NONE,
        // A filter that is not run is no reason to refuse a file.
        ("filter", "required") if !name.is_empty() => "false",
        ("diff", "external" | "command") => NONE,
        ("diff", "textconv") => "cat",
        ("merge", "driver") => "false",
        ("merge", "verifysignatures") => "false",
        ("branch", "mergeoptions") => NONE,
        ("gpg", "program") if name == "x509" => "gpgsm",
        ("gpg", "program") if name == "ssh" => "ssh-keygen",
        ("gpg", "program") => "gpg",
        ("gpg", "defaultkeycommand") => NONE,
        ("gc", "recentobjectshook") => NONE,
        ("hook", "command") => "true",
        ("hook", "enabled") => "false",
        _ => return None,
    })
}

/// Settings, each with its last value; one without a value has none.
type Settings = BTreeMap<String, Option<String>>;

/// What a repository's configuration does to the programs that Git runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Guard {
    /// Options of `git`.
    pub options: Vec<String>,
    /// The filters that only the repository's own configuration defines, by name.
    pub filters: BTreeSet<String>,
}

impl Git {
    /// Git for a command that may run programs which a setting names: those that the repository's own configuration
    /// names are not run.
    pub fn guarded(&self, directory: &Path) -> Result<Git, String> {
        if self.overrides.is_some() {
            return Ok(self.clone());
        }
        let guard = read(ask(self, directory)).map_err(|refusal| match refusal {
            Refusal::Because(reason) => reason,
            Refusal::NotInWorkTree | Refusal::Ignored => "not a git repository".to_owned(),
        })?;
        Ok(self.with(&guard))
    }

    pub(super) fn with(&self, guard: &Guard) -> Git {
        let mut git = self.clone();
        git.overrides = Some(guard.options.clone());
        git
    }
}

/// Asks for all settings; what is answered is for [`read`].
pub(super) fn ask(git: &Git, directory: &Path) -> std::io::Result<Child> {
    git.start(
        directory,
        &["config", "--list", "--show-scope", "--show-origin", "-z"],
    )
}

/// What a repository's configuration does.
pub(super) fn read(child: std::io::Result<Child>) -> Result<Guard, Refusal> {
    of_settings(&answer(child)?)
}

/// Reads the guard from the output of Git.
pub(super) fn of_settings(said: &[u8]) -> Result<Guard, Refusal> {
    let (mut own, mut of_user) = (Settings::new(), Settings::new());
    let mut parts = said.split(|byte| *byte == 0);
    while let (Some(scope), Some(_origin), Some(setting)) =
        (parts.next(), parts.next(), parts.next())
    {
        let setting = String::from_utf8_lossy(setting);
        let (key, value) = match setting.split_once('\n') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (setting.as_ref(), None),
        };
        if neutral(key).is_none() {
            continue;
        }
        let settings = match scope {
            b"local" | b"worktree" | b"submodule" | b"unknown" => &mut own,
            _ => &mut of_user,
        };
        settings.insert(key.to_owned(), value);
    }
    let mut guard = Guard::default();
    for key in own.keys() {
        let value = match of_user.get(key) {
            // A switch without a value is on.
            Some(value) => value.as_deref().unwrap_or("true"),
            None => neutral(key).unwrap_or(NONE),
        };
        // Git would read the key as another setting.
        if key.contains(['=', '\0']) || key.contains(char::REPLACEMENT_CHARACTER) {
            return Err(Refusal::Because(format!(
                "its configuration has a setting that cannot be overridden: {}",
                key.escape_default()
            )));
        }
        guard.options.push("-c".to_owned());
        guard.options.push(format!("{key}={value}"));
        if let Some((name, variable)) = filter(key) {
            let is_run = |variable: &str| is_set(&of_user, name, variable);
            // An override can only empty a `process`, and an empty one keeps `clean` from being run, too.
            if !is_run("process") && (variable == "process" || !is_run("clean")) {
                guard.filters.insert(name.to_owned());
            }
        }
    }
    Ok(guard)
}

/// The filter that a setting belongs to, and which of its settings it is.
fn filter(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("filter.")?.rsplit_once('.')
}

fn is_set(settings: &Settings, filter: &str, variable: &str) -> bool {
    let value = settings.get(&format!("filter.{filter}.{variable}"));
    value.is_some_and(|value| value.as_ref().is_some_and(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(settings: &[(&str, &str)]) -> Guard {
        let said: String = settings
            .iter()
            .map(|(scope, setting)| format!("{scope}\0file:x\0{setting}\0"))
            .collect();
        of_settings(said.as_bytes()).unwrap()
    }

    #[test]
    fn programs_of_the_repository_give_way_to_those_of_the_user_or_to_none() {
        for (settings, options) in [
            (
                &[("local", "filter.x.clean\nevil")][..],
                &["filter.x.clean="][..],
            ),
            (
                &[
                    ("global", "filter.x.clean\ngood"),
                    ("local", "filter.x.clean\nevil"),
                    ("worktree", "filter.x.process\nevil"),
                ],
                &["filter.x.clean=good", "filter.x.process="],
            ),
            (&[("global", "filter.x.clean\ngood")], &[]),
            (
                &[("local", "filter.x.required")],
                &["filter.x.required=false"],
            ),
            (
                &[
                    ("system", "filter.x.required"),
                    ("local", "filter.x.required\nfalse"),
                ],
                &["filter.x.required=true"],
            ),
            (
                &[("local", "filter.a.b.smudge\nevil")],
                &["filter.a.b.smudge="],
            ),
            (&[("local", "gpg.program\nevil")], &["gpg.program=gpg"]),
            (
                &[("local", "gpg.ssh.program\nevil")],
                &["gpg.ssh.program=ssh-keygen"],
            ),
            (
                &[("local", "diff.x.textconv\nevil")],
                &["diff.x.textconv=cat"],
            ),
            (
                &[("local", "hook.x.command\nevil")],
                &["hook.x.command=true"],
            ),
            (&[("local", "user.name\nfilter.x.clean")], &[]),
        ] {
            let found = of(settings).options;
            let found: Vec<&String> = found.iter().filter(|word| *word != "-c").collect();
            assert_eq!(found, options, "{settings:?}");
        }
    }

    #[test]
    fn filters_that_only_the_repository_defines_are_known() {
        let guard = of(&[
            ("global", "filter.mine.clean\ngood"),
            ("local", "filter.mine.clean\nevil"),
            ("local", "filter.lfs.process\ngit-lfs filter-process"),
        ]);
        assert_eq!(guard.filters, BTreeSet::from(["lfs".to_owned()]));
        let guard = of(&[
            ("global", "filter.mine.clean\ngood"),
            ("local", "filter.mine.process\nevil"),
        ]);
        assert_eq!(guard.filters, BTreeSet::from(["mine".to_owned()]));
    }

    #[test]
    fn a_name_that_hides_another_setting_is_refused() {
        let refused = of_settings(b"local\0file:x\0filter.a=b.clean\nevil\0");
        assert!(matches!(refused, Err(Refusal::Because(_))), "{refused:?}");
    }
}
