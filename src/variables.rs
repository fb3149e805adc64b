//! The environment variables of an app's containers, at build and at run time.
//!
//! Who sets what and who wins: <https://docs.upsun.com/development/variables.html>. This module only
//! computes: `.environment` is a script that the container's shell sources, and relationships come in as
//! finished JSON.

mod prefixed;

use std::collections::BTreeMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

pub use self::prefixed::{Prefixed, prefixed, texts};
use crate::config::app::{App, Image, SocketFamily, Worker};
use crate::layout::{APP_DIRECTORY, CACHE_DIRECTORY, GLOBAL_DIRECTORY, PORT, SOCKET, USER, runs};
use crate::relationships;
use crate::roles::EnvironmentType;
use crate::user_variables::{UserVariable, UserVariables};

/// When the variables are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Dependencies, flavor and build hook.
    Build,
    /// Web processes, workers, deploy hooks, operations, shells.
    Runtime,
}

impl Phase {
    /// Whether it sees a variable that somebody set.
    fn sees(self, variable: &UserVariable) -> bool {
        match self {
            Phase::Build => variable.visible_build,
            Phase::Runtime => variable.visible_runtime,
        }
    }
}

/// Who set a variable; a later one wins over an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The container image, so that a runtime finds what `dependencies` and `pip install` put below `/app`.
    Container,
    /// This machine: its certificates and its proxy.
    Machine,
    /// `variables` of the app or worker.
    Application,
    /// A variable of the project.
    Project,
    /// A variable of the environment.
    Environment,
    /// `--variable`.
    CommandLine,
    /// A field of a relationship.
    Relationship,
    /// Upsun itself.
    Upsun,
}

impl Origin {
    /// The name for users.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Container => "container",
            Origin::Machine => "this machine",
            Origin::Application => "application",
            Origin::Project => "project",
            Origin::Environment => "environment",
            Origin::CommandLine => "command line",
            Origin::Relationship => "relationship",
            Origin::Upsun => "upsun",
        }
    }
}

/// One environment variable of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub value: String,
    /// Who set it.
    pub origin: Origin,
    /// Whether its value must not be shown.
    pub sensitive: bool,
}

/// Everything that variables are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub app: &'a App,
    /// One of its workers, for that worker's container.
    pub worker: Option<&'a Worker>,
    /// When they are for.
    pub phase: Phase,
    /// The project's id.
    pub project: &'a str,
    /// The environment's name.
    pub environment: &'a str,
    /// The environment's type.
    pub environment_type: EnvironmentType,
    /// The Git branch.
    pub branch: &'a str,
    /// The id of the source tree that the app was built from.
    pub tree: &'a str,
    pub project_variables: &'a UserVariables,
    pub environment_variables: &'a UserVariables,
    /// `--variable`.
    pub command_line: &'a UserVariables,
    /// For `PLATFORM_RELATIONSHIPS`.
    pub relationships: &'a Value,
    /// For `PLATFORM_ROUTES`.
    pub routes: &'a Value,
    /// For `PLATFORM_SMTP_HOST`: empty where mail is switched off.
    pub smtp_host: &'a str,
}

/// The variables of a container, sorted by name. `PATH` is not among them: see [`crate::layout::path`].
pub fn variables(context: &Context<'_>) -> Vec<Variable> {
    let mut table = Table::default();
    for (name, value) in container_variables(&context.app.image) {
        table.set(name, value, Origin::Container);
    }
    if context.phase == Phase::Runtime && wants_secret_key(&context.app.image) {
        table.set(
            "SECRET_KEY_BASE",
            secret_key(context.project),
            Origin::Upsun,
        );
    }
    let mut platform_variables = Map::new();
    for (name, variable, origin) in prefixed::levels(context) {
        table.add(&mut platform_variables, &name, &variable, origin);
    }
    for (name, value) in provided(context) {
        table.set(name, value, Origin::Upsun);
    }
    if context.phase == Phase::Runtime {
        for (name, value) in relationships::variables(context.relationships) {
            table.set(&name, value, Origin::Relationship);
        }
    }
    let sensitive = table.sensitive;
    table.insert(
        "PLATFORM_VARIABLES".to_owned(),
        base64_json(&Value::Object(platform_variables)),
        Origin::Upsun,
        sensitive,
    );
    table.variables.into_values().collect()
}

/// `PLATFORM_APPLICATION`. Linux refuses to start a program with a variable of more than 128 KiB. If the value
/// would be longer, the scripts of operations are left out: they are the longest part, and programs do not read
/// them from there.
fn application(raw: &Value) -> String {
    const LONGEST: usize = 120 * 1024;
    let whole = base64_json(raw);
    if whole.len() <= LONGEST {
        return whole;
    }
    let mut reduced = raw.clone();
    if let Some(object) = reduced.as_object_mut() {
        object.remove("operations");
        object.remove("crons");
        object.remove("hooks");
    }
    base64_json(&reduced)
}

