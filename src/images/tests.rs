use serde_json::json;

use super::*;
use crate::config::app::{Commands, Flavor, Hooks, Protocol, SocketFamily, Web};
use crate::config::problem::Place;
use crate::roles::Role;

pub(crate) fn app(image: Image, raw: Value) -> App {
    App {
        name: "app".to_owned(),
        place: Place::default(),
        image,
        source_root: String::new(),
        flavor: Flavor::Default,
        dependencies: IndexMap::new(),
        hooks: Hooks::default(),
        mounts: Vec::new(),
        web: Web {
            commands: Commands::default(),
            socket_family: SocketFamily::Tcp,
            protocol: Protocol::Http,
            locations: Vec::new(),
            document_root: String::new(),
        },
        workers: Vec::new(),
        operations: Vec::new(),
        ssh: Role::Contributor,
        variables: IndexMap::new(),
        relationships: Vec::new(),
        timezone: "UTC".to_owned(),
        additional_hosts: IndexMap::new(),
        raw,
    }
}

fn runtime(text: &str) -> Runtime {
    let (name, version) = text.split_once(':').unwrap_or((text, ""));
    Runtime {
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

fn single(text: &str) -> App {
    app(Image::Runtime(runtime(text)), json!({}))
}

fn composable(runtimes: &[&str], packages: &[&str]) -> App {
    let runtimes = runtimes
        .iter()
        .map(|text| StackRuntime {
            runtime: runtime(text),
            extensions: Vec::new(),
            disabled_extensions: Vec::new(),
        })
        .collect();
    let image = Image::Composable {
        channel: "25.11".to_owned(),
        runtimes,
        packages: packages.iter().map(|name| (*name).to_owned()).collect(),
    };
    app(image, json!({}))
}

struct Given {
    overrides: IndexMap<String, String>,
    certificates: Option<Certificates>,
    proxy: Proxy,
    user: User,
    base_id: Option<&'static str>,
    clients: Vec<Clients>,
}

fn given() -> Given {
    Given {
        overrides: IndexMap::new(),
        certificates: None,
        proxy: Proxy::default(),
        user: User::default(),
        base_id: None,
        clients: Vec::new(),
    }
}

impl Given {
    fn recipe(&self, app: &App) -> Recipe {
        recipe(
            app,
            &Setup {
                overrides: &self.overrides,
                certificates: self.certificates.as_ref(),
                proxy: &self.proxy,
                user: self.user,
                base_id: self.base_id,
                clients: &self.clients,
            },
        )
        .unwrap()
    }
}

fn file<'a>(recipe: &'a Recipe, name: &str) -> Option<&'a str> {
    recipe
        .files
        .iter()
        .find(|file| file.path == format!("setup/{name}"))
        .map(|file| std::str::from_utf8(&file.bytes).unwrap())
}

#[test]
fn a_single_runtime_is_its_official_image_and_the_setup() {
    let recipe = given().recipe(&single("nodejs:24"));
    assert_eq!(
        recipe.dockerfile,
        r#"FROM node:24-bookworm
USER root
ENV PATH="/app/.global/bin:$PATH"
COPY setup/ /usr/local/lib/upsun-local/
RUN ["/bin/sh", "/usr/local/lib/upsun-local/setup.sh", "10000", "10000", "nodejs"]
ENV HOME="/app"
WORKDIR /app
ENTRYPOINT []
CMD ["/bin/bash"]
STOPSIGNAL SIGTERM
USER 10000:10000
"#
    );
    assert_eq!(recipe.base.as_str(), "node:24-bookworm");
    let (name, hash) = recipe.tag.split_once(':').unwrap();
    assert_eq!(name, "upsun-local/nodejs-24");
    assert_eq!(hash.len(), 12);
    assert_eq!(recipe.files.len(), 2, "setup.sh and supervise.sh");
    assert_eq!(recipe.context().len(), 3);
    assert_eq!(recipe.labels[RUNTIME_LABEL], "nodejs:24");
    assert_eq!(recipe.labels[crate::labels::LABEL_KIND], "image");
}

#[test]
fn the_same_input_gives_the_same_tag_and_each_part_of_it_another() {
    let app = single("nodejs:24");
    let tag = given().recipe(&app).tag;
    assert_eq!(tag, given().recipe(&app).tag);

    let mut other = given();
    other.user = User { uid: 1, gid: 1 };
    assert_ne!(tag, other.recipe(&app).tag);
    let mut other = given();
    other.base_id = Some("sha256:00");
    assert_ne!(tag, other.recipe(&app).tag);
    let mut other = given();
    other.overrides.insert("nodejs".into(), "my/node".into());
    assert_ne!(tag, other.recipe(&app).tag);
    let mut other = given();
    other.certificates = Some(Certificates::parse(
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ));
    assert_ne!(tag, other.recipe(&app).tag);
    assert!(file(&other.recipe(&app), "certificates.pem").is_some());
}

