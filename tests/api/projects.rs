//! `serve --all`: one server for several repositories.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::Server;
use crate::support::TestProject;

const CONFIG: &str = "
applications:
  NAME:
    type: nodejs:24
    operations:
      greet: { role: viewer, commands: { start: echo hello } }
";

/// Another repository of the same user. `id` is in its settings.
fn repository(project: &TestProject, name: &str, id: &str) -> PathBuf {
    let root = project.root().parent().unwrap().join(name);
    std::fs::create_dir_all(root.join(".upsun")).unwrap();
    std::fs::write(
        root.join(".upsun/config.yaml"),
        CONFIG.replace("NAME", name),
    )
    .unwrap();
    std::fs::write(root.join(".upsun-local.yaml"), format!("project: {id}\n")).unwrap();
    std::fs::canonicalize(root).unwrap()
}

/// Starts a server for one repository, so that it is known from then on.
fn serve_once(project: &TestProject, root: &std::path::Path) {
    let server = Server::started(&mut project.command(&["-C", root.to_str().unwrap(), "serve"]));
    server.end();
}

fn started(project: &TestProject) -> Server {
    Server::started(&mut project.command(&["serve", "--all"]))
}

/// A server that was started outside of any repository.
fn started_elsewhere(project: &TestProject) -> Server {
    let mut command = project.command(&["serve", "--all"]);
    Server::started(command.current_dir(project.root().parent().unwrap()))
}

fn list(server: &Server) -> Vec<Value> {
    let listed = server.get("/console/api/projects").expect(200).json();
    listed.as_array().unwrap().clone()
}

