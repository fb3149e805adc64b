//! Engines that do not answer, images that do not exist, and repositories of an unusual shape.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use crate::engine::{app, objects, operations, running, volumes};
use crate::support::{TestProject, outcome};

#[test]
fn without_an_engine_it_says_what_was_tried() {
    let project = TestProject::on_engine(&operations(&[("ok", "true")]));
    for arguments in [
        &["run", "ok"][..],
        &["up"],
        &["status"],
        &["down"],
        &["logs"],
        &["exec", "--", "true"],
    ] {
        let mut command = project.command(arguments);
        command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        let found = outcome(&mut command, &project.root()).expect(69);
        for said in [
            "no container engine answers",
            "unix:///nonexistent/docker.sock",
            "hint: ",
        ] {
            assert!(found.stderr.contains(said), "{}", found.stderr);
        }
    }
    let named = project
        .run(&["--engine", "tcp://127.0.0.1:1", "status"])
        .expect(69);
    assert!(
        named.stderr.contains("tcp://127.0.0.1:1"),
        "{}",
        named.stderr
    );
}

#[test]
fn a_socket_without_permission_is_told_as_that() {
    let project = TestProject::on_engine(&operations(&[("ok", "true")]));
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("docker.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o600)).expect("a mode");
    let mut command = project.command(&["run", "ok"]);
    command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    // Root may do everything, so somebody else asks where the tests run as root.
    if rustix::process::geteuid().is_root() {
        for path in [
            directory.path(),
            &project.root(),
            project.root().parent().expect("a parent"),
        ] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("a mode");
        }
        command.uid(65534).gid(65534);
        command.env("XDG_STATE_HOME", std::env::temp_dir().join(&project.id));
    } else {
        std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o000)).expect("a mode");
    }
    let found = outcome(&mut command, &project.root());
    let _ = std::fs::remove_dir_all(std::env::temp_dir().join(&project.id));
    let found = found.expect(69);
    for said in ["ermission denied", "`docker` group"] {
        assert!(found.stderr.contains(said), "{}", found.stderr);
    }
}

#[test]
fn something_that_is_no_engine_is_told_as_that() {
    let project = TestProject::on_engine(&operations(&[("ok", "true")]));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut buffer = vec![0; 4096];
        let _ = stream.read(&mut buffer);
        let _ = stream.write_all(
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 7\r\nConnection: close\r\n\r\nno idea",
        );
    });
    let engine = format!("tcp://{address}");
    let found = project.run(&["--engine", &engine, "run", "ok"]).expect(69);
    assert!(found.stderr.contains(&engine), "{}", found.stderr);
    answer.join().expect("it answered");
}

#[test]
fn an_image_that_does_not_exist_is_told_with_a_way_out() {
    let project = TestProject::on_engine(&operations(&[("ok", "true")]));
    let image = "upsun-local-no-such-image/nothing:1";
    project.file(
        ".upsun-local.yaml",
        &format!(
            "project: {}\nimages: {{ \"nodejs:24\": \"{image}\" }}\n",
            project.id
        ),
    );
    let found = project.run(&["run", "ok"]).expect(73);
    // Whether the registry says no or cannot be reached depends on the machine.
    for said in [image, "hint: "] {
        assert!(found.stderr.contains(said), "{}", found.stderr);
    }
    assert_eq!(volumes(&project, "built"), [""; 0]);
    let never = project.run(&["run", "ok", "--pull", "never"]).expect(73);
    for said in [
        "`--pull never`",
        "hint: name another image in .upsun-local.yaml",
    ] {
        assert!(never.stderr.contains(said), "{}", never.stderr);
    }
    assert_eq!(objects(&project), 0);
}

#[test]
fn a_repository_may_have_a_path_with_spaces_and_unicode() {
    let config = operations(&[("where", "pwd; cat 'a file'")]);
    let project = TestProject::in_folder("mein Shop – été 'x' $HOME", &config).with_engine();
    project.file("a file", "found\n");
    assert_eq!(
        project.run(&["run", "where"]).expect(0).stdout,
        "/app\nfound\n"
    );
    // From a directory below it, and by its name from elsewhere.
    project.file("deep/down/x", "");
    let mut command = project.command(&["run", "where"]);
    command.current_dir(project.root().join("deep/down"));
    outcome(&mut command, &project.root()).expect(0);
    let root = project.root();
    let mut command = project.command(&["-C", root.to_str().expect("text"), "run", "where"]);
    command.current_dir("/");
    outcome(&mut command, &project.root()).expect(0);
    assert_eq!(running(&project).len(), 1);
}

#[test]
fn of_fifty_apps_only_the_one_that_is_asked_for_is_built() {
    let mut config = String::from("applications:\n");
    for number in 0..50 {
        config.push_str(&format!(
            "  app{number}:\n    type: nodejs:24\n    build: {{ flavor: none }}\n    source: {{ root: apps/{number} }}\n    operations: {{ op{number}: {{ commands: {{ start: cat name }} }}, same: {{ commands: {{ start: cat name }} }} }}\n"
        ));
    }
    let project = TestProject::on_engine(&config);
    for number in 0..50 {
        project.file(&format!("apps/{number}/name"), &format!("app{number}\n"));
    }
    let list = project.run(&["list", "--format", "json"]).expect(0);
    let list: serde_json::Value = serde_json::from_str(&list.stdout).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(100));
    assert_eq!(project.run(&["run", "op37"]).expect(0).stdout, "app37\n");
    let same = ["run", "same", "--app", "app7"];
    assert_eq!(project.run(&same).expect(0).stdout, "app7\n");
    assert_eq!(running(&project).len(), 2);
    assert_eq!(volumes(&project, "build").len(), 2);
    let ambiguous = project.run(&["run", "same"]).expect(64);
    assert!(
        ambiguous.stderr.contains("--app app49"),
        "{}",
        ambiguous.stderr
    );
}

#[test]
fn an_app_without_operations_says_how_to_define_one() {
    let project = TestProject::on_engine(&app(""));
    for arguments in [&["run"][..], &["run", "x"]] {
        let found = project.run(arguments).expect(64);
        assert!(found.stderr.contains("hint: define"), "{}", found.stderr);
    }
    assert_eq!(objects(&project), 0);
}
