//! Variables that are set through the API.

use serde_json::json;

use crate::client::Server;
use crate::support::TestProject;

const CONFIG: &str = "applications: { app: { type: nodejs:24 } }\n";

#[test]
fn variables_that_are_set_are_the_sandboxes_and_leave_the_settings_as_they_are() {
    let project = TestProject::new(CONFIG);
    let settings = format!(
        "project: {}\nvariables: {{ environment: {{ 'env:OLD': one }} }}\n",
        project.id
    );
    project.file(".upsun-local.yaml", &settings);
    let server = Server::start(&project);
    let own = format!("/projects/{}", project.id);
    let local = format!("{own}/environments/local/variables");
    let set = |path: &str, body: serde_json::Value, status: u16| {
        server
            .call("POST", path, &body.to_string())
            .expect(status)
            .json()
    };
    let made = set(
        &local,
        json!({ "name": "env:GREETING", "value": "hi" }),
        201,
    );
    let entity = &made["_embedded"]["entity"];
    assert_eq!(
        (&entity["value"], &entity["visible_build"]),
        (&json!("hi"), &json!(false))
    );
    set(
        &local,
        json!({ "name": "env:GREETING", "value": "hi" }),
        409,
    );
    set(&local, json!({ "name": "a b", "value": "hi" }), 400);
    set(
        &local,
        json!({ "name": "j", "is_json": true, "value": "{" }),
        400,
    );
    set(
        &local,
        json!({ "name": "s", "value": "x", "application_scope": ["app"] }),
        400,
    );
    let secret = json!({ "name": "env:KEY", "value": "hidden-value", "is_sensitive": true });
    let made = set(&format!("{own}/variables"), secret, 201);
    assert!(!made.to_string().contains("hidden-value"), "{made}");
    let path = format!("{local}/env%3AOLD");
    server
        .call("PATCH", &path, r#"{"value": "two"}"#)
        .expect(200);
    let shown = project.run(&["variables", "--show-secrets"]);
    let shown = if shown.code == 0 {
        shown
    } else {
        project.run(&["variables"]).expect(0)
    };
    assert!(shown.stdout.contains("GREETING"), "{}", shown.stdout);
    assert!(
        shown.stdout.contains("two") && !shown.stdout.contains("one"),
        "{}",
        shown.stdout
    );
    // A variable of the settings cannot be deleted, only what was set above it.
    server.call("DELETE", &path, "").expect(200);
    server.call("DELETE", &path, "").expect(409);
    assert_eq!(server.get(&path).expect(200).json()["value"], "one");
    server
        .call("DELETE", &format!("{local}/env%3AGREETING"), "")
        .expect(200);
    server.get(&format!("{local}/env%3AGREETING")).expect(404);
    let file = std::fs::read_to_string(project.root().join(".upsun-local.yaml")).unwrap();
    assert_eq!(file, settings);
}

#[test]
fn only_an_admin_changes_variables() {
    let project = TestProject::new(CONFIG);
    let server = Server::start(&project);
    let path = format!("/projects/{}/variables", project.id);
    let body = r#"{"name": "env:A", "value": "b"}"#;
    for role in ["viewer", "contributor"] {
        let token = server.token_of('r', role);
        server.call_as(&token, "POST", &path, body).expect(403);
        server.call_as(&token, "GET", &path, "").expect(200);
    }
    server
        .call_as(&server.token_of('r', "admin"), "POST", &path, body)
        .expect(201);
}
