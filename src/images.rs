//! The image that an app's containers are made from: which official image, and what is put on top of it so
//! that it looks like Upsun's.
//!
//! Everything here is computed: a [`Recipe`] is plain data that an engine builds. Whether an image is there
//! already, is pulled or built, is not decided here.

pub mod certificates;
mod packages;
pub mod proxy;
pub mod runtime;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indexmap::IndexMap;
use serde_json::Value;

pub use self::certificates::{Certificates, certificate_variables, find_ca_bundle};
pub use self::proxy::Proxy;
pub use self::runtime::official;
use crate::config::app::{App, Image, Runtime, START_PHP_APP, StackRuntime};
use crate::image_ref::{ImageRef, NotAReference};
use crate::settings::User;
use crate::suggestion::{nearest, quoted_list};

/// Part of every content hash; to be raised when an image has to be built anew for a reason that its files
/// do not show.
const RECIPE_VERSION: &str = "1";

/// Where the setup script and its data stand in the image.
const SETUP_DIRECTORY: &str = "/usr/local/lib/upsun-local";

/// Where the script that collects clients stands in the stage of a service's image.
const CLIENTS_SCRIPT: &str = "/upsun-local-clients.sh";

/// The script that is the main process of every app's container.
pub const SUPERVISE: &str = "/usr/local/lib/upsun-local/supervise.sh";

/// The label that says which runtime a derived image is for.
pub const RUNTIME_LABEL: &str = "local.upsun.runtime";

/// PHP's extensions that are switched on without being asked for, as Upsun's table of extensions has them,
/// and the two that are built in there.
const PHP_EXTENSIONS: [&str; 36] = [
    "bcmath",
    "bz2",
    "calendar",
    "ctype",
    "curl",
    "dba",
    "dom",
    "exif",
    "fileinfo",
    "ftp",
    "gd",
    "gettext",
    "iconv",
    "intl",
    "json",
    "mbstring",
    "mysqli",
    "mysqlnd",
    "opcache",
    "pdo",
    "pdo_mysql",
    "pdo_sqlite",
    "phar",
    "posix",
    "simplexml",
    "soap",
    "sockets",
    "sqlite3",
    "sysvmsg",
    "sysvsem",
    "sysvshm",
    "tokenizer",
    "xml",
    "xmlreader",
    "xmlwriter",
    "zip",
];

/// Everything besides the app that decides what its image holds.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// `images` of the settings. `composer` is one more key: an image to take Composer from.
    pub overrides: &'a IndexMap<String, String>,
    /// Certificates to trust, if any.
    pub certificates: Option<&'a Certificates>,
    /// The proxy to build through. It leaves no trace in the image, and no part in its tag.
    pub proxy: &'a Proxy,
    /// The ids of the user `web`.
    pub user: User,
    /// The command-line clients of the services that the app reaches, one entry for each name.
    pub clients: &'a [Clients],
    /// The engine's id of the base image, when it is known: a base that was pulled anew then gives a new tag.
    pub base_id: Option<&'a str>,
}

/// Commands that talk to a service, taken from that service's image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clients {
    /// What the service is, as a part of a path: `postgresql`.
    pub name: &'static str,
    /// The image that has them.
    pub image: ImageRef,
    /// Their names; those that the image does not have are left out.
    pub commands: &'static [&'static str],
}

/// One file of the build context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path in the context.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// How a derived image is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The image that it starts from.
    pub base: ImageRef,
    /// Further images that files are copied from; an engine without them pulls them during the build.
    pub copied_from: Vec<ImageRef>,
    /// The Dockerfile, in what Docker 20.10's own builder understands.
    pub dockerfile: String,
    /// The other files of the build context.
    pub files: Vec<File>,
    /// `upsun-local/<runtime>:<hash of everything that the image depends on>`.
    pub tag: String,
    /// The same for what a build can notice: a client of a service is no reason to build an app again, since a build
    /// reaches no service.
    pub build_tag: String,
    /// Labels for the image; not in the Dockerfile, so that a new version of this program reuses the image.
    pub labels: BTreeMap<String, String>,
    /// Arguments for the build: the proxy, in variables that every builder knows without `ARG`.
    pub build_arguments: Vec<(String, String)>,
    /// What is known beforehand not to be as on Upsun.
    pub warnings: Vec<String>,
}