#[test]
fn clients_come_from_the_services_image_and_are_no_reason_to_build_again() {
    let app = single("python:3.14");
    let without = given().recipe(&app);
    assert_eq!(without.build_tag, without.tag);
    let mut other = given();
    other.clients = vec![Clients {
        name: "postgresql",
        image: ImageRef::new("postgres:18-bookworm").unwrap(),
        commands: &["psql", "pg_dump"],
    }];
    let recipe = other.recipe(&app);
    assert_eq!(recipe.build_tag, without.build_tag);
    assert_ne!(recipe.tag, without.tag);
    assert_eq!(recipe.copied_from, [other.clients[0].image.clone()]);
    let stage = "FROM postgres:18-bookworm AS clients-postgresql\nUSER root\n\
                 COPY clients.sh /upsun-local-clients.sh\n\
                 RUN [\"/bin/sh\", \"/upsun-local-clients.sh\", \"psql\", \"pg_dump\"]\n\
                 FROM python:3.14-bookworm\n";
    assert!(
        recipe.dockerfile.starts_with(stage),
        "{}",
        recipe.dockerfile
    );
    let copy = "COPY --from=clients-postgresql /upsun-local/ /usr/local/lib/upsun-local/clients/postgresql/\n\
                COPY setup/ ";
    assert!(recipe.dockerfile.contains(copy), "{}", recipe.dockerfile);
    assert!(
        recipe
            .context()
            .iter()
            .any(|file| file.path == "clients.sh")
    );
}

#[test]
fn a_proxy_is_for_the_build_only() {
    let app = single("nodejs:24");
    let mut other = given();
    let settings = crate::settings::Proxy {
        https: Some("http://user:secret@proxy:3128".to_owned()),
        ..Default::default()
    };
    other.proxy = Proxy::find(&settings, |_| None);
    let recipe = other.recipe(&app);
    assert_eq!(recipe.tag, given().recipe(&app).tag);
    assert!(!recipe.dockerfile.contains("secret"));
    assert_eq!(recipe.build_arguments.len(), 2);
}

#[test]
fn php_has_upsuns_extensions_and_those_asked_for() {
    let app = app(
        Image::Runtime(runtime("php:8.4")),
        json!({"runtime": {
            "extensions": ["redis", "PDO-pgsql", {"name": "blackfire"}, "a b", "zip"],
            "disabled_extensions": ["gd"],
        }}),
    );
    let recipe = given().recipe(&app);
    let extensions: Vec<&str> = file(&recipe, "extensions").unwrap().lines().collect();
    assert!(extensions.contains(&"intl"));
    assert!(!extensions.contains(&"gd"));
    assert!(extensions.ends_with(&["redis", "pdo_pgsql", "blackfire"]));
    assert_eq!(file(&recipe, "disabled-extensions"), Some("gd\n"));
    assert_eq!(recipe.warnings, ["PHP's extension `a b` is not emulated"]);
}

#[test]
fn php_has_the_command_that_starts_fpm() {
    let recipe = given().recipe(&single("php:8.4"));
    let line = "COPY setup/start-php-app /usr/bin/start-php-app\n";
    assert!(recipe.dockerfile.contains(line), "{}", recipe.dockerfile);
    let script = recipe
        .files
        .iter()
        .find(|file| file.path == "setup/start-php-app");
    assert_eq!(script.unwrap().mode, 0o755);
    let other = given().recipe(&single("nodejs:24"));
    assert!(!other.dockerfile.contains("start-php-app"));
}

#[test]
fn composer_comes_from_its_image_unless_php_has_an_image_of_its_own() {
    let php = single("php:8.4");
    let mut given = given();
    let line = "COPY --from=composer:2 /usr/bin/composer /usr/local/bin/composer\n";
    assert!(given.recipe(&php).dockerfile.contains(line));
    assert!(given.recipe(&single("nodejs:24")).copied_from.is_empty());

    given.overrides.insert("php:8.4".into(), "my/php".into());
    assert!(given.recipe(&php).copied_from.is_empty());

    given
        .overrides
        .insert("composer".into(), "my/composer".into());
    assert_eq!(
        given.recipe(&php).copied_from,
        [ImageRef::new("my/composer").unwrap()]
    );
}

