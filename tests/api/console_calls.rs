//! What the console asks for besides the API, without a browser and without an engine.

use serde_json::Value;

use crate::client::Server;
use crate::support::TestProject;

const CONFIG: &str = "
applications:
  app:
    type: nodejs:24
    mounts: { var/files: { source: storage } }
    variables: { env: { GREETING: hello } }
    operations:
      greet: { role: viewer, commands: { start: echo hello } }
      publish: { role: admin, commands: { start: echo published } }
    crons: { tidy: { spec: '0 3 * * *', commands: { start: echo tidy } } }
";

fn project() -> TestProject {
    let project = TestProject::new(CONFIG);
    let settings = format!(
        "project: {}\nusers: {{ eve: viewer }}\nvariables: {{ environment: {{ 'env:KEY': {{ value: a-secret-value, sensitive: true }} }} }}\n",
        project.id
    );
    project.file(".upsun-local.yaml", &settings);
    project
}

#[test]
fn operations_that_the_actor_may_not_run_come_with_the_reason() {
    let project = project();
    let server = Server::start(&project);
    let denied = |parameters: &str| -> Vec<Value> {
        let path = format!("/console/api/environment?{parameters}");
        let shown = server.get(&path).expect(200).json();
        let all = shown["operations"].as_array().unwrap().iter();
        all.map(|it| it["denied"].clone()).collect()
    };
    assert_eq!(denied("role=admin"), [Value::Null, Value::Null]);
    for who in ["user=eve", "role=viewer"] {
        let [greet, publish] = &denied(who)[..] else {
            panic!("two operations");
        };
        assert_eq!(greet, &Value::Null);
        assert!(
            publish["why"]
                .as_str()
                .unwrap()
                .contains("it needs `admin`")
        );
    }
    // Nobody is known by this name: nothing may be run, and it is said why.
    assert!(denied("user=nobody").iter().all(|it| it["why"].is_string()));
    let body = r#"{"service": "app", "operation": "publish"}"#;
    server
        .call("POST", "/console/api/operations?user=eve", body)
        .expect(403);
    let body = r#"{"app": "app", "cron": "tidy"}"#;
    server
        .call("POST", "/console/api/crons?role=viewer", body)
        .expect(403);
}

#[test]
fn what_the_console_has_already_is_not_sent_again() {
    let project = project();
    let server = Server::start(&project);
    let now = server.get("/console/api/now").expect(200).json();
    let tag = |name: &str| now[name]["tag"].as_str().unwrap().to_owned();
    let path = format!(
        "/console/api/now?environment={}&activities={}",
        tag("environment"),
        tag("activities")
    );
    assert_eq!(server.get(&path).expect(200).json(), serde_json::json!({}));
    project.file(
        ".upsun/config.yaml",
        "applications: { app: { type: nodejs:24, nonsense: 1 } }\n",
    );
    let changed = server.get(&path).expect(200).json();
    let content = &changed["environment"]["content"];
    assert!(content["problem"].is_string());
    // The last good state.
    assert_eq!(content["operations"].as_array().unwrap().len(), 2);
    let configuration = server.get("/console/api/configuration").expect(200).json();
    let merged = configuration["merged"].as_str().unwrap();
    let line = configuration["problems"][0]["merged_line"]
        .as_u64()
        .unwrap();
    let line = merged.lines().nth(usize::try_from(line).unwrap() - 1);
    assert_eq!(line.unwrap().trim(), "nonsense: 1");
    assert_eq!(configuration["problems"][0]["file"], ".upsun/config.yaml");
    assert_eq!(configuration["problems"][0]["line"], 1);
}

#[test]
fn files_are_sent_once_until_they_change() {
    let project = project();
    let server = Server::start(&project);
    let path = "/console/assets/app.js";
    let first = server.send("GET", path, &[], "").expect(200);
    let tag = first.header("etag").unwrap().to_owned();
    let known = server
        .send("GET", path, &[&format!("If-None-Match: {tag}")], "")
        .expect(304);
    assert_eq!(known.body, "");
}

#[test]
fn sensitive_values_are_not_sent() {
    let project = project();
    let server = Server::start(&project);
    let answer = server.get("/console/api/variables/app").expect(200);
    assert!(!answer.body.contains("a-secret-value"));
    let all = answer.json();
    let all = all.as_array().unwrap();
    let find = |name: &str| all.iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(find("KEY")["sensitive"], true);
    assert_eq!(find("KEY")["value"], Value::Null);
    assert_eq!(find("GREETING")["from"], "application");
}