impl Recipe {
    /// All files of the build context, the Dockerfile among them.
    pub fn context(&self) -> Vec<File> {
        let mut files = self.files.clone();
        files.push(File {
            path: "Dockerfile".to_owned(),
            mode: 0o644,
            bytes: self.dockerfile.clone().into_bytes(),
        });
        files
    }
}

/// Why there is no image for an app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A runtime that neither the table nor the settings know.
    #[error("no image is known for the runtime `{0}`")]
    UnknownRuntime(String),
    /// A version that can be no part of a tag.
    #[error("`{version}` cannot be a version of `{runtime}`")]
    Version {
        /// The runtime.
        runtime: String,
        /// The version as written.
        version: String,
    },
    /// A text in `images` of the settings that is no reference to an image.
    #[error(transparent)]
    Reference(#[from] NotAReference),
}

impl Error {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::UnknownRuntime(name) => {
                let known = || runtime::KNOWN.iter().map(|known| known.name);
                let near = nearest(name, known())
                    .map(|near| format!("did you mean `{near}`? "))
                    .unwrap_or_default();
                Some(format!(
                    "{near}known runtimes: {}; any other needs an image under `images` in .upsun-local.yaml",
                    quoted_list(known())
                ))
            }
            Error::Version { .. } => None,
            Error::Reference(reference) => Some(reference.hint().to_owned()),
        }
    }
}

/// Says how an app's image is built.
pub fn recipe(app: &App, setup: &Setup<'_>) -> Result<Recipe, Error> {
    let stack = Stack::of(app);
    let base = match stack.runtimes.first() {
        Some(primary) => official(&primary.runtime, setup.overrides)?,
        None => ImageRef::new("debian:bookworm")?,
    };
    let mut writer = Writer::new(&base, setup);
    writer.copy_further_runtimes(&stack, setup.overrides)?;
    writer.copy_build_tools(&stack, setup.overrides)?;
    writer.add_start_php_app(&stack);
    writer.list_extensions(&stack);
    writer.list_packages(stack.packages);
    writer.copy_clients(setup.clients);
    // Last, because `$PATH` stands for what the lines before it made of it.
    let path = crate::layout::path(app, "$PATH");
    writer.variables.push(("PATH".to_owned(), path));
    let primary = stack.runtimes.first().map(|entry| &entry.runtime);
    Ok(writer.finish(&stack, primary, base, setup))
}

/// What an app's image has to hold, whichever way it is written.
struct Stack<'a> {
    composable: bool,
    runtimes: Vec<StackRuntime>,
    packages: &'a [String],
}

impl<'a> Stack<'a> {
    fn of(app: &'a App) -> Stack<'a> {
        match &app.image {
            Image::Runtime(runtime) => Stack {
                composable: false,
                runtimes: vec![StackRuntime {
                    runtime: runtime.clone(),
                    extensions: runtime_list(app, "extensions"),
                    disabled_extensions: runtime_list(app, "disabled_extensions"),
                }],
                packages: &[],
            },
            Image::Composable {
                runtimes, packages, ..
            } => Stack {
                composable: true,
                runtimes: runtimes.clone(),
                packages,
            },
        }
    }

    fn find(&self, name: &str) -> Option<&StackRuntime> {
        self.runtimes
            .iter()
            .find(|entry| entry.runtime.name == name)
    }
}

/// `runtime.extensions` and the like: names, or maps with a `name`.
fn runtime_list(app: &App, key: &str) -> Vec<String> {
    app.raw
        .get("runtime")
        .and_then(|runtime| runtime.get(key))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.as_str().or_else(|| entry.get("name")?.as_str()))
        .map(str::to_owned)
        .collect()
}

/// Collects the parts of a recipe.
struct Writer {
    /// The Dockerfile up to the setup script.
    dockerfile: String,
    /// Variables for the image.
    variables: Vec<(String, String)>,
    copied_from: Vec<ImageRef>,
    /// The Dockerfile's stages that collect clients, and the lines that copy what they collected.
    clients: Option<ClientStages>,
    files: Vec<File>,
    warnings: Vec<String>,
}