#[test]
fn java_has_its_build_tools() {
    let recipe = given().recipe(&single("java:21"));
    assert!(recipe.dockerfile.contains(
        "COPY --from=maven:3-eclipse-temurin-21 /usr/share/maven/ /usr/share/maven/\n\
         COPY --from=gradle:jdk21 /opt/gradle/ /opt/gradle/\n"
    ));
}

#[test]
fn further_runtimes_are_copied_onto_the_primary_one() {
    let app = composable(&["php:8.4", "nodejs:24", "golang:1.26"], &[]);
    let recipe = given().recipe(&app);
    assert!(recipe.dockerfile.starts_with(
        "FROM php:8.4-fpm-bookworm\n\
         USER root\n\
         COPY --from=node:24-bookworm /usr/local/ /usr/local/\n\
         COPY --from=golang:1.26-bookworm /usr/local/go/ /usr/local/go/\n\
         COPY --from=composer:2 /usr/bin/composer /usr/local/bin/composer\n\
         ENV PATH=\"/usr/local/go/bin:$PATH\"\n"
    ));
    assert!(
        file(&recipe, "runtimes")
            .unwrap()
            .starts_with("nodejs:24\tnode\tnode --version\tlibatomic1\tnodejs npm\n")
    );
    assert!(recipe.tag.starts_with("upsun-local/composable-php-8-4:"));
    assert_eq!(
        recipe.labels[RUNTIME_LABEL],
        "php:8.4,nodejs:24,golang:1.26"
    );
}

#[test]
fn packages_are_listed_with_the_ways_to_get_them() {
    let app = composable(&["nodejs:24"], &["sqlite", "goaccess", "no such; thing"]);
    let recipe = given().recipe(&app);
    assert_eq!(
        file(&recipe, "packages"),
        Some("sqlite\tdeb:sqlite3\ngoaccess\tdeb:goaccess\n")
    );
    assert_eq!(
        recipe.warnings,
        ["`stack.packages` entry `no such; thing` is not emulated"]
    );
}

#[test]
fn packages_alone_need_no_runtime() {
    let recipe = given().recipe(&composable(&[], &["hugo"]));
    assert_eq!(recipe.base.as_str(), "debian:bookworm");
    assert!(recipe.tag.starts_with("upsun-local/composable-packages:"));
}

#[test]
fn lines_for_the_builder_become_warnings() {
    let warning = |line: &str| match notice(line) {
        Some(Notice::Warning(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        warning("upsun-local: not-emulated goaccess\n"),
        "`stack.packages` entry `goaccess` is not emulated"
    );
    assert_eq!(
        warning("upsun-local: not-emulated-extension blackfire"),
        "PHP's extension `blackfire` is not emulated"
    );
    assert_eq!(
        notice("upsun-local: failed the image lacks `node`"),
        Some(Notice::Failure("the image lacks `node`".to_owned()))
    );
    assert_eq!(
        warning("\u{1b}[0mupsun-local: not-emulated-tool composer"),
        "the command `composer` is missing in the container: Upsun's has it"
    );
    assert_eq!(notice("Setting up jq (1.7.1) ..."), None);
    assert_eq!(notice("upsun-local: something else"), None);
}

/// Writes build contexts below `UPSUN_LOCAL_DUMP`, to try them with an engine by hand:
/// `docker build -t <tag> <folder>`, with the folder's name in place of the runtime.
#[test]
#[ignore = "writes build contexts for trying them by hand"]
fn dump_build_contexts() {
    let folder = std::path::PathBuf::from(std::env::var_os("UPSUN_LOCAL_DUMP").unwrap());
    let mut given = given();
    given.certificates = find_ca_bundle(
        &crate::settings::Settings::default(),
        |name| std::env::var(name).ok(),
        crate::bounded::read_anywhere,
    )
    .unwrap();
    let composable = composable(
        &["nodejs:24", "python:3.14"],
        &["sqlite", "yarn", "python313Packages.yq", "no-such-thing"],
    );
    let apps = [
        ("nodejs", single("nodejs:24")),
        ("python", single("python:3.14")),
        ("php", single("php:8.4")),
        ("composable", composable),
    ];
    for (name, app) in apps {
        let recipe = given.recipe(&app);
        for file in recipe.context() {
            let path = folder.join(name).join(file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.bytes).unwrap();
        }
    }
}
