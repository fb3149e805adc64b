//! Committed settings that reach for what lies outside the repository.
//!
//! The engine of these tests is an address at which nothing answers: exit code 69 says that the settings were taken.

mod table;

use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use self::table::{ATTACKS, Attack, SETTINGS};
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

fn project(settings: Option<&str>) -> TestProject {
    let project = TestProject::new(CONFIG);
    let file = project.root().join(SETTINGS);
    std::fs::remove_file(&file).expect("it can be done");
    if let Some(settings) = settings {
        std::fs::write(file, settings).expect("it can be done");
    }
    let secret = format!("machine example.com login x password {SECRET}\nid: {SECRET}\n");
    std::fs::write(project.root().join("../secret"), secret).expect("it can be done");
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
    assert!(
        command.output().expect("it can be done").status.success(),
        "{arguments:?}"
    );
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
    std::fs::create_dir_all(project.root().join("../config")).expect("it can be done");
    std::fs::write(
        project.root().join("../config/own.env"),
        "FROM_OWN_FILE=1\n",
    )
    .expect("it can be done");
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
    std::fs::write(project.root().join("../own.env"), "FROM_OWN_FILE=1\n").expect("it can be done");
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
    std::fs::write(project.root().join("../own.env"), "FROM_OWN_FILE=1\n").expect("it can be done");
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
    for (address, said) in [
        ("ssh://-oProxyCommand=touch canary", "not an address"),
        (
            "ssh://-oProxyCommand=touch%20canary",
            "cannot begin with `-`",
        ),
        (
            "ssh://-oProxyCommand=touch%20canary@host",
            "cannot begin with `-`",
        ),
    ] {
        let outcome = run(&project, &["--engine", address, "status"], &[]).expect(69);
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
        assert!(!project.root().join("canary").exists());
    }
}

#[test]
fn a_refusal_names_every_key_its_line_and_the_place_for_it() {
    let project = project(Some("project: x\nport: 80\nengine: colima\n"));
    let outcome = project
        .command(&["list"])
        .env_remove("XDG_CONFIG_HOME")
        .output();
    let words = String::from_utf8(outcome.expect("it can be done").stderr).expect("it can be done");
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

/// On an engine: an image that no registry has holds what its owner would not give to a stranger.
#[cfg(feature = "test-docker")]
#[test]
fn an_image_that_only_this_machine_has_is_not_given_to_a_repository() {
    struct Image(String);
    impl Drop for Image {
        fn drop(&mut self) {
            let _ = Command::new("docker").args(["rmi", "-f", &self.0]).output();
        }
    }
    let image = Image(format!("upsun-local-test/private:{}", std::process::id()));
    let made = Command::new("sh")
        .args([
            "-c",
            "echo 'FROM debian:bookworm' | docker build -q --label private=1 -t \"$0\" -",
        ])
        .arg(&image.0)
        .stdout(Stdio::null())
        .status();
    assert!(made.expect("it can be done").success());
    for kind in ["nodejs:24", "nodejs", "postgresql"] {
        let project = TestProject::on_engine(CONFIG);
        let settings = format!(
            "project: {}\nimages: {{ '{kind}': '{}' }}\n",
            project.id, image.0
        );
        project.file(SETTINGS, &settings);
        let words = project.run(&["run", "build"]).expect(65).stderr;
        assert!(words.contains("only this machine has it"), "{words}");
        assert!(words.contains("upsun-local/settings.yaml"), "{words}");
    }
}
