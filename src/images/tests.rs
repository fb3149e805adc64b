use serde_json::{Value, json};

use super::*;
use crate::config::app::{
    Commands, Flavor, Hooks, Image, Protocol, Runtime, START_PHP_APP, SocketFamily, StackRuntime,
    Web,
};
use crate::config::problem::Place;
use crate::image_ref::ImageRef;
use crate::roles::Role;

pub(crate) fn app(image: Image, raw: Value) -> App {
    App {
        name: "app".to_owned(),
        place: Place::default(),
        image,
        source_root: String::new(),
        flavor: Flavor::Default,
        build_caches: Vec::new(),
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
    clients: Vec<Clients>,
}

fn given() -> Given {
    Given {
        overrides: IndexMap::new(),
        certificates: None,
        proxy: Proxy::default(),
        user: User::default(),
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
                clients: &self.clients,
            },
        )
        .unwrap()
    }
}

/// What the image of an app holds, with no settings.
pub(crate) fn plan(app: &App) -> ImagePlan {
    given().recipe(app).plan
}

fn file<'a>(recipe: &'a Recipe, name: &str) -> Option<&'a str> {
    let files = &recipe.plan.files;
    let path = format!("/usr/local/lib/upsun-local/{name}");
    let found = files.iter().find(|file| file.path == path);
    found.map(|file| std::str::from_utf8(&file.bytes).unwrap())
}

