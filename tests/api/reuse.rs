//! `upsun-local upsun` finds a `serve` that runs for the repository, and only such a one. Upsun's command is a script
//! here that says where it was led.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::Server;
use crate::support::{TestProject, outcome};

const CONFIG: &str = "applications: { app: { type: nodejs:24 } }\n";

/// A directory with a program `upsun` that prints the address of its server, its project, and who it is.
fn program(project: &TestProject) -> PathBuf {
    let directory = project.root().parent().unwrap().join("bin");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("upsun");
    let script = "#!/bin/sh\necho \"$UPSUN_CLI_API_BASE_URL $PLATFORM_PROJECT ${UPSUN_CLI_TOKEN#*.}\"\nexit 7\n";
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    directory
}

/// `upsun-local` with these options before `upsun`.
fn command(project: &TestProject, options: &[&str]) -> Command {
    let mut command =
        project.command(&[options, &["upsun", "--role", "viewer", "--", "x"]].concat());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(program(project)).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(path).unwrap());
    command
}

/// The port to which Upsun's command is led, and the rest that it says.
fn led(command: &mut Command, root: &Path) -> (u16, String) {
    let ran = outcome(command, root).expect(7);
    let (address, rest) = ran.stdout.trim().split_once(' ').unwrap();
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    (port, rest.to_owned())
}

fn port(project: &TestProject, options: &[&str]) -> u16 {
    led(&mut command(project, options), &project.root()).0
}

/// Records of servers in the state directory.
fn records(project: &TestProject) -> Vec<PathBuf> {
    let state = project.root().parent().unwrap().join("state/upsun-local");
    let entries = std::fs::read_dir(state).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect()
}

#[test]
fn a_server_that_runs_for_the_repository_is_used() {
    let project = TestProject::new(CONFIG);
    let server = Server::start(&project);
    let (port, rest) = led(&mut command(&project, &[]), &project.root());
    assert_eq!(port, server.port);
    let id = project.id.replace('-', "_");
    assert_eq!(rest, format!("{id} r.dmlld2Vy"));
    // The server goes on.
    server.get("/users/me").expect(200);
    // Also from a directory below the root, and by another path.
    std::fs::create_dir_all(project.root().join("below")).unwrap();
    let mut below = command(&project, &[]);
    below.current_dir(project.root().join("below"));
    assert_eq!(led(&mut below, &project.root()).0, server.port);
    let link = project.root().parent().unwrap().join("link");
    std::os::unix::fs::symlink(project.root(), &link).unwrap();
    let named = ["-C", link.to_str().unwrap()];
    assert_eq!(self::port(&project, &named), server.port);
    // The configuration may break meanwhile.
    project.file(".upsun/config.yaml", "applications: [");
    assert_eq!(self::port(&project, &[]), server.port);
    server.end();
    // Without it, the command has a server of its own, which nobody else is led to.
    assert!(records(&project).is_empty());
    assert_eq!(led(&mut command(&project, &[]), &project.root()).1, rest);
    assert!(records(&project).is_empty());
}

#[test]
fn a_server_that_was_started_otherwise_is_not_used() {
    let project = TestProject::new(CONFIG);
    let server = Server::start(&project);
    for options in [
        &["--environment", "other"][..],
        &["--environment-type", "production"],
        &["--engine", "unix:///nonexistent"],
    ] {
        assert_ne!(port(&project, options), server.port, "{options:?}");
    }
    let mut with_variable = command(&project, &[]);
    with_variable.env("UPSUN_LOCAL_ROLE", "contributor");
    assert_ne!(led(&mut with_variable, &project.root()).0, server.port);
    // What changes nothing for a client does not count.
    assert_eq!(port(&project, &["--verbose"]), server.port);
}

#[test]
fn a_server_of_another_repository_is_not_used() {
    let project = TestProject::new(CONFIG);
    let other = project.root().parent().unwrap().join("other");
    std::fs::create_dir_all(other.join(".upsun")).unwrap();
    std::fs::write(other.join(".upsun/config.yaml"), CONFIG).unwrap();
    // The same id does not make it the same repository.
    let settings = project.root().join(".upsun-local.yaml");
    std::fs::copy(settings, other.join(".upsun-local.yaml")).unwrap();
    let theirs = Server::started(&mut project.command(&["-C", other.to_str().unwrap(), "serve"]));
    assert_ne!(port(&project, &[]), theirs.port);
    let own = Server::start(&project);
    assert_eq!(port(&project, &[]), own.port);
}

#[test]
fn a_server_of_another_version_is_not_used() {
    let project = TestProject::new(CONFIG);
    let server = Server::start(&project);
    let record = records(&project).pop().unwrap();
    let text = std::fs::read_to_string(&record).unwrap();
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{text}");
    // Written into the same file, which carries the lock.
    std::fs::write(&record, text.replace(&version, "\"version\":\"0.0.1\"")).unwrap();
    assert_ne!(port(&project, &[]), server.port);
    std::fs::write(&record, "nonsense").unwrap();
    assert_ne!(port(&project, &[]), server.port);
    std::fs::write(&record, text).unwrap();
    assert_eq!(port(&project, &[]), server.port);
}

#[test]
fn the_record_of_a_server_that_was_killed_is_removed() {
    let project = TestProject::new(CONFIG);
    let mut server = Server::start(&project);
    server.kill();
    let left = records(&project);
    assert_eq!(left.len(), 1);
    assert_ne!(port(&project, &[]), server.port);
    assert!(records(&project).is_empty());
    // A program of somebody else at the port of a server that was killed is asked nothing.
    let text = format!(
        "{{\"address\":\"http://127.0.0.1:{}\",\"key\":\"k\",\"version\":\"{}\",\"manner\":\"m\",\"process\":1}}",
        server.port,
        env!("CARGO_PKG_VERSION")
    );
    std::fs::write(&left[0], text).unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", server.port)).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_ne!(port(&project, &[]), server.port);
    let asked = listener.accept().map_err(|err| err.kind());
    assert_eq!(asked.unwrap_err(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for_without_end() {
    use rustix::process::{Pid, Signal, kill_process};
    let project = TestProject::new(CONFIG);
    let server = Server::start(&project);
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let port = port(&project, &[]);
    kill_process(pid, Signal::CONT).unwrap();
    assert_ne!(port, server.port);
}