/// The variables so far.
#[derive(Default)]
struct Table {
    /// By name.
    variables: BTreeMap<String, Variable>,
    /// Whether one in `PLATFORM_VARIABLES` must not be shown.
    sensitive: bool,
}

impl Table {
    fn set(&mut self, name: &str, value: impl Into<String>, origin: Origin) {
        self.insert(name.to_owned(), value.into(), origin, false);
    }

    fn insert(&mut self, name: String, value: String, origin: Origin, sensitive: bool) {
        self.variables.insert(
            name.clone(),
            Variable {
                name,
                value,
                origin,
                sensitive,
            },
        );
    }

    /// Sorts one user-defined variable into the environment or into `PLATFORM_VARIABLES`.
    fn add(
        &mut self,
        platform_variables: &mut Map<String, Value>,
        name: &str,
        variable: &UserVariable,
        origin: Origin,
    ) {
        if let Some(name) = name.strip_prefix("env:") {
            let value = text_of(&variable.value);
            self.insert(name.to_uppercase(), value, origin, variable.sensitive);
        } else {
            self.sensitive |= variable.sensitive;
            platform_variables.insert(name.to_owned(), variable.value.clone());
        }
    }
}

/// What lets each runtime find what was installed below `/app` by the user `web`, who may write nowhere else.
///
/// `NPM_CONFIG_PREFIX` is one that Upsun's own pages unset by name; `PYTHONUSERBASE` and `GEM_HOME` follow
/// from where its docs show packages to land. The others undo what the official images set to places
/// that are read-only here.
fn container_variables(image: &Image) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("HOME", APP_DIRECTORY.to_owned()),
        ("USER", USER.to_owned()),
        ("LOGNAME", USER.to_owned()),
    ];
    let mut runtimes: Vec<&str> = match image {
        Image::Runtime(runtime) => vec![&runtime.name],
        Image::Composable { runtimes, .. } => runtimes
            .iter()
            .map(|entry| entry.runtime.name.as_str())
            .collect(),
    };
    // `dependencies` may ask for npm, pip or gem packages in an app of any runtime.
    for also in ["nodejs", "python", "ruby"] {
        if !runtimes.contains(&also) {
            runtimes.push(also);
        }
    }
    for runtime in runtimes {
        match runtime {
            "nodejs" => variables.push(("NPM_CONFIG_PREFIX", GLOBAL_DIRECTORY.to_owned())),
            "python" => variables.push(("PYTHONUSERBASE", GLOBAL_DIRECTORY.to_owned())),
            "ruby" => {
                variables.push(("GEM_HOME", GLOBAL_DIRECTORY.to_owned()));
                variables.push(("BUNDLE_APP_CONFIG", format!("{APP_DIRECTORY}/.bundle")));
            }
            "golang" => variables.push(("GOPATH", format!("{APP_DIRECTORY}/go"))),
            "rust" => variables.push(("CARGO_HOME", format!("{APP_DIRECTORY}/.cargo"))),
            _ => {}
        }
    }
    variables
}

/// Whether Upsun gives the app a `SECRET_KEY_BASE`, which the app may set to another value. Its page on Ruby sets one by
/// hand for a build: assumed to be there at run time only.
///
/// Source: <https://docs.upsun.com/languages/ruby.html>, <https://docs.upsun.com/languages/elixir.html>
fn wants_secret_key(image: &Image) -> bool {
    runs(image, "ruby") || runs(image, "elixir")
}

/// Comes from the project's entropy; Upsun does not say how. 64 characters, as much as Phoenix asks for.
fn secret_key(project: &str) -> String {
    let mut key = crate::project::hash(entropy(project).as_bytes());
    key.push_str(&crate::project::hash(key.as_bytes()));
    key.truncate(64);
    key
}