/// What is copied, as `image from to`.
fn copies(recipe: &Recipe) -> Vec<String> {
    let copies = recipe.plan.copies.iter();
    copies
        .map(|copy| format!("{} {} {}", copy.image, copy.from, copy.to))
        .collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn dependencies_of_another_language_bring_its_runtime() {
    let with = |runtime: &str, languages: &[(&str, bool)]| {
        let mut app = single(runtime);
        for (language, has_packages) in languages {
            let packages = has_packages.then(|| ("a".to_owned(), json!("*")));
            let packages = packages.into_iter().collect();
            app.dependencies.insert((*language).to_owned(), packages);
        }
        copies(&given().recipe(&app))
    };
    let none: [&str; 0] = [];
    assert_eq!(
        with("golang:1.26", &[("nodejs", false), ("ruby", false)]),
        none
    );
    let python = "python:3.14-bookworm /usr/local/ /usr/local/";
    assert_eq!(with("golang:1.26", &[("python3", true)]), [python]);
    assert_eq!(
        with("golang:1.26", &[("python2", true), ("python3", true)]),
        [python]
    );
    assert_eq!(with("python:3.12", &[("python3", true)]), none);
    let all = [
        ("ruby", true),
        ("nodejs", true),
        ("python3", true),
        ("php", true),
    ];
    let of_php = with("php:8.4", &all);
    for image in [
        "node:24-bookworm ",
        "python:3.14-bookworm ",
        "ruby:3.4-bookworm ",
    ] {
        assert!(
            of_php.iter().any(|copy| copy.starts_with(image)),
            "{of_php:?}"
        );
    }
    assert!(
        !of_php.iter().any(|copy| copy.starts_with("php:")),
        "{of_php:?}"
    );
}

#[test]
fn php_for_dependencies_is_php_and_composer_alone() {
    let mut app = single("ruby:3.4");
    let packages = [("a/b".to_owned(), json!("*"))].into_iter().collect();
    app.dependencies.insert("php".to_owned(), packages);
    let recipe = given().recipe(&app);
    assert_eq!(
        copies(&recipe),
        [
            "php:8.4-fpm-bookworm /usr/local/ /usr/local/",
            "composer:2 /usr/bin/composer /usr/local/bin/composer"
        ]
    );
    assert_eq!(file(&recipe, "extensions"), None);
    let files = recipe.plan.files.iter().map(|file| file.path.as_str());
    assert!(!files.into_iter().any(|path| path == START_PHP_APP));
}

#[test]
fn node_from_version_20_on_has_bun_and_may_be_built_without_it() {
    let bun = |given: &Given, runtime: &str| {
        let plan = given.recipe(&single(runtime)).plan;
        let mut found = plan
            .copies
            .iter()
            .filter(|copy| copy.to == "/usr/local/bin/bun");
        found.next().map(|copy| {
            assert_eq!(plan.lacks_without(&copy.image), Some(vec!["bun"]));
            copy.image.clone()
        })
    };
    let mut given = given();
    for runtime in ["nodejs:20", "nodejs:26", "nodejs"] {
        assert_eq!(
            bun(&given, runtime).as_deref(),
            Some("oven/bun:1"),
            "{runtime}"
        );
    }
    for runtime in ["nodejs:18", "php:8.4"] {
        assert_eq!(bun(&given, runtime), None, "{runtime}");
    }
    given.overrides.insert("nodejs:24".into(), "my/node".into());
    assert_eq!(bun(&given, "nodejs:24"), None);
    given.overrides.insert("bun".into(), "my/bun".into());
    assert_eq!(bun(&given, "nodejs:24").as_deref(), Some("my/bun"));
    let base = given.recipe(&single("nodejs:24")).plan;
    assert_eq!(base.lacks_without("my/node"), None);
}

#[test]
fn a_single_runtime_is_its_official_image_and_the_setup() {
    let recipe = given().recipe(&single("nodejs:24"));
    let plan = &recipe.plan;
    assert_eq!(plan.bases(), ["node:24-bookworm", "oven/bun:1"]);
    assert_eq!(plan.variables, [pair("PATH", "/app/.global/bin:$PATH")]);
    let paths: Vec<&str> = plan.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/usr/local/lib/upsun-local/setup.sh",
            "/usr/local/lib/upsun-local/supervise.sh"
        ]
    );
    assert!(plan.files.iter().all(|file| file.mode == 0o644));
    assert_eq!(
        plan.command.join(" "),
        "/bin/sh /usr/local/lib/upsun-local/setup.sh 10000 10000 nodejs nodejs:24"
    );
    assert_eq!(plan.run_variables, [pair("HOME", "/app")]);
    assert_eq!(
        (plan.user.as_str(), plan.working_dir.as_str()),
        ("10000:10000", "/app")
    );
    assert_eq!(plan.run, ["/bin/bash"]);
    let (name, hash) = recipe.tag.split_once(':').unwrap();
    assert_eq!(name, "upsun-local/nodejs-24");
    assert_eq!(hash.len(), 12);
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
    assert_eq!(
        recipe.plan.bases(),
        ["python:3.14-bookworm", "postgres:18-bookworm"]
    );
    let [collected] = &recipe.plan.collected[..] else {
        panic!("{:?}", recipe.plan);
    };
    assert_eq!(
        collected.command.join(" "),
        "/bin/sh /upsun-local-clients.sh psql pg_dump"
    );
    assert_eq!(collected.files[0].path, "/upsun-local-clients.sh");
    assert_eq!(
        collected.to,
        "/usr/local/lib/upsun-local/clients/postgresql/"
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
    assert!(!format!("{:?}", recipe.plan).contains("secret"));
    assert_eq!(recipe.build_variables.len(), 2);
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
    let has = |recipe: &Recipe| {
        let files = &recipe.plan.files;
        let found = files
            .iter()
            .find(|file| file.path == "/usr/bin/start-php-app");
        found.map(|file| file.mode)
    };
    assert_eq!(has(&given().recipe(&single("php:8.4"))), Some(0o755));
    assert_eq!(has(&given().recipe(&single("nodejs:24"))), None);
}

#[test]
fn composer_comes_from_its_image_unless_php_has_an_image_of_its_own() {
    let php = single("php:8.4");
    let mut given = given();
    let composer = |image: &str| format!("{image} /usr/bin/composer /usr/local/bin/composer");
    assert_eq!(copies(&given.recipe(&php)), [composer("composer:2")]);
    assert_eq!(copies(&given.recipe(&single("python:3.14"))), [""; 0]);

    given.overrides.insert("php:8.4".into(), "my/php".into());
    assert_eq!(copies(&given.recipe(&php)), [""; 0]);

    given
        .overrides
        .insert("composer".into(), "my/composer".into());
    assert_eq!(copies(&given.recipe(&php)), [composer("my/composer")]);
}

#[test]
fn java_has_its_build_tools() {
    let recipe = given().recipe(&single("java:21"));
    assert_eq!(
        copies(&recipe),
        [
            "maven:3-eclipse-temurin-21 /usr/share/maven/ /usr/share/maven/",
            "gradle:jdk21 /opt/gradle/ /opt/gradle/"
        ]
    );
}

