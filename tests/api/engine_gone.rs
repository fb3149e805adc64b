//! The engine goes and comes back while the server runs.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::client::Server;
use crate::support::TestProject;

const CONFIG: &str = "
applications:
  app:
    type: nodejs:24
    build: { flavor: none }
    operations:
      greet: { role: viewer, commands: { start: echo hello } }
      wait: { role: viewer, commands: { start: echo waiting; sleep 60 } }
";

/// The socket of the engine that the tests use; `None` if the engine has none.
fn socket() -> Option<PathBuf> {
    match std::env::var("DOCKER_HOST") {
        Ok(host) => host.strip_prefix("unix://").map(PathBuf::from),
        Err(_) => Some("/var/run/docker.sock".into()),
    }
}

/// Another address of the engine, which can go.
struct Door {
    path: PathBuf,
    open: Arc<Mutex<Vec<UnixStream>>>,
}

impl Door {
    fn open(path: PathBuf, engine: PathBuf) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        let open = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&open);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(engine) = UnixStream::connect(&engine) else {
                    return;
                };
                let both = [(&client, &engine), (&engine, &client)];
                for (from, to) in
                    both.map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap()))
                {
                    std::thread::spawn(move || copy(from, to));
                }
                kept.lock().unwrap().extend([client, engine]);
            }
        });
        Door { path, open }
    }

    /// The engine is gone: nothing answers, and connections end.
    fn close(self) {
        std::fs::remove_file(&self.path).unwrap();
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn copy(mut from: UnixStream, mut to: UnixStream) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn an_engine_that_was_gone_is_used_again() {
    let Some(engine) = socket() else {
        eprintln!("the engine has no socket that can be taken away: nothing is tested");
        return;
    };
    let project = TestProject::on_engine(CONFIG);
    let path = project.root().parent().unwrap().join("engine.sock");
    let door = Door::open(path.clone(), engine.clone());
    let address = format!("unix://{}", path.display());
    let server = Server::started(&mut project.command(&["--engine", &address, "serve"]));
    let environment = format!("/projects/{}/environments/local", project.id);
    let run = |operation: &str| {
        let body = format!("{{\"operation\": \"{operation}\", \"service\": \"app\"}}");
        server.call("POST", &format!("{environment}/operations"), &body)
    };
    let log = |answer: &serde_json::Value| {
        let id = answer["_embedded"]["activities"][0]["id"].as_str().unwrap();
        let path = format!("/projects/{}/activities/{id}/log", project.id);
        server.get(&path).expect(200).body
    };
    let first = run("greet").expect(202).json();
    assert!(log(&first).contains("hello"));
    // An operation runs when the engine goes: its activity ends, and its log is sealed.
    let waiting = run("wait").expect(202).json();
    door.close();
    assert!(log(&waiting).ends_with("{\"seal\":true}\n"));
    let id = waiting["_embedded"]["activities"][0]["id"]
        .as_str()
        .unwrap();
    let ended = server
        .get(&format!("/projects/{}/activities/{id}", project.id))
        .expect(200)
        .json();
    assert_eq!(
        (&ended["state"], &ended["result"]),
        (&"complete".into(), &"failure".into())
    );
    // What needs no engine works, and what needs one says that no engine answers.
    server.get(&environment).expect(200);
    server
        .get(&format!("{environment}/deployments/current"))
        .expect(200);
    server.get("/console/api/environment").expect(200);
    let refused = run("greet").expect(503);
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    server.get("/console/api/containers").expect(503);
    let door = Door::open(path, engine);
    let last = run("greet").expect(202).json();
    assert!(log(&last).contains("hello"));
    server.end();
    door.close();
}