struct ClientStages {
    stages: String,
    copies: String,
}

impl Writer {
    fn new(base: &ImageRef, setup: &Setup<'_>) -> Writer {
        let mut writer = Writer {
            dockerfile: format!("FROM {base}\nUSER root\n"),
            variables: Vec::new(),
            copied_from: Vec::new(),
            clients: None,
            files: Vec::new(),
            warnings: Vec::new(),
        };
        writer.file("setup.sh", include_str!("images/setup.sh").to_owned());
        writer.file(
            "supervise.sh",
            include_str!("images/supervise.sh").to_owned(),
        );
        if let Some(certificates) = setup.certificates {
            writer.file("certificates.pem", certificates.to_pem());
        }
        writer
    }

    fn file(&mut self, name: &str, text: String) {
        self.files.push(File {
            path: format!("setup/{name}"),
            mode: 0o644,
            bytes: text.into_bytes(),
        });
    }

    fn copy(&mut self, image: &ImageRef, from: &str, to: &str) {
        let _ = writeln!(self.dockerfile, "COPY --from={image} {from} {to}");
        if !self.copied_from.contains(image) {
            self.copied_from.push(image.clone());
        }
    }

    /// Copies each runtime but the first from its own image, to the place that it has there, since
    /// most have that place compiled in. Its shared libraries are the setup script's business.
    fn copy_further_runtimes(
        &mut self,
        stack: &Stack<'_>,
        overrides: &IndexMap<String, String>,
    ) -> Result<(), Error> {
        let mut list = String::new();
        let mut path = Vec::new();
        for entry in stack.runtimes.iter().skip(1) {
            let image = official(&entry.runtime, overrides)?;
            let known = runtime::known(&entry.runtime.name)?;
            for directory in known.directories {
                self.copy(&image, directory, directory);
            }
            if !known.path.is_empty() {
                path.push(known.path);
            }
            for (name, value) in known.variables {
                self.variables
                    .push(((*name).to_owned(), (*value).to_owned()));
            }
            let or_dash = |text: &'static str| if text.is_empty() { "-" } else { text };
            let _ = writeln!(
                list,
                "{}\t{}\t{}\t{}\t{}",
                label_of(&entry.runtime),
                known.command,
                known.check,
                or_dash(known.libraries),
                or_dash(known.fallback)
            );
        }
        if !path.is_empty() {
            self.variables
                .push(("PATH".to_owned(), format!("{}:$PATH", path.join(":"))));
        }
        if !list.is_empty() {
            self.file("runtimes", list);
        }
        Ok(())
    }

    /// Upsun's Java containers hold Maven and Gradle, its PHP containers Composer. Where the settings put another
    /// image in PHP's place, Composer is taken from an image only if they name one: that image may have it
    /// already, and the setup script fetches it if not.
    fn copy_build_tools(
        &mut self,
        stack: &Stack<'_>,
        overrides: &IndexMap<String, String>,
    ) -> Result<(), Error> {
        if let Some(java) = stack.find("java") {
            let version = runtime::version(&java.runtime)?;
            for (key, image, directory) in [
                (
                    "maven",
                    format!("maven:3-eclipse-temurin-{version}"),
                    "/usr/share/maven/",
                ),
                ("gradle", format!("gradle:jdk{version}"), "/opt/gradle/"),
            ] {
                let image = overrides.get(key).unwrap_or(&image);
                self.copy(&ImageRef::new(image)?, directory, directory);
            }
        }
        if let Some(php) = stack.find("php") {
            let own_image =
                overrides.contains_key("php") || overrides.contains_key(&label_of(&php.runtime));
            let image = match overrides.get("composer") {
                Some(image) => Some(image.as_str()),
                None if own_image => None,
                None => Some("composer:2"),
            };
            if let Some(image) = image {
                let composer = "/usr/bin/composer";
                self.copy(&ImageRef::new(image)?, composer, "/usr/local/bin/composer");
            }
        }
        Ok(())
    }

