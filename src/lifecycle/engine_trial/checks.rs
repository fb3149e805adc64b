//! What a trial of the engine checks, and what came out.

use serde::Serialize;

/// A check: its name, what is checked, and what it means for the user if the engine fails it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    means: &'static str,
    /// Whether operations can do without.
    is_essential: bool,
}

const fn essential(name: &'static str, means: &'static str) -> Kind {
    Kind {
        name,
        means,
        is_essential: true,
    }
}

const fn protecting(name: &'static str, means: &'static str) -> Kind {
    Kind {
        name,
        means,
        is_essential: false,
    }
}

pub(super) const NETWORK: Kind = essential("network", "apps do not reach their services");
pub(super) const VOLUMES: Kind = essential("volumes", "builds and mounts have no place");
pub(super) const CREATE: Kind = essential("create", "no operation can run");
pub(super) const UPLOAD: Kind = essential("upload", "no source gets into a build");
pub(super) const DIRECTORY: Kind = essential("directory", "mounts do not work");
pub(super) const START: Kind = essential("start", "no operation can run");
pub(super) const EXEC: Kind = essential("exec", "no operation can run");
pub(super) const MOUNTS: Kind = essential("mounts", "operations cannot use their mounts");
pub(super) const PORT: Kind = essential("port", "routes do not answer on this machine");
pub(super) const REMOVE: Kind = essential("remove", "`down` and `clean` leave objects behind");

/// All checks, in order. `check.sh` prints the names of those of the middle.
pub(super) const ALL: [Kind; 21] = [
    NETWORK,
    VOLUMES,
    CREATE,
    UPLOAD,
    DIRECTORY,
    START,
    EXEC,
    essential("user", "files that operations write have another owner"),
    protecting(
        "read-only",
        "an operation that writes there passes here and fails on Upsun",
    ),
    essential(
        "memory-file-systems",
        "operations cannot write to `/tmp` and `/run`",
    ),
    MOUNTS,
    protecting("capabilities", "an operation may do more than on Upsun"),
    protecting(
        "process-limit",
        "a runaway operation can take all processes of the engine's machine",
    ),
    protecting(
        "memory-limit",
        "a runaway operation can take all memory of the engine's machine",
    ),
    protecting("init", "ended processes stay, and signals may get lost"),
    essential("names", "relationships do not resolve"),
    essential("connections", "apps do not reach their services"),
    protecting(
        "link-local",
        "an operation reaches the addresses at which clouds hand out credentials",
    ),
    PORT,
    REMOVE,
    protecting("speed", "every command takes long"),
];

/// What came out of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Works,
    /// What was found instead.
    Fails(String),
    /// Why it was not tried.
    NotTried(String),
}

/// A check with its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub verdict: Verdict,
    /// What it means for the user if the engine fails it.
    pub means: &'static str,
    /// Whether operations can do without.
    pub essential: bool,
}

/// The results so far.
#[derive(Debug)]
pub(super) struct Notes(Vec<Check>);

impl Notes {
    pub(super) fn new() -> Self {
        let check = |kind: &Kind| Check {
            name: kind.name,
            verdict: Verdict::NotTried(String::new()),
            means: kind.means,
            essential: kind.is_essential,
        };
        Notes(ALL.iter().map(check).collect())
    }

    fn set(&mut self, name: &str, verdict: Verdict) {
        if let Some(check) = self.0.iter_mut().find(|check| check.name == name) {
            check.verdict = verdict;
        }
    }

    pub(super) fn works(&mut self, kind: Kind) {
        self.set(kind.name, Verdict::Works);
    }

    pub(super) fn fails(&mut self, kind: Kind, why: impl Into<String>) {
        self.set(kind.name, Verdict::Fails(why.into()));
    }

    pub(super) fn is_untried(&self, kind: Kind) -> bool {
        let mut checks = self.0.iter();
        checks.any(|check| check.name == kind.name && matches!(check.verdict, Verdict::NotTried(_)))
    }

    pub(super) fn not_tried(&mut self, kind: Kind, why: impl Into<String>) {
        self.set(kind.name, Verdict::NotTried(why.into()));
    }

    /// Reads what `check.sh` printed.
    pub(super) fn read(&mut self, output: &str) {
        for line in output.lines() {
            let mut words = line.splitn(3, ' ');
            let (name, word) = (words.next(), words.next());
            let found = words.next().unwrap_or_default().to_owned();
            let verdict = match word {
                Some("ok") => Verdict::Works,
                Some("no") => Verdict::Fails(found),
                Some("unknown") => Verdict::NotTried(found),
                _ => continue,
            };
            self.set(name.unwrap_or_default(), verdict);
        }
    }

    /// The results, with this reason for each check that nothing was said of.
    pub(super) fn finish(mut self, reason: &str) -> Vec<Check> {
        for check in &mut self.0 {
            if let Verdict::NotTried(why) = &mut check.verdict
                && why.is_empty()
            {
                reason.clone_into(why);
            }
        }
        self.0
    }
}