/// What Upsun itself provides, except `PLATFORM_VARIABLES`.
fn provided(context: &Context<'_>) -> Vec<(&'static str, String)> {
    let app = context.app;
    let mut variables = vec![
        ("PLATFORM_APP_DIR", APP_DIRECTORY.to_owned()),
        ("PLATFORM_APPLICATION_NAME", app.name.clone()),
        ("PLATFORM_PROJECT", context.project.to_owned()),
        ("PLATFORM_PROJECT_ENTROPY", entropy(context.project)),
        ("PLATFORM_TREE_ID", context.tree.to_owned()),
    ];
    match context.phase {
        Phase::Build => variables.extend([
            ("PLATFORM_APPLICATION", application(&build_relevant(app))),
            // The docs name `CI` but not its value.
            ("CI", "true".to_owned()),
            ("PLATFORM_CACHE_DIR", CACHE_DIRECTORY.to_owned()),
            ("PLATFORM_OUTPUT_DIR", APP_DIRECTORY.to_owned()),
            ("PLATFORM_VENDOR", "upsun".to_owned()),
        ]),
        Phase::Runtime => {
            let raw = context.worker.map_or(&app.raw, |worker| &worker.raw);
            let commands = context
                .worker
                .map_or(&app.web.commands, |worker| &worker.commands);
            variables.extend([
                ("PLATFORM_APPLICATION", application(raw)),
                ("PLATFORM_BRANCH", context.branch.to_owned()),
                ("PLATFORM_ENVIRONMENT", context.environment.to_owned()),
                (
                    "PLATFORM_ENVIRONMENT_TYPE",
                    context.environment_type.name().to_owned(),
                ),
                ("PLATFORM_RELATIONSHIPS", base64_json(context.relationships)),
                ("PLATFORM_ROUTES", base64_json(context.routes)),
                ("PLATFORM_SMTP_HOST", context.smtp_host.to_owned()),
            ]);
            for (name, command) in [
                ("PLATFORM_PRE_APP_COMMAND", &commands.pre_start),
                ("PLATFORM_APP_COMMAND", &commands.start),
                ("PLATFORM_POST_APP_COMMAND", &commands.post_start),
            ] {
                if let Some(command) = command {
                    variables.push((name, command.clone()));
                }
            }
            if context.worker.is_none() {
                if !app.web.document_root.is_empty() {
                    let root = format!("{APP_DIRECTORY}/{}", app.web.document_root);
                    variables.push(("PLATFORM_DOCUMENT_ROOT", root));
                }
                variables.push(match app.web.socket_family {
                    SocketFamily::Tcp => ("PORT", PORT.to_owned()),
                    SocketFamily::Unix => ("SOCKET", SOCKET.to_owned()),
                });
            }
        }
    }
    variables
}

/// The part of an app's configuration that a build can see, and that decides whether it can be reused.
///
/// The one place for that list: <https://docs.upsun.com/development/variables/use-variables.html>
pub(crate) fn build_relevant(app: &App) -> Value {
    build_relevant_part(app.raw.clone())
}

/// What of some of an app's keys a build can see.
pub(crate) fn build_relevant_part(mut raw: Value) -> Value {
    let Some(keys) = raw.as_object_mut() else {
        return raw;
    };
    for key in ["access", "relationships", "firewall", "crons", "operations"] {
        keys.remove(key);
    }
    if let Some(hooks) = keys.get_mut("hooks").and_then(Value::as_object_mut) {
        hooks.remove("deploy");
        hooks.remove("post_deploy");
        if hooks.is_empty() {
            keys.remove("hooks");
        }
    }
    if let Some(web) = keys.remove("web").and_then(|web| mounts_only(&web)) {
        keys.insert("web".to_owned(), web);
    }
    if let Some(Value::Object(workers)) = keys.remove("workers") {
        let workers: Map<String, Value> = workers
            .iter()
            .filter_map(|(name, worker)| Some((name.clone(), mounts_only(worker)?)))
            .collect();
        if !workers.is_empty() {
            keys.insert("workers".to_owned(), Value::Object(workers));
        }
    }
    raw
}

/// `{mounts: …}` of `web` or of a worker; `None` when it has no mounts of its own.
fn mounts_only(part: &Value) -> Option<Value> {
    let mounts = part.get("mounts")?;
    Some(Value::Object(Map::from_iter([(
        "mounts".to_owned(),
        mounts.clone(),
    )])))
}

/// `PLATFORM_PROJECT_ENTROPY`: 56 characters in the form of Upsun's (base32 of 32 bytes), the same for the
/// same project every time.
pub(crate) fn entropy(project: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = Vec::with_capacity(40);
    for round in 0_u8..2 {
        let mut hash = Sha1::new();
        hash.update(b"upsun-local project entropy ");
        hash.update([round]);
        hash.update(project.as_bytes());
        bytes.extend_from_slice(&hash.finalize());
    }
    bytes.truncate(32);
    let mut text = String::with_capacity(56);
    for chunk in bytes.chunks(5) {
        let mut block = [0; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let block = u64::from_be_bytes(block);
        let digits = (chunk.len() * 8).div_ceil(5);
        for digit in 0..8 {
            if digit < digits {
                let index = usize::try_from(block >> (35 - 5 * digit) & 31).unwrap_or_default();
                text.push(char::from(ALPHABET[index]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// A value as an environment variable holds it: text as it is, anything else as JSON, spaced as Upsun does.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => {
            let mut text = Vec::new();
            let mut serializer = serde_json::Serializer::with_formatter(&mut text, Spaced);
            match other.serialize(&mut serializer) {
                Ok(()) => String::from_utf8(text).unwrap_or_default(),
                Err(_) => other.to_string(),
            }
        }
    }
}

/// JSON on one line with a space after each comma and colon, as in `["a", "b"]`.
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

fn base64_json(value: &Value) -> String {
    BASE64.encode(value.to_string())
}

#[cfg(test)]
mod tests;