/// The id of the repository at a path.
fn id(server: &Server, root: &std::path::Path) -> String {
    let all = list(server);
    let found = all.iter().find(|it| it["root"] == root.to_str().unwrap());
    found.unwrap_or_else(|| panic!("{all:?}"))["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The names of the apps of a project.
fn apps(server: &Server, id: &str) -> Vec<String> {
    let path = format!("/projects/{id}/environments/local/deployments/current");
    let deployment = server.get(&path).expect(200).json();
    deployment["webapps"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

#[test]
fn each_id_leads_to_its_own_repository() {
    let project = TestProject::new(&CONFIG.replace("NAME", "own"));
    let second = repository(&project, "second", &format!("{}-two", project.id));
    serve_once(&project, &second);
    let server = started(&project);
    let own = project.id.replace('-', "_");
    let other = format!("{own}_two");
    for (id, app) in [(&own, "own"), (&other, "second")] {
        assert_eq!(apps(&server, id), [app]);
        let shown = server.get(&format!("/console/api/environment?project={id}"));
        assert_eq!(shown.expect(200).json()["apps"][0]["name"], app);
        let through = format!("/console/api/upsun/projects/{id}");
        assert_eq!(server.get(&through).expect(200).json()["id"], id.as_str());
        server
            .get(&format!("/console/events?project={id}x"))
            .expect(404);
    }
    // Without a name it is the repository at hand.
    let shown = server.get("/console/api/environment").expect(200).json();
    assert_eq!(shown["apps"][0]["name"], "own");
    let projects = server.get("/projects").expect(200).json();
    let ids: Vec<&Value> = projects
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert_eq!(ids, [&json!(own), &json!(other)]);
    let references = server.get("/ref/projects").expect(200).json();
    assert_eq!(references.as_object().unwrap().len(), 2);
    let one = server
        .get(&format!("/ref/projects?in={other}"))
        .expect(200)
        .json();
    assert_eq!(
        one.as_object().unwrap().keys().collect::<Vec<_>>(),
        [&other]
    );
    let me = server.get("/users/me").expect(200).json();
    let access = format!("/users/{}/extended-access", me["id"].as_str().unwrap());
    let access = server.get(&access).expect(200).json();
    assert_eq!(access["items"].as_array().unwrap().len(), 2);
    // What is changed in one project is not changed in the other.
    let body = r#"{"name": "env:A", "value": "b"}"#;
    server
        .call("POST", &format!("/projects/{other}/variables"), body)
        .expect(201);
    let variables = |id: &str| {
        let listed = server
            .get(&format!("/projects/{id}/variables"))
            .expect(200)
            .json();
        listed.as_array().unwrap().len()
    };
    assert_eq!((variables(&own), variables(&other)), (0, 1));
    server.get("/projects/unknown").expect(404);
    server.get("/projects/..%2F..%2Fetc").expect(404);
}

#[test]
fn two_checkouts_of_one_project_are_two_projects() {
    let project = TestProject::new(&CONFIG.replace("NAME", "own"));
    let second = repository(&project, "second", &project.id);
    serve_once(&project, &second);
    let server = started(&project);
    let other = id(&server, &second);
    let own = project.id.replace('-', "_");
    assert_ne!(other, own);
    assert_eq!(
        (apps(&server, &own), apps(&server, &other)),
        (vec!["own".to_owned()], vec!["second".to_owned()])
    );
    // Links lead to the same project again, and `ssh` to its containers.
    let environment = server
        .get(&format!("/projects/{other}/environments/local"))
        .expect(200)
        .json();
    let own_link = environment["_links"]["self"]["href"].as_str().unwrap();
    assert_eq!(own_link, format!("/projects/{other}/environments/local"));
    let ssh = environment["_links"]["pf:ssh:second"]["href"]
        .as_str()
        .unwrap();
    assert!(
        ssh.ends_with(&format!("@{other}.ssh.sandbox.localhost")),
        "{ssh}"
    );
}

#[test]
fn a_repository_that_is_gone_or_broken_is_listed_with_its_problem() {
    let project = TestProject::new(&CONFIG.replace("NAME", "own"));
    let [broken, unreadable, gone, fine] = ["broken", "unreadable", "gone", "fine"].map(|name| {
        let root = repository(&project, name, &format!("{}-{name}", project.id));
        serve_once(&project, &root);
        root
    });
    let server = started_elsewhere(&project);
    assert_eq!(list(&server).len(), 4);
    std::fs::write(broken.join(".upsun/config.yaml"), "applications: [").unwrap();
    std::fs::write(unreadable.join(".upsun-local.yaml"), "project: [").unwrap();
    let second = started_elsewhere(&project);
    std::fs::remove_dir_all(&gone).unwrap();
    for server in [&server, &second] {
        for (root, has_problem) in [(&broken, true), (&unreadable, true), (&fine, false)] {
            let all = list(server);
            let found = all
                .iter()
                .find(|it| it["root"] == root.to_str().unwrap())
                .unwrap();
            assert_eq!(found["problem"].is_string(), has_problem, "{found}");
        }
        assert_eq!(apps(server, &id(server, &fine)), ["fine"]);
        server.get("/ref/projects").expect(200);
        let broken = id(server, &broken);
        server.get(&format!("/projects/{broken}")).expect(200);
        let deployment = format!("/projects/{broken}/environments/local/deployments/current");
        server.get(&deployment).expect(409);
    }
    // A repository without a sandbox leaves nothing behind.
    assert!(
        list(&server)
            .iter()
            .all(|it| it["root"] != gone.to_str().unwrap())
    );
    // The one that could be read before is shown as it was.
    let shown = format!("/console/api/environment?project={}", id(&server, &broken));
    assert_eq!(
        server.get(&shown).expect(200).json()["apps"][0]["name"],
        "broken"
    );
    let shown = format!(
        "/console/api/environment?project={}",
        id(&second, &unreadable)
    );
    assert!(second.get(&shown).status >= 400);
}

#[test]
fn without_any_repository_the_server_says_so_and_finds_the_first_one_later() {
    let project = TestProject::new(CONFIG);
    let server = started_elsewhere(&project);
    assert_eq!(list(&server), [Value::Null; 0]);
    server.get("/console/api/environment").expect(404);
    server.get("/users/me").expect(200);
    let first = repository(&project, "first", &project.id);
    serve_once(&project, &first);
    assert_eq!(list(&server).len(), 1);
    server.get("/console/api/environment").expect(200);
}
