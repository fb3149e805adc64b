//! Committed settings that reach for what lies outside the repository.
//!
//! The engine of these tests is an address at which nothing answers: exit code 69 says that the settings were taken.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::{Outcome, TestProject};

const CONFIG: &str = "
applications:
  app:
    type: nodejs:24
    relationships: { db: null }
    operations: { build: { commands: { start: 'true' } } }
services:
  db: { type: 'postgresql:18' }
";

/// It stands in a file beside the repository, and in a variable of the process.
const SECRET: &str = "hunter2-of-this-machine";

/// Commands that read the settings and not what these name.
const LOOK: &[&[&str]] = &[
    &["check"],
    &["check", "--format", "json"],
    &["check", "--format", "sarif"],
    &["check", "--format", "github"],
    &["config"],
    &["plan"],
    &["access"],
    &["access", "--all-types", "--format", "json"],
];

/// Commands that read the files which the settings name.
const READ: &[&[&str]] = &[
    &["list"],
    &["variables", "--full"],
    &["variables", "--format", "json"],
    &["variables", "--phase", "build"],
    &["run", "build"],
    &["up"],
    &["test"],
    &["mount", "list"],
    &["source-operation", "list"],
];

/// Commands that must work whatever the settings name.
const TIDY: &[&[&str]] = &[&["status"], &["down"], &["clean", "--yes"], &["doctor"]];

/// What commands come to: whether the settings are refused.
struct Refused {
    look: bool,
    read: bool,
    tidy: bool,
}

const EVERYWHERE: Refused = Refused {
    look: true,
    read: true,
    tidy: true,
};
/// What stands there leads out, and tidying up does without it.
const UNLESS_TIDYING: Refused = Refused {
    tidy: false,
    ..EVERYWHERE
};
const WHERE_IT_IS_READ: Refused = Refused {
    look: false,
    ..UNLESS_TIDYING
};
const NOWHERE: Refused = Refused {
    read: false,
    ..WHERE_IT_IS_READ
};

struct Attack {
    name: &'static str,
    /// `.upsun-local.yaml`; none where `plant` makes it.
    settings: Option<&'static str>,
    plant: fn(&Path),
    refused: Refused,
    /// What an error says.
    words: &'static str,
}

const fn attack(
    name: &'static str,
    settings: &'static str,
    refused: Refused,
    words: &'static str,
) -> Attack {
    Attack {
        name,
        settings: Some(settings),
        plant: |_| {},
        refused,
        words,
    }
}

const fn planted(
    name: &'static str,
    settings: Option<&'static str>,
    plant: fn(&Path),
    refused: Refused,
    words: &'static str,
) -> Attack {
    Attack {
        name,
        settings,
        plant,
        refused,
        words,
    }
}

const OUTSIDE: &str = "it leads outside the repository";
const REACHES: &str = "reaches outside the repository";