#[test]
fn nothing_outside_of_mounts_and_logs_can_be_asked_for() {
    let project = project();
    let server = Server::start(&project);
    for path in [
        "",
        "etc/passwd",
        "var",
        "var/files/../../secret",
        "var/files2/x",
        "var/files//x",
    ] {
        let path = path.replace('/', "%2F");
        let call = format!("/console/api/mounts/app/download?path={path}");
        let problem = server.get(&call).expect(400).json();
        let message = problem["message"].as_str().unwrap();
        assert!(message.contains("is not on a mount"), "{message}");
    }
    for id in ["none", "..%2F..%2Fsecret", "%2Fetc%2Fpasswd"] {
        server
            .get(&format!("/console/api/activities/{id}/log"))
            .expect(404);
    }
    server.get("/console/api/mounts/none").expect(400);
    server.get("/console/api/mounts/app/snapshots").expect(200);
    let restore = "/console/api/mounts/app/snapshots/none/restore";
    server.call("POST", restore, "{}").expect(400);
}

fn commit(project: &TestProject) {
    let git = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        let git = git.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        let done = git.args(arguments).current_dir(project.root()).status();
        assert!(done.unwrap().success());
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "first"]);
}

#[test]
fn a_push_is_compared_with_a_commit_as_the_command_does() {
    let project = project();
    commit(&project);
    let changed = CONFIG.replace("role: viewer", "role: admin");
    let changed = changed.replace(
        "var/files: { source: storage }",
        "var/other: { source: storage }",
    );
    project.file(".upsun/config.yaml", &changed);
    let server = Server::start(&project);
    let mut shown = server
        .get("/console/api/plan?against=HEAD")
        .expect(200)
        .json();
    let words = shown["apps"][0]["words"].take();
    assert_eq!(words["operations"][0], "~ greet: role from viewer to admin");
    assert!(
        words["mounts"].to_string().contains("/var/other"),
        "{words}"
    );
    // The rest is what the command says.
    let said = project
        .run(&["plan", "--against", "HEAD", "--format", "json"])
        .expect(0);
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(shown["apps"][0]["causes"], said["apps"][0]["causes"]);
    assert_eq!(shown["uncommitted"], said["uncommitted"]);
    server.get("/console/api/plan?against=nowhere").expect(400);
    project.file(".upsun/config.yaml", "applications: { app: { type: 1 } }\n");
    server.get("/console/api/plan?against=HEAD").expect(409);
}

#[test]
fn source_operations_come_with_their_role_and_are_refused_to_others() {
    let project = project();
    let operation = "    source: { operations: { update: { command: echo updated } } }\n";
    project.file(".upsun/config.yaml", &format!("{CONFIG}{operation}"));
    commit(&project);
    let server = Server::start(&project);
    let of = |who: &str| {
        let shown = server.get(&format!("/console/api/environment?{who}"));
        shown.expect(200).json()["source_operations"][0].clone()
    };
    assert_eq!(of("role=admin")["denied"], Value::Null);
    let denied = of("role=viewer");
    let (why, role) = (&denied["denied"]["why"], &denied["role"]);
    let why = why.as_str().unwrap();
    assert!(
        why.contains("may not run the source operation `update`"),
        "{why}"
    );
    assert!(why.contains(role.as_str().unwrap()), "{why}");
    let body = r#"{"operation": "update"}"#;
    let path = "/console/api/source-operations?role=viewer";
    server.call("POST", path, body).expect(403);
    let body = r#"{"operation": "none"}"#;
    let path = "/console/api/source-operations?role=admin";
    server.call("POST", path, body).expect(400);
}

#[test]
fn an_activity_that_is_not_there_is_not_undone() {
    let project = project();
    let server = Server::start(&project);
    for id in ["none", "..%2F..%2Fsecret"] {
        let path = format!("/console/api/activities/{id}/undo");
        server.get(&path).expect(404);
        server.call("POST", &path, "{}").expect(404);
    }
}

#[test]
fn access_is_compared_with_a_commit() {
    let project = project();
    commit(&project);
    project.file(
        ".upsun/config.yaml",
        &CONFIG.replace("role: admin", "role: viewer"),
    );
    let server = Server::start(&project);
    let shown = server
        .get("/console/api/access?against=HEAD")
        .expect(200)
        .json();
    let change = &shown["changes"]["rights"][0];
    assert_eq!(change["name"], "publish");
    assert_eq!(change["change"], "widened");
    assert_eq!(change["before"], "admin");
    server
        .get("/console/api/access?against=nowhere")
        .expect(400);
}
