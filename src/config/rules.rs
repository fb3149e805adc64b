//! Every kind of problem: its code, its summary, and the page of Upsun's documentation that it comes from.
//!
//! A code is stable: people silence it, and tools that read the reports look it up. A new rule goes to the end of
//! its group with a code that was never used.

use super::problem::{Class, Problem, Severity};

/// Where the pages of Upsun's documentation begin.
const SITE: &str = "https://docs.upsun.com";

/// One kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The code, such as `U201`.
    pub code: &'static str,
    /// The layer that finds it.
    pub class: Class,
    /// What its problems are at most.
    pub severity: Severity,
    /// Whether some or all of its problems are warnings or notes, which settings may silence.
    pub can_be_silenced: bool,
    /// A name for tools, in CamelCase.
    pub name: &'static str,
    /// What it finds, in one line.
    pub summary: &'static str,
    docs: &'static str,
}

impl Rule {
    /// The address of the page of Upsun's documentation.
    pub fn docs(&self) -> String {
        page(self.docs)
    }
}

/// The whole address of a page that is named by its path.
pub(crate) fn page(path: &str) -> String {
    format!("{SITE}{path}")
}

/// The rule with that code.
pub fn find(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}

/// The address of the page that explains a problem: its own, or else that of its rule.
pub fn docs(problem: &Problem) -> Option<String> {
    match problem.docs {
        Some(path) => Some(page(path)),
        None => find(problem.code).map(Rule::docs),
    }
}

/// What the problems of a rule can be.
#[derive(Clone, Copy)]
enum Level {
    Error,
    Warning,
    /// An error in some cases, a warning in others.
    Both,
    Note,
}

const fn rule(
    code: &'static str,
    class: Class,
    level: Level,
    name: &'static str,
    summary: &'static str,
    docs: &'static str,
) -> Rule {
    Rule {
        code,
        class,
        severity: match level {
            Level::Error | Level::Both => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Note => Severity::Note,
        },
        can_be_silenced: !matches!(level, Level::Error),
        name,
        summary,
        docs,
    }
}

const STRUCTURE: &str = "/learn/overview/yaml/yaml-structure.html";
const YAML: &str = "/learn/overview/yaml/what-is-yaml.html";
const TAGS: &str = "/learn/overview/yaml/platform-yaml-tags.html";
const APP: &str = "/create-apps/app-reference/single-runtime-image.html";
const TYPES: &str = "/create-apps/app-reference/single-runtime-image.html#types";
const MOUNTS: &str = "/create-apps/image-properties/mounts.html";
const MOUNT_TROUBLE: &str = "/create-apps/troubleshoot-mounts.html";
const RELATIONSHIPS: &str = "/create-apps/image-properties/relationships.html";
const WEB: &str = "/create-apps/image-properties/web.html";
const CRONS: &str = "/create-apps/image-properties/crons.html";
const SOURCE: &str = "/create-apps/image-properties/source.html";
const WORKERS: &str = "/create-apps/image-properties/workers.html";
const COMPOSABLE: &str = "/create-apps/app-reference/composable-image.html";
const EXTENSIONS: &str = "/languages/php/extensions.html";
const PRELOAD: &str = "/languages/php/tuning.html";
const OPERATIONS: &str = "/create-apps/runtime-operations.html";
const HOOKS: &str = "/create-apps/hooks/hooks-comparison.html";
const ROUTES: &str = "/define-routes.html";
const REDIRECTS: &str = "/define-routes/redirects.html";
const MULTI_APP: &str = "/create-apps/multi-app/relationships.html";
const ACCESS: &str = "/create-apps/image-properties/access.html";
const VARIABLES: &str = "/development/variables/use-variables.html";

use self::Level::{Both, Error, Note, Warning};
use super::problem::Class::{Lint, Meaning, Schema, Yaml};

