//! Collects what an app's image is made of.

use std::fmt::Write as _;

use indexmap::IndexMap;

use super::stack::Stack;
use super::{Clients, Error, RUNTIME_LABEL, Recipe, Setup, official, packages, runtime};
use crate::config::app::{App, Runtime, START_PHP_APP};
use crate::engine::spec::{Collected, ImageCopy, ImageFile, ImagePlan};
use crate::image_ref::ImageRef;
use crate::labels::Labels;
use crate::layout::APP_DIRECTORY;
use crate::runtimes;
use crate::settings::User;

/// Part of every content hash; to be raised when an image has to be built anew for a reason that its plan does not
/// show.
const RECIPE_VERSION: &str = "2";

/// Where the setup script and its data stand in the image.
const SETUP_DIRECTORY: &str = "/usr/local/lib/upsun-local";

/// Where the script that collects clients stands in a service's image.
const CLIENTS_SCRIPT: &str = "/upsun-local-clients.sh";

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

/// Says how an app's image is built.
pub(super) fn recipe(app: &App, setup: &Setup<'_>) -> Result<Recipe, Error> {
    let stack = Stack::of(app);
    let base = match stack.runtimes.first() {
        Some(primary) => official(&primary.runtime, setup.overrides)?,
        None => ImageRef::new(&format!("debian:{}", runtimes::SUITE))?,
    };
    let mut writer = Writer::new(&base, setup);
    writer.copy_further_runtimes(&stack, setup.overrides)?;
    writer.copy_build_tools(&stack, setup.overrides)?;
    writer.copy_bun(&stack, setup.overrides)?;
    writer.add_start_php_app(&stack);
    writer.list_extensions(&stack);
    writer.list_packages(stack.packages);
    writer.copy_clients(setup.clients);
    // Last, because `$PATH` stands for what the lines before it made of it.
    let path = crate::layout::path(app, "$PATH");
    writer.variable("PATH", path);
    let primary = stack.runtimes.first().map(|entry| &entry.runtime);
    Ok(writer.finish(&stack, primary, setup))
}

/// Collects the parts of a recipe.
struct Writer {
    plan: ImagePlan,
    warnings: Vec<String>,
}

impl Writer {
    fn new(base: &ImageRef, setup: &Setup<'_>) -> Writer {
        let mut writer = Writer {
            plan: ImagePlan {
                base: base.to_string(),
                ..ImagePlan::default()
            },
            warnings: Vec::new(),
        };
        writer.file("setup.sh", include_str!("setup.sh").to_owned());
        writer.file("supervise.sh", include_str!("supervise.sh").to_owned());
        if let Some(certificates) = setup.certificates {
            writer.file("certificates.pem", certificates.to_pem());
        }
        writer
    }

    /// Puts a file next to the setup script.
    fn file(&mut self, name: &str, text: String) {
        self.plan.files.push(ImageFile {
            path: format!("{SETUP_DIRECTORY}/{name}"),
            mode: 0o644,
            bytes: text.into_bytes(),
        });
    }

    fn copy(&mut self, image: &ImageRef, from: &str, to: &str) {
        self.plan.copies.push(ImageCopy {
            image: image.to_string(),
            from: from.to_owned(),
            to: to.to_owned(),
            without: None,
        });
    }