    /// The command that Upsun's PHP containers have for FPM.
    fn add_start_php_app(&mut self, stack: &Stack<'_>) {
        if stack.find("php").is_some() {
            self.files.push(File {
                path: "setup/start-php-app".to_owned(),
                mode: 0o755,
                bytes: include_bytes!("images/start-php-app.sh").to_vec(),
            });
        }
    }

    fn list_extensions(&mut self, stack: &Stack<'_>) {
        let Some(php) = stack.find("php") else {
            return;
        };
        let disabled: Vec<String> = php
            .disabled_extensions
            .iter()
            .map(|name| extension(name))
            .collect();
        let mut wanted: Vec<String> = Vec::new();
        let asked = php.extensions.iter().map(|name| extension(name));
        for name in PHP_EXTENSIONS
            .iter()
            .map(|name| (*name).to_owned())
            .chain(asked)
        {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(plain) {
                self.warnings
                    .push(format!("PHP's extension `{name}` is not emulated"));
            } else if !wanted.contains(&name) && !disabled.contains(&name) {
                wanted.push(name);
            }
        }
        self.file("extensions", lines(&wanted));
        let plain = |name: &&String| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let disabled: Vec<String> = disabled.iter().filter(plain).cloned().collect();
        if !disabled.is_empty() {
            self.file("disabled-extensions", lines(&disabled));
        }
    }

    /// Each service's image collects its clients in a stage of its own.
    fn copy_clients(&mut self, clients: &[Clients]) {
        if clients.is_empty() {
            return;
        }
        let mut stages = String::new();
        let mut copies = String::new();
        for Clients {
            name,
            image,
            commands,
        } in clients
        {
            let words = ["/bin/sh", CLIENTS_SCRIPT];
            let words = words.iter().chain(*commands);
            let words: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
            let _ = write!(
                stages,
                "FROM {image} AS clients-{name}\n\
                 USER root\n\
                 COPY clients.sh {CLIENTS_SCRIPT}\n\
                 RUN [{}]\n",
                words.join(", ")
            );
            let _ = writeln!(
                copies,
                "COPY --from=clients-{name} /upsun-local/ {SETUP_DIRECTORY}/clients/{name}/"
            );
            if !self.copied_from.contains(image) {
                self.copied_from.push(image.clone());
            }
        }
        self.clients = Some(ClientStages { stages, copies });
    }

    fn list_packages(&mut self, packages: &[String]) {
        let mut list = String::new();
        for name in packages {
            match packages::ways(name) {
                Some(ways) => {
                    let _ = writeln!(list, "{name}\t{ways}");
                }
                None => self.warnings.push(not_emulated_package(name)),
            }
        }
        if !list.is_empty() {
            self.file("packages", list);
        }
    }

    fn finish(
        mut self,
        stack: &Stack<'_>,
        primary: Option<&Runtime>,
        base: ImageRef,
        setup: &Setup<'_>,
    ) -> Recipe {
        let User { uid, gid } = setup.user;
        let primary_name = primary.map_or("none", |runtime| &runtime.name);
        for (name, value) in &self.variables {
            let _ = writeln!(self.dockerfile, "ENV {name}=\"{value}\"");
        }
        if stack.find("php").is_some() {
            let _ = writeln!(self.dockerfile, "COPY setup/start-php-app {START_PHP_APP}");
        }
        let after = format!(
            "COPY setup/ {SETUP_DIRECTORY}/\n\
             RUN [\"/bin/sh\", \"{SETUP_DIRECTORY}/setup.sh\", \"{uid}\", \"{gid}\", \"{primary_name}\"]\n\
             ENV HOME=\"/app\"\n\
             WORKDIR /app\n\
             ENTRYPOINT []\n\
             CMD [\"/bin/bash\"]\n\
             STOPSIGNAL SIGTERM\n\
             USER {uid}:{gid}\n"
        );
        let without_clients = format!("{}{after}", self.dockerfile);
        self.files.sort_by(|one, two| one.path.cmp(&two.path));
        let build_hash = content_hash(setup, &without_clients, &self.files);
        let (dockerfile, hash) = match self.clients {
            None => (without_clients, build_hash.clone()),
            Some(ClientStages { stages, copies }) => {
                self.files.push(File {
                    path: "clients.sh".to_owned(),
                    mode: 0o644,
                    bytes: include_bytes!("images/clients.sh").to_vec(),
                });
                let dockerfile = format!("{stages}{}{copies}{after}", self.dockerfile);
                let hash = content_hash(setup, &dockerfile, &self.files);
                (dockerfile, hash)
            }
        };
        let name = match primary {
            Some(runtime) => crate::project::plain(&label_of(runtime), 40),
            None => "packages".to_owned(),
        };
        let prefix = if stack.composable { "composable-" } else { "" };
        let names: Vec<String> = stack
            .runtimes
            .iter()
            .map(|entry| label_of(&entry.runtime))
            .collect();
        Recipe {
            tag: format!("upsun-local/{prefix}{name}:{hash}"),
            build_tag: format!("upsun-local/{prefix}{name}:{build_hash}"),
            labels: BTreeMap::from([
                (crate::labels::LABEL_KIND.to_owned(), "image".to_owned()),
                (RUNTIME_LABEL.to_owned(), names.join(",")),
            ]),
            build_arguments: setup.proxy.variables(),
            base,
            copied_from: self.copied_from,
            dockerfile,
            files: self.files,
            warnings: self.warnings,
        }
    }
}

