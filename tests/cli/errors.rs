//! What it says when there is nothing to work with.

use crate::support::{TestProject, outcome};

const CONFIG: &str = "applications:\n  app:\n    type: nodejs:24\n    operations:\n      go: { commands: { start: 'true' } }\n";

#[test]
fn no_configuration_anywhere_above() {
    let project = TestProject::new(CONFIG);
    std::fs::remove_dir_all(project.root().join(".upsun")).expect("removed");
    insta::assert_snapshot!(project.run(&["run", "go"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no `.upsun/` in `[REPO]` or above it

    hint: go into a repository that Upsun can deploy, or name one with `-C`
    ");
}

#[test]
fn no_engine_answers_and_everything_tried_is_told() {
    let project = TestProject::new(CONFIG);
    let mut command = project.command(&["run", "go"]);
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    insta::assert_snapshot!(outcome(&mut command, &project.root()).shown(), @r"
    code: 69
    --- stdout
    --- stderr
    error: no container engine answers; tried:
      unix:///nowhere/docker.sock (from DOCKER_HOST): No such file or directory

    hint: start that engine, or unset what names it to let the usual sockets be tried
    ");
}

#[test]
fn a_socket_of_podman_that_nothing_listens_at_is_told_with_the_service_to_start() {
    let project = TestProject::new(CONFIG);
    let socket = project.root().join("podman.sock");
    // The file stays when the service has stopped by itself.
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    let mut command = project.command(&["run", "go"]);
    command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    insta::assert_snapshot!(outcome(&mut command, &project.root()).shown(), @r"
    code: 69
    --- stdout
    --- stderr
    error: no container engine answers; tried:
      unix://[REPO]/podman.sock (from DOCKER_HOST): Connection refused

    hint: start Podman's service: `systemctl --user start podman.socket`, or `podman system service --time 0`; without `--time 0`, the service stops by itself when it has had nothing to do for a few seconds
    ");
}

#[test]
fn an_engine_that_answers_errors_only_is_told_as_that() {
    let project = TestProject::new(CONFIG);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("tcp://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer);
            let body = r#"{"message":"out of order"}"#;
            let answer = format!(
                "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    for arguments in [
        &["run", "go"][..],
        &["up"],
        &["status"],
        &["down"],
        &["clean", "--yes"],
        &["exec", "--", "true"],
        &["logs"],
    ] {
        let all = [&["--engine", &address], arguments].concat();
        let words = project.run(&all).expect(69).stderr;
        for said in [
            format!("{address}: it answers with code 500: out of order\n"),
            "hint: the engine is there, but does not work: its log says why".to_owned(),
        ] {
            assert!(words.contains(&said), "{arguments:?}: {words}");
        }
    }
}

#[test]
fn an_invalid_configuration_stops_everything_but_what_cleans_up() {
    let project =
        TestProject::new("applications:\n  app:\n    type: nodejs:24\n    operatoins: {}\n");
    let result = project.run(&["run", "go"]);
    assert_eq!(result.code, 78, "{}", result.stderr);
    assert!(
        result.stderr.contains("did you mean `operations`"),
        "{}",
        result.stderr
    );
    assert!(
        result.stderr.contains(".upsun/config.yaml:4:5"),
        "{}",
        result.stderr
    );
}

#[test]
fn bad_settings_name_the_line() {
    let project = TestProject::new(CONFIG);
    project.file(".upsun-local.yaml", "project: x\nimagse: {}\n");
    let result = project.run(&["list"]);
    assert_eq!(result.code, 65, "{}", result.stderr);
    assert!(result.stderr.contains("images"), "{}", result.stderr);
}

#[test]
fn settings_that_name_what_the_configuration_does_not_have_are_refused() {
    let project = TestProject::new(
        "applications:\n  shop:\n    type: nodejs:24\nservices:\n  database: {type: 'postgresql:17'}\n",
    );
    let refused = |settings: &str| {
        project.file(".upsun-local.yaml", settings);
        project.run(&["list"]).expect(65).stderr
    };
    assert_eq!(
        refused("dev:\n  apps:\n    shpo: {command: x}\n"),
        "error: .upsun-local.yaml:3: `dev.apps` names `shpo`: there is no such app\n\nhint: did you mean `shop`?\n"
    );
    assert_eq!(
        refused("services:\n  cache: {}\n"),
        "error: .upsun-local.yaml:2: `services` names `cache`: there is no such service\n\nhint: there are: `database`\n"
    );
    let both = refused("dev: {apps: {one: {}}}\nservices: {databse: {}}\n");
    assert!(both.contains(":1: `dev.apps` names `one`"), "{both}");
    assert!(both.contains("(did you mean `database`?)"), "{both}");
    project.file(
        ".upsun-local.yaml",
        "dev: {apps: {shop: {}}}\nservices: {database: {}}\n",
    );
    // The user's own settings are about other repositories too.
    project.user_settings("dev: {apps: {other: {}}}\nservices: {other: {}}\n");
    project.run(&["list"]).expect(0);
}

#[test]
fn usage_errors_have_the_code_of_usage_errors() {
    let project = TestProject::new(CONFIG);
    assert_eq!(project.run(&["run", "go", "--no-such-flag"]).code, 64);
    assert_eq!(
        project.run(&["down", "--volumes"]).code,
        64,
        "needs an answer, and nobody can give one"
    );
    assert_eq!(project.run(&["--version"]).code, 0);
}

#[test]
fn a_path_with_spaces_and_unicode_is_no_trouble() {
    let project = TestProject::new(CONFIG);
    let odd = project.root().join("spaß und mehr");
    std::fs::create_dir_all(odd.join(".upsun")).expect("a directory");
    std::fs::write(odd.join(".upsun/config.yaml"), CONFIG).expect("a file");
    let mut command = project.command(&["list", "--format", "plain", "--no-header"]);
    command.current_dir(&odd);
    assert_eq!(
        outcome(&mut command, &odd).expect(0).stdout,
        "app\tgo\ttrue\t\tcontributor\n"
    );
}