#[test]
fn further_runtimes_are_copied_onto_the_primary_one() {
    let app = composable(&["php:8.4", "nodejs:24", "golang:1.26"], &[]);
    let recipe = given().recipe(&app);
    assert_eq!(recipe.plan.base, "php:8.4-fpm-bookworm");
    assert_eq!(
        copies(&recipe),
        [
            "node:24-bookworm /usr/local/ /usr/local/",
            "golang:1.26-bookworm /usr/local/go/ /usr/local/go/",
            "composer:2 /usr/bin/composer /usr/local/bin/composer"
        ]
    );
    assert_eq!(
        recipe.plan.variables[0],
        pair("PATH", "/usr/local/go/bin:$PATH")
    );
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
    assert_eq!(recipe.plan.base, "debian:bookworm");
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
        let context = crate::engine::docker::build_context(&recipe.plan).unwrap();
        let to = folder.join(name);
        std::fs::create_dir_all(&to).unwrap();
        tar::Archive::new(&context[..]).unpack(to).unwrap();
    }
}

/// Runs a part of the setup script, with commands of these names that note how they are called, in place of real ones.
/// `fails` says in the shell's words which calls fail.
fn set_up(part: &str, commands: &[&str], fails: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    for name in commands {
        let path = directory.path().join(name);
        let text = format!(
            "echo \"{name} $*\" >>{}\ncase \"{name} $*\" in {fails}) exit 1 ;; esac\n",
            log.display()
        );
        std::fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
    }
    let script = include_str!("setup.sh");
    // The functions alone.
    let functions = script.split("\nadd_certificates\n").next().unwrap();
    let script = format!(
        "set -- 1 1 php php:8.4\n{functions}\nhere={}\n{part}",
        directory.path().display()
    );
    // Nothing else of this machine, which may have the commands that the script is to miss.
    for name in ["cat", "dirname", "grep", "mkdir", "nproc", "readlink", "rm"] {
        let mut places = ["/usr/bin", "/bin"]
            .map(|place| std::path::Path::new(place).join(name))
            .into_iter();
        let program = places.find(|program| program.exists()).unwrap();
        std::os::unix::fs::symlink(program, directory.path().join(name)).unwrap();
    }
    let path = directory.path().display().to_string();
    let run = std::process::Command::new("/bin/sh")
        .args(["-c", &script])
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}{errors}");
    let calls = std::fs::read_to_string(log).unwrap();
    format!("{calls}{said}")
}

#[test]
fn an_extension_that_cannot_be_built_is_built_once_and_so_are_the_others() {
    let part = "php_lacks() { printf '%s ' \"$@\"; }\nprintf 'bcmath\\nzip\\nredis\\nssh2\\n' >$here/extensions\nmkdir $here/none\nphp_extensions";
    let commands = [
        "apt-get",
        "docker-php-ext-configure",
        "docker-php-ext-enable",
        "docker-php-ext-install",
        "docker-php-source",
        "pecl",
    ];
    let said = set_up(part, &commands, "*redis");
    let calls = |name: &str| said.lines().filter(|line| line.starts_with(name)).count();
    // None of them is in PHP's source here, so all come from PECL.
    assert_eq!(calls("pecl install"), 4, "{said}");
    assert_eq!(calls("docker-php-ext-enable"), 3, "{said}");
    assert!(said.contains("pecl install ssh2-beta"), "{said}");
    assert!(
        said.contains("apt-get install -qy --no-install-recommends libzip-dev libssh2-1-dev"),
        "{said}"
    );
    assert!(said.contains("docker-php-source delete"), "{said}");
}

#[test]
fn the_tools_of_node_are_added_where_they_are_missing() {
    let said = set_up("node_tools", &["npm"], "none");
    assert_eq!(
        said,
        "npm install --global --force --prefix /usr/local corepack\nnpm install --global --force --prefix /usr/local yarn\n"
    );
    assert_eq!(
        set_up(
            "node_tools; npm --version",
            &["npm", "corepack", "yarn"],
            "none"
        ),
        "npm --version\n"
    );
}