/// Twelve characters that depend on all that an image is made from.
fn content_hash(setup: &Setup<'_>, dockerfile: &str, files: &[File]) -> String {
    let mut parts: Vec<&[u8]> = vec![
        RECIPE_VERSION.as_bytes(),
        setup.base_id.unwrap_or_default().as_bytes(),
        dockerfile.as_bytes(),
    ];
    for file in files {
        parts.push(file.path.as_bytes());
        parts.push(&file.bytes);
    }
    let mut content = Vec::new();
    for part in parts {
        // Each part with its length, so that no two lists of parts look alike.
        content.extend_from_slice(&part.len().to_le_bytes());
        content.extend_from_slice(part);
    }
    crate::project::hash(&content)[..12].to_owned()
}

/// `nodejs:24`, or `nodejs` when no version is written.
fn label_of(runtime: &Runtime) -> String {
    if runtime.version.is_empty() {
        runtime.name.clone()
    } else {
        format!("{}:{}", runtime.name, runtime.version)
    }
}

/// An extension as PHP itself names it.
fn extension(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('-', "_")
}

fn lines(names: &[String]) -> String {
    names
        .iter()
        .fold(String::new(), |text, name| text + name + "\n")
}

fn not_emulated_package(name: &str) -> String {
    format!("`stack.packages` entry `{name}` is not emulated")
}

/// What a line of a build's output says to the builder: the setup script starts such lines with
/// `upsun-local: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The image was built, but something is not as on Upsun.
    Warning(String),
    /// The image cannot be built; the reason in words.
    Failure(String),
}

/// Reads one line of a build's output; `None` for a line that is not a notice.
pub fn notice(line: &str) -> Option<Notice> {
    let line = without_colours(line.trim());
    let (kind, rest) = line.strip_prefix("upsun-local: ")?.split_once(' ')?;
    Some(match kind {
        "not-emulated" => Notice::Warning(not_emulated_package(rest)),
        "not-emulated-extension" => {
            Notice::Warning(format!("PHP's extension `{rest}` is not emulated"))
        }
        "not-emulated-runtime" => Notice::Warning(format!("the runtime `{rest}` is not emulated")),
        "not-emulated-tool" => Notice::Warning(format!(
            "the command `{rest}` is missing in the container: Upsun's has it"
        )),
        "approximated-runtime" => Notice::Warning(format!(
            "the runtime `{rest}` is the distribution's version, not the one asked for"
        )),
        "failed" => Notice::Failure(rest.to_owned()),
        _ => return None,
    })
}

/// The line without the colours in front of it: Docker's builder paints what goes to stderr red, and the end of
/// that paint stands at the start of the next line.
fn without_colours(mut line: &str) -> &str {
    while let Some((_, rest)) = line
        .strip_prefix("\u{1b}[")
        .and_then(|rest| rest.split_once('m'))
    {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests;