    fn variable(&mut self, name: &str, value: impl Into<String>) {
        self.plan.variables.push((name.to_owned(), value.into()));
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
                self.variable(name, *value);
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
            self.variable("PATH", format!("{}:$PATH", path.join(":")));
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
        if let Some(php) = stack.find_any("php") {
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

    /// Upsun's containers of Node.js 20 and newer hold Bun. Bun's image is not one of Docker's official ones, so a mirror
    /// of a company may lack it: an app is built without Bun then.
    /// Source: <https://docs.upsun.com/languages/nodejs.html>
    fn copy_bun(
        &mut self,
        stack: &Stack<'_>,
        overrides: &IndexMap<String, String>,
    ) -> Result<(), Error> {
        let Some(node) = stack.find("nodejs").filter(|_| !stack.composable) else {
            return Ok(());
        };
        let version = runtime::version(&node.runtime)?;
        let major = version.split('.').next().unwrap_or_default();
        let own_image =
            overrides.contains_key("nodejs") || overrides.contains_key(&label_of(&node.runtime));
        let is_named = overrides
            .keys()
            .any(|key| key.split(':').next() == Some("bun"));
        if major.parse().is_ok_and(|major: u32| major < 20) || (own_image && !is_named) {
            return Ok(());
        }
        let bun = Runtime {
            name: "bun".to_owned(),
            version: runtime::known("bun")?.default_version.to_owned(),
        };
        let path = "/usr/local/bin/bun";
        self.plan.copies.push(ImageCopy {
            image: official(&bun, overrides)?.to_string(),
            from: path.to_owned(),
            to: path.to_owned(),
            without: Some("bun".to_owned()),
        });
        Ok(())
    }

    /// The command that Upsun's PHP containers have for FPM.
    fn add_start_php_app(&mut self, stack: &Stack<'_>) {
        if stack.find("php").is_some() {
            self.plan.files.push(ImageFile {
                path: START_PHP_APP.to_owned(),
                mode: 0o755,
                bytes: include_bytes!("start-php-app.sh").to_vec(),
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
                self.warnings.push(not_emulated_extension(&name));
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

    /// Each service's image collects its clients by itself.
    fn copy_clients(&mut self, clients: &[Clients]) {
        for Clients {
            name,
            image,
            commands,
        } in clients
        {
            let words = ["/bin/sh", CLIENTS_SCRIPT];
            self.plan.collected.push(Collected {
                name: format!("clients-{name}"),
                image: image.to_string(),
                files: vec![ImageFile {
                    path: CLIENTS_SCRIPT.to_owned(),
                    mode: 0o644,
                    bytes: include_bytes!("clients.sh").to_vec(),
                }],
                command: words
                    .iter()
                    .chain(*commands)
                    .map(|word| (*word).to_owned())
                    .collect(),
                from: "/upsun-local/".to_owned(),
                to: format!("{SETUP_DIRECTORY}/clients/{name}/"),
            });
        }
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

    fn finish(mut self, stack: &Stack<'_>, primary: Option<&Runtime>, setup: &Setup<'_>) -> Recipe {
        let User { uid, gid } = setup.user;
        let primary_name = primary.map_or("none", |runtime| &runtime.name);
        let script = format!("{SETUP_DIRECTORY}/setup.sh");
        let (uid, gid) = (uid.to_string(), gid.to_string());
        self.plan.files.sort_by(|one, two| one.path.cmp(&two.path));
        // What to move to where Debian no longer serves packages for the image's own release.
        let supported = primary
            .and_then(|runtime| runtimes::find(&runtime.name))
            .map(runtimes::oldest_supported)
            .unwrap_or_default();
        self.plan.command = ["/bin/sh", &script, &uid, &gid, primary_name, &supported]
            .map(str::to_owned)
            .to_vec();
        self.plan.run_variables = vec![("HOME".to_owned(), APP_DIRECTORY.to_owned())];
        self.plan.user = format!("{uid}:{gid}");
        APP_DIRECTORY.clone_into(&mut self.plan.working_dir);
        self.plan.run = vec!["/bin/bash".to_owned()];

        let name = match primary {
            Some(runtime) => crate::project::plain(&label_of(runtime), 40),
            None => "packages".to_owned(),
        };
        let prefix = if stack.composable { "composable-" } else { "" };
        let tag = |plan: &ImagePlan| format!("upsun-local/{prefix}{name}:{}", content_hash(plan));
        let names: Vec<String> = stack
            .runtimes
            .iter()
            .map(|entry| label_of(&entry.runtime))
            .collect();
        Recipe {
            tag: tag(&self.plan),
            build_tag: tag(&ImagePlan {
                collected: Vec::new(),
                ..self.plan.clone()
            }),
            plan: self.plan,
            labels: Labels::from([
                crate::labels::Kind::Image.label(),
                (RUNTIME_LABEL.to_owned(), names.join(",")),
            ]),
            build_variables: setup.proxy.variables().into_iter().collect(),
            warnings: self.warnings,
        }
    }
}

/// Twelve characters that depend on all that an image is made from.
fn content_hash(plan: &ImagePlan) -> String {
    let mut content = RECIPE_VERSION.as_bytes().to_vec();
    content.extend(plan.content());
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

/// What to say of a package that there is no other for.
pub(super) fn not_emulated_package(name: &str) -> String {
    format!("`stack.packages` entry `{name}` is not emulated")
}

/// What to say of an extension of PHP that cannot be had.
pub(super) fn not_emulated_extension(name: &str) -> String {
    format!("PHP's extension `{name}` is not emulated")
}