/// All rules, by code.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule("U100", Yaml, Both, "TooManyProblems", "more problems were found than are listed", STRUCTURE),
    rule("U101", Yaml, Error, "UnreadableFile", "a file cannot be read, or is not YAML", YAML),
    rule("U102", Yaml, Error, "ForbiddenCharacter", "a character that is not allowed in a YAML file", YAML),
    rule("U104", Yaml, Error, "SeveralDocuments", "a file holds more than one YAML document", STRUCTURE),
    rule("U105", Yaml, Error, "TooDeep", "values that are nested too deeply", YAML),
    rule("U106", Yaml, Error, "TooLarge", "a file, a value or the whole configuration is too large", YAML),
    rule("U107", Yaml, Error, "RecursiveAlias", "an alias stands inside the value that it repeats", YAML),
    rule("U108", Yaml, Error, "KeyIsNoText", "a key that is a list or a mapping", YAML),
    rule("U109", Yaml, Error, "BadMerge", "a merge key whose value is not a mapping", YAML),
    rule("U110", Yaml, Warning, "UnknownTag", "a tag that Upsun does not know", TAGS),
    rule("U111", Yaml, Error, "BadInclude", "an `!include` with a wrong form", TAGS),
    rule("U112", Yaml, Error, "BadArchive", "an `!archive` with a wrong form", TAGS),
    rule("U113", Meaning, Error, "MissingInclude", "a tag that names a missing file or directory", TAGS),
    rule("U114", Meaning, Error, "EscapingInclude", "a tag that leads outside the repository", TAGS),
    rule("U115", Yaml, Error, "IncludeCycle", "files that include each other", TAGS),
    rule("U116", Yaml, Warning, "IncludeBase", "an included file that is not at the first place where it is looked for", TAGS),
    rule("U120", Yaml, Warning, "DottedKey", "a key that starts with a dot is ignored", MOUNT_TROUBLE),
    rule("U121", Schema, Error, "UnknownTopLevelKey", "an unknown key at the top of a file", STRUCTURE),
    rule("U122", Schema, Error, "NoMapping", "a file whose content is not a mapping", STRUCTURE),
    rule("U123", Schema, Error, "EmptyFile", "an empty file", STRUCTURE),
    rule("U124", Schema, Error, "NoApplications", "a configuration without applications", STRUCTURE),
    rule("U125", Meaning, Warning, "NotEmulated", "a part of Upsun that is not emulated here", STRUCTURE),
    rule("U126", Meaning, Warning, "Replaced", "a name that is defined in two files, of which the later replaces the earlier", STRUCTURE),
    rule("U201", Schema, Both, "UnknownKey", "an unknown key", APP),
    rule("U202", Schema, Error, "WrongKind", "a value of the wrong type", APP),
    rule("U203", Schema, Error, "MissingKey", "a required key that is missing", APP),
    rule("U204", Schema, Error, "UnknownValue", "a value that is not one of the allowed values", APP),
    rule("U205", Schema, Error, "OutOfRange", "a number that is out of range", APP),
    rule("U206", Schema, Warning, "Deprecated", "a key that is deprecated", APP),
    rule("U207", Schema, Error, "Misplaced", "a key of Upsun where a name of your choice is expected", APP),
    rule("U208", Schema, Warning, "StackWithoutType", "a `stack` without a `type`", COMPOSABLE),
    rule("U301", Meaning, Error, "DuplicateKey", "a duplicate key", YAML),
    rule("U302", Meaning, Error, "AmbiguousName", "a service and an application with the same name", RELATIONSHIPS),
    rule("U303", Meaning, Error, "UnusableApplications", "an `applications` key that defines no applications", STRUCTURE),
    rule("U304", Meaning, Both, "BadName", "an invalid name", APP),
    rule("U305", Meaning, Error, "SourceRoot", "a `source.root` that is not a directory of the repository", SOURCE),
    rule("U306", Meaning, Warning, "DoubleHyphen", "a name with two hyphens in a row, which separate the names of an application and a worker", APP),
    rule("U307", Meaning, Warning, "NameIsNumber", "a name that YAML reads as something other than text", YAML),
    rule("U310", Meaning, Error, "UnknownRole", "an unknown role", ACCESS),
    rule("U311", Meaning, Error, "UnknownTimezone", "an unknown time zone", "/create-apps/timezone.html"),
    rule("U312", Meaning, Error, "EmptyOperation", "an operation with an empty command", OPERATIONS),
    rule("U313", Meaning, Error, "EmptyWorker", "a worker with an empty command", WORKERS),
    rule("U314", Meaning, Warning, "OperationTimeout", "a `timeout` of an operation, which Upsun's own linter refuses", OPERATIONS),
    rule("U315", Meaning, Both, "ShellSyntax", "a shell syntax error", HOOKS),
    rule("U316", Meaning, Error, "BuildCachePath", "a build cache outside the application", APP),
    rule("U317", Meaning, Warning, "BuildCacheWatch", "a build cache that watches no file, or something that is not a pattern", APP),
    rule("U320", Meaning, Both, "UnknownType", "an unknown runtime or service", TYPES),
    rule("U321", Meaning, Error, "BadType", "a `type` with a wrong form", TYPES),
    rule("U322", Meaning, Warning, "UnsupportedVersion", "a version that Upsun does not support", TYPES),
    rule("U323", Meaning, Warning, "ComposableWithoutStack", "a composable image without a `stack`", COMPOSABLE),
    rule("U324", Meaning, Warning, "StackIgnored", "a `stack` that is ignored, as the type is a single runtime", COMPOSABLE),
    rule("U325", Meaning, Warning, "NotComposable", "a key that a composable image ignores", COMPOSABLE),
    rule("U326", Meaning, Error, "BadStack", "a runtime of the stack with a wrong form", COMPOSABLE),
    rule("U327", Meaning, Warning, "BesideRuntime", "a key next to a runtime of the stack, where it has no effect", COMPOSABLE),
    rule("U328", Meaning, Both, "PhpExtension", "a PHP extension that Upsun does not have for that version", EXTENSIONS),
    rule("U330", Meaning, Error, "MountPath", "a mount that is not a directory inside the application", MOUNTS),
    rule("U331", Meaning, Both, "MountSourcePath", "a `source_path` that is absolute or leaves its directory", MOUNTS),
    rule("U332", Meaning, Warning, "MountSourceLocal", "a mount with the older name of its source", MOUNTS),
    rule("U333", Meaning, Both, "MountService", "a mount whose `service` is missing or has no effect", MOUNTS),
    rule("U334", Meaning, Error, "UnknownMountService", "a mount that uses an unknown service or application", MOUNTS),
    rule("U335", Meaning, Error, "DuplicateMount", "two mounts with the same path", MOUNTS),
    rule("U336", Meaning, Error, "OverlappingMounts", "mounts with different sources, one inside the other", MOUNT_TROUBLE),
    rule("U340", Meaning, Error, "UnknownRelationship", "a relationship to an unknown service or application", RELATIONSHIPS),
    rule("U341", Meaning, Error, "UnknownEndpoint", "a relationship to an unknown endpoint", RELATIONSHIPS),
    rule("U342", Meaning, Error, "CircularRelationship", "relationships that form a cycle", MULTI_APP),
    rule("U350", Meaning, Error, "BadRoute", "a route that is not a valid address", ROUTES),
    rule("U351", Meaning, Error, "BadPlaceholder", "an unknown placeholder in a route", ROUTES),
    rule("U352", Meaning, Both, "UnknownUpstream", "a route to an unknown application, service or endpoint", ROUTES),
    rule("U353", Meaning, Error, "DuplicateRoute", "two routes with the same address", ROUTES),
    rule("U354", Meaning, Error, "RedirectLoop", "redirects that form a cycle", REDIRECTS),
    rule("U355", Meaning, Error, "RedirectCode", "an invalid status code for a redirect", REDIRECTS),
    rule("U356", Meaning, Error, "BadPattern", "an invalid regular expression", WEB),
    rule("U357", Meaning, Error, "RedirectPathConflict", "two redirects whose paths differ only in the final slash", REDIRECTS),
    rule("U360", Meaning, Error, "CronSpec", "an invalid cron schedule", CRONS),
    rule("U361", Meaning, Warning, "CronTooOften", "a cron that runs more often than every 5 minutes", CRONS),
    rule("U362", Meaning, Both, "CronCommand", "a cron without a command, or with two", CRONS),
    rule("U363", Meaning, Note, "CronRunsClose", "two runs of a cron are less than 5 minutes apart", CRONS),
    rule("U370", Meaning, Error, "LocationPath", "a location that does not start with a slash", WEB),
    rule("U371", Meaning, Both, "LocationRoot", "a location whose directory is missing", WEB),
    rule("U372", Meaning, Warning, "FrontController", "a `passthru` that names a missing script", WEB),
    rule("U373", Meaning, Warning, "Preload", "an `opcache.preload` that names a missing script", PRELOAD),
    rule("U401", Lint, Warning, "Bashism", "a script that uses features which `dash` does not have", HOOKS),
    rule("U402", Lint, Warning, "HiddenFailure", "a script that continues after a command that failed", HOOKS),
    rule("U403", Lint, Warning, "StartInBackground", "a start command that exits immediately", WEB),
    rule("U404", Lint, Warning, "BuildVariable", "a build variable that is used at run time", VARIABLES),
    rule("U405", Lint, Warning, "DestructiveOperation", "a destructive operation that any viewer may run", OPERATIONS),
    rule("U406", Lint, Warning, "WriteWithoutMount", "a command that writes to a read-only directory", OPERATIONS),
    rule("U407", Lint, Warning, "Pm2Home", "`pm2` without a writable directory", OPERATIONS),
    rule("U408", Lint, Warning, "WorkerOverride", "a worker that replaces a property of its application only partly", WORKERS),
    rule("U409", Lint, Warning, "MountHidesFiles", "a mount that hides files of the source", MOUNT_TROUBLE),
    rule("U410", Lint, Warning, "CarriageReturns", "a script or `.environment` whose lines end in CR LF", HOOKS),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The codes that stand in quotes in our own sources.
    fn written(path: &Path, codes: &mut BTreeSet<String>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                written(&entry.unwrap().path(), codes);
            }
        } else if !path.ends_with("config/rules.rs") {
            let text = fs::read_to_string(path).unwrap();
            let is_code = |word: &&str| {
                word.len() == 4
                    && word.starts_with('U')
                    && word[1..].bytes().all(|byte| byte.is_ascii_digit())
            };
            codes.extend(text.split('"').filter(is_code).map(str::to_owned));
        }
    }

    #[test]
    fn every_code_that_is_used_has_a_rule_and_every_rule_is_used() {
        let mut used = BTreeSet::new();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        written(&sources.join("config.rs"), &mut used);
        written(&sources.join("config"), &mut used);
        let known: BTreeSet<String> = RULES.iter().map(|rule| rule.code.to_owned()).collect();
        assert_eq!(used, known);
        assert_eq!(known.len(), RULES.len(), "a code is there twice");
        let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len(), "a name is there twice");
        assert!(RULES.is_sorted_by_key(|rule| rule.code));
    }
}