const ATTACKS: &[Attack] = &[
    // The settings file itself.
    planted(
        "a link to a file of this machine",
        None,
        |root| link("../secret", root, SETTINGS),
        EVERYWHERE,
        OUTSIDE,
    ),
    planted(
        "a link to endless zeros",
        None,
        |root| link("/dev/zero", root, SETTINGS),
        EVERYWHERE,
        OUTSIDE,
    ),
    planted(
        "a link to the variables of the process",
        None,
        |root| link("/proc/self/environ", root, SETTINGS),
        EVERYWHERE,
        OUTSIDE,
    ),
    planted(
        "a link to standard input",
        None,
        |root| link("/dev/stdin", root, SETTINGS),
        EVERYWHERE,
        "",
    ),
    planted(
        "a link to itself",
        None,
        |root| link(SETTINGS, root, SETTINGS),
        EVERYWHERE,
        "leads to itself",
    ),
    planted(
        "a named pipe",
        None,
        |root| pipe(root, SETTINGS),
        EVERYWHERE,
        "not a regular file",
    ),
    planted(
        "a socket",
        None,
        |root| socket(root, SETTINGS),
        EVERYWHERE,
        "not a regular file",
    ),
    planted(
        "a directory",
        None,
        |root| std::fs::create_dir(root.join(SETTINGS)).unwrap(),
        EVERYWHERE,
        "it is a directory",
    ),
    planted(
        "ten terabytes of holes",
        None,
        |root| holes(root, SETTINGS),
        EVERYWHERE,
        "larger than 1 MiB",
    ),
    // Files of other programs, in the place of settings.
    attack(
        "a .netrc",
        "machine github.com login x password hunter2-of-this-machine\n",
        EVERYWHERE,
        ".upsun-local.yaml:1",
    ),
    attack(
        "one token",
        "hunter2-of-this-machine\n",
        EVERYWHERE,
        ".upsun-local.yaml:1",
    ),
    attack(
        "a shell script",
        "export TOKEN=hunter2-of-this-machine\n",
        EVERYWHERE,
        ".upsun-local.yaml:1",
    ),
    attack(
        "a value in the wrong place",
        "role: hunter2-of-this-machine\n",
        EVERYWHERE,
        "role: this value is not a role",
    ),
    attack(
        "a broken text",
        "project: \"hunter2-of-this-machine\n",
        EVERYWHERE,
        ".upsun-local.yaml:",
    ),
    attack(
        "an alias",
        "project: *hunter2-of-this-machine\n",
        EVERYWHERE,
        ".upsun-local.yaml:1",
    ),
    // The project's id.
    planted(
        "the id is a file of this machine",
        Some("port: 8080\n"),
        |root| link("../../../secret", root, LINKED),
        NOWHERE,
        "",
    ),
    planted(
        "the id is endless zeros",
        Some("port: 8080\n"),
        |root| link("/dev/zero", root, LINKED),
        NOWHERE,
        "",
    ),
    planted(
        "the id is a named pipe",
        Some("port: 8080\n"),
        |root| pipe(root, LINKED),
        NOWHERE,
        "",
    ),
    planted(
        "the id is endless holes",
        Some("port: 8080\n"),
        |root| holes(root, LINKED),
        NOWHERE,
        "",
    ),
    // `env_file`.
    planted(
        "variables are a file of this machine",
        Some("env_file: .env\n"),
        |root| link("../secret", root, ".env"),
        WHERE_IT_IS_READ,
        OUTSIDE,
    ),
    planted(
        "variables are those of the process",
        Some("env_file: .env\n"),
        |root| link("/proc/self/environ", root, ".env"),
        WHERE_IT_IS_READ,
        OUTSIDE,
    ),
    planted(
        "variables are below a folder that leads out",
        Some("env_file: folder/secret\n"),
        |root| link("..", root, "folder"),
        WHERE_IT_IS_READ,
        OUTSIDE,
    ),
    planted(
        "variables are endless zeros",
        Some("env_file: .env\n"),
        |root| link("/dev/zero", root, ".env"),
        WHERE_IT_IS_READ,
        OUTSIDE,
    ),
    planted(
        "variables are a named pipe",
        Some("env_file: .env\n"),
        |root| pipe(root, ".env"),
        WHERE_IT_IS_READ,
        "not a regular file",
    ),
    planted(
        "variables are a megabyte too many",
        Some("env_file: .env\n"),
        |root| std::fs::write(root.join(".env"), vec![b'#'; 2 << 20]).unwrap(),
        WHERE_IT_IS_READ,
        "larger than 1 MiB",
    ),
    planted(
        "variables are a folder",
        Some("env_file: .upsun\n"),
        |_| {},
        WHERE_IT_IS_READ,
        "it is a directory",
    ),
    attack(
        "variables are not there",
        "env_file: .env\n",
        WHERE_IT_IS_READ,
        ".upsun-local.yaml:1: `env_file`: there is no such file",
    ),
    planted(
        "variables are no variables",
        Some("env_file: .env\n"),
        |root| std::fs::write(root.join(".env"), SECRET).unwrap(),
        WHERE_IT_IS_READ,
        "`env_file`: line 1 is not",
    ),
    attack(
        "an absolute path of variables",
        "env_file: /proc/self/environ\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "a path of variables that leads out",
        "env_file: ../secret\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "a path of variables that leads out and in again",
        "env_file: a/../../repository/.env\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    // `ca_certificates`.
    attack(
        "certificates on standard input",
        "ca_certificates: [/dev/stdin]\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "certificates of endless zeros",
        "ca_certificates: /dev/zero\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    planted(
        "certificates are a file of this machine",
        Some("ca_certificates: a.pem\n"),
        |root| link("../secret", root, "a.pem"),
        WHERE_IT_IS_READ,
        OUTSIDE,
    ),
    planted(
        "certificates are a named pipe",
        Some("ca_certificates: a.pem\n"),
        |root| pipe(root, "a.pem"),
        WHERE_IT_IS_READ,
        "not a regular file",
    ),
    planted(
        "certificates are none",
        Some("ca_certificates: a.pem\n"),
        |root| std::fs::write(root.join("a.pem"), SECRET).unwrap(),
        WHERE_IT_IS_READ,
        "no PEM certificate",
    ),
    // What leads out by itself.
    attack(
        "the engine of a stranger",
        "engine: tcp://evil.example:2375\n",
        EVERYWHERE,
        REACHES,
    ),
    attack(
        "the engine is a command",
        "engine: 'ssh://-oProxyCommand=touch%20canary'\n",
        EVERYWHERE,
        REACHES,
    ),
    attack(
        "the proxy of a stranger",
        "proxy: { https: 'http://evil.example' }\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "the password of the proxy",
        "proxy: { credentials: true }\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "the service of a stranger",
        "services: { db: { external: 'postgres://evil.example' } }\n",
        UNLESS_TIDYING,
        "`services.db.external` reaches",
    ),
    attack(
        "a port of the system",
        "port: 80\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "a port of the system for mail",
        "mail: { port: 25 }\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "an image of a registry of this machine",
        "images: { 'nodejs:24': 'localhost:5000/private' }\n",
        UNLESS_TIDYING,
        REACHES,
    ),
];

const SETTINGS: &str = ".upsun-local.yaml";
const LINKED: &str = ".upsun/local/project.yaml";

/// Makes room for a file.
fn place(root: &Path, name: &str) -> std::path::PathBuf {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

fn link(target: &str, root: &Path, name: &str) {
    symlink(target, place(root, name)).unwrap();
}

fn pipe(root: &Path, name: &str) {
    let made = Command::new("mkfifo").arg(place(root, name)).status();
    assert!(made.unwrap().success());
}

fn socket(root: &Path, name: &str) {
    drop(UnixListener::bind(place(root, name)).unwrap());
}

fn holes(root: &Path, name: &str) {
    let file = std::fs::File::create(place(root, name)).unwrap();
    file.set_len(10 << 40).unwrap();
}

fn project(settings: Option<&str>) -> TestProject {
    let project = TestProject::new(CONFIG);
    let file = project.root().join(SETTINGS);
    std::fs::remove_file(&file).unwrap();
    if let Some(settings) = settings {
        std::fs::write(file, settings).unwrap();
    }
    let secret = format!("machine example.com login x password {SECRET}\nid: {SECRET}\n");
    std::fs::write(project.root().join("../secret"), secret).unwrap();
    project
}

/// Runs the binary where no engine answers, with a pipe as standard input that nobody writes to.
fn run(project: &TestProject, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let mut command = project.command(arguments);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        command.env_remove(name);
    }
    command
        .env("DOCKER_HOST", "unix:///nothing/answers/here.sock")
        .env("A_SECRET", SECRET)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let input = child.stdin.take();
    let id = child.id().to_string();
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    // Only there so that a test that fails does not last for ever.
    let Ok(output) = receiver.recv_timeout(Duration::from_secs(120)) else {
        let _ = Command::new("kill").args(["-9", &id]).status();
        panic!("{arguments:?} does not end");
    };
    drop(input);
    let output = output.expect("its output");
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn try_out(attack: &Attack) {
    let project = project(attack.settings);
    (attack.plant)(&project.root());
    let all = [
        (LOOK, attack.refused.look),
        (READ, attack.refused.read),
        (TIDY, attack.refused.tidy),
    ];
    for (commands, refused) in all {
        for arguments in commands {
            let outcome = run(&project, arguments, &[]);
            let shown = format!("{}: {arguments:?}\n{}", attack.name, outcome.shown());
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(!shown.contains("evil.example"), "{shown}");
            // It says what it can, and needs no settings for that.
            let refused = refused && arguments[0] != "doctor";
            assert_eq!(outcome.code == 65, refused, "{shown}");
            assert!(!refused || outcome.stderr.contains(attack.words), "{shown}");
            let codes = match arguments[0] {
                // There is no commit to compare with.
                "plan" => [64, 65],
                // A test that could not run.
                "test" => [70, 65],
                _ if outcome.code == 0 => [0, 65],
                _ => [69, 65],
            };
            assert!(codes.contains(&outcome.code), "{shown}");
        }
    }
    assert!(!project.root().join("canary").exists());
}

#[test]
fn a_settings_file_that_is_no_file_of_the_repository() {
    ATTACKS[..9].iter().for_each(try_out);
}

#[test]
fn a_settings_file_that_is_something_else() {
    ATTACKS[9..15].iter().for_each(try_out);
}

#[test]
fn an_id_that_is_no_file_of_the_repository() {
    ATTACKS[15..19].iter().for_each(try_out);
}

#[test]
fn variables_and_certificates_from_outside_the_repository() {
    ATTACKS[19..36].iter().for_each(try_out);
}

#[test]
fn settings_that_lead_out_of_the_repository() {
    ATTACKS[36..].iter().for_each(try_out);
}

fn git(project: &TestProject, arguments: &[&str]) {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
        .args(arguments)
        .current_dir(project.root())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    assert!(command.output().unwrap().status.success(), "{arguments:?}");
}

/// Everything that leads out, and counts where the user says it.
const OWN: &str = "
env_file: ../own.env
proxy: { http: 'http://own.example:3128' }
services: { db: { external: 'postgres://own.example/main' } }
port: 80
";

fn is_taken(project: &TestProject) -> bool {
    let outcome = run(project, &["variables", "--format", "json"], &[]);
    if outcome.code == 65 {
        assert!(
            outcome.stderr.contains("`port` reaches"),
            "{}",
            outcome.stderr
        );
        return false;
    }
    let outcome = outcome.expect(0);
    for word in [
        "FROM_OWN_FILE",
        "http://own.example:3128",
        "PLATFORM_RELATIONSHIPS",
    ] {
        assert!(outcome.stdout.contains(word), "{word}: {}", outcome.stdout);
    }
    true
}

#[test]
fn what_leads_out_counts_in_the_users_own_settings() {
    let project = project(None);
    std::fs::create_dir_all(project.root().join("../config")).unwrap();
    std::fs::write(
        project.root().join("../config/own.env"),
        "FROM_OWN_FILE=1\n",
    )
    .unwrap();
    project.user_settings(OWN);
    assert!(is_taken(&project));
    project.user_settings("engine: tcp://127.0.0.1:1\n");
    let outcome = run(&project, &["status"], &[]).expect(69);
    assert!(
        outcome.stderr.contains("tcp://127.0.0.1:1"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_leads_out_counts_in_a_file_that_git_ignores_and_in_no_other() {
    let project = project(Some(OWN));
    std::fs::write(project.root().join("../own.env"), "FROM_OWN_FILE=1\n").unwrap();
    project.file(".gitignore", ".upsun-local.yaml\n");
    assert!(!is_taken(&project), "outside Git");
    git(&project, &["init", "--quiet"]);
    assert!(is_taken(&project), "ignored");
    project.file(".gitignore", "");
    assert!(!is_taken(&project), "not ignored");
    project.file(".gitignore", ".upsun-local.yaml\n");
    git(&project, &["add", "--force", "."]);
    assert!(!is_taken(&project), "tracked");
}

#[test]
fn flags_and_variables_stand_above_and_name_anything() {
    let project = project(None);
    std::fs::write(project.root().join("../own.env"), "FROM_OWN_FILE=1\n").unwrap();
    let named = [("UPSUN_LOCAL_ENV_FILE", "../own.env")];
    let outcome = run(&project, &["variables"], &named).expect(0);
    assert!(
        outcome.stdout.contains("FROM_OWN_FILE"),
        "{}",
        outcome.stdout
    );
    let image = [("UPSUN_LOCAL_IMAGES", "nodejs:24=localhost:5000/mine")];
    let outcome = run(&project, &["run", "build"], &image).expect(69);
    assert!(!outcome.stderr.contains("images"), "{}", outcome.stderr);
    run(&project, &["list"], &[("UPSUN_LOCAL_IMAGES", "nodejs")]).expect(64);
    run(&project, &["status"], &[("UPSUN_LOCAL_PORT", "80")]).expect(69);
    let engine = ["--engine", "ssh://-oProxyCommand=touch canary", "status"];
    let outcome = run(&project, &engine, &[]).expect(69);
    assert!(
        outcome.stderr.contains("cannot begin with `-`"),
        "{}",
        outcome.stderr
    );
    assert!(!project.root().join("canary").exists());
}

#[test]
fn a_refusal_names_every_key_its_line_and_the_place_for_it() {
    let project = project(Some("project: x\nport: 80\nengine: colima\n"));
    let outcome = project
        .command(&["list"])
        .env_remove("XDG_CONFIG_HOME")
        .output();
    let words = String::from_utf8(outcome.unwrap().stderr).unwrap();
    insta::assert_snapshot!(words, @r"
    error: .upsun-local.yaml:2: `port` reaches outside the repository, and may not be set by a file that comes with it
           .upsun-local.yaml:3: `engine` reaches outside the repository, and may not be set by a file that comes with it

    hint: write it into ~/.config/upsun-local/settings.yaml; it counts in .upsun-local.yaml too where Git ignores that file
    ");
}

#[test]
fn committed_settings_of_a_commit_are_not_quoted_either() {
    let project = project(Some("users: { ada: hunter2-of-this-machine }\n"));
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "--message", "x"]);
    project.file(SETTINGS, "users: { ada: admin }\n");
    let outcome = run(&project, &["access", "--against", "HEAD"], &[]).expect(65);
    let words = &outcome.stderr;
    assert!(
        words.contains("HEAD:.upsun-local.yaml:1: users.ada: this value"),
        "{words}"
    );
    assert!(!words.contains("hunter2"), "{words}");
}

#[test]
fn users_of_the_users_own_settings_are_new_to_nobody() {
    let project = project(Some("users: { ada: viewer }\n"));
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "--message", "x"]);
    project.user_settings("users: { eve: admin }\n");
    let arguments = ["access", "--against", "HEAD", "--deny-widening"];
    run(&project, &arguments, &[]).expect(0);
}

#[test]
fn the_password_of_a_proxy_stays_on_this_machine_unless_it_is_wanted_in_containers() {
    let project = project(None);
    let proxy = format!("http://user:{SECRET}@proxy.example:3128");
    let variables = [("HTTPS_PROXY", proxy.as_str())];
    let outcome = run(
        &project,
        &["variables", "HTTPS_PROXY", "--format", "json"],
        &variables,
    );
    let text = outcome.expect(0).stdout;
    assert!(text.contains("\"http://proxy.example:3128\""), "{text}");
    project.user_settings("proxy: { credentials: true }\n");
    for format in ["table", "json", "csv", "plain"] {
        let arguments = ["variables", "--full", "--format", format];
        let text = run(&project, &arguments, &variables).expect(0).stdout;
        assert!(text.contains("http://******@proxy.example:3128"), "{text}");
        assert!(!text.contains(SECRET), "{text}");
    }
}
