use proptest::prelude::*;
use serde_json::json;

use indexmap::IndexMap;

use super::*;
use crate::config::app::{Commands, Flavor, Hooks, Protocol, Runtime, Web};
use crate::config::problem::Place;
use crate::layout::path;
use crate::roles::Role;

fn app(raw: Value) -> App {
    App {
        name: "frontend".to_owned(),
        place: Place::default(),
        image: Image::Runtime(Runtime {
            name: "nodejs".to_owned(),
            version: "24".to_owned(),
        }),
        source_root: String::new(),
        flavor: Flavor::Default,
        build_caches: Vec::new(),
        dependencies: IndexMap::new(),
        hooks: Hooks::default(),
        mounts: Vec::new(),
        web: Web {
            commands: Commands {
                start: Some("npm start".to_owned()),
                ..Commands::default()
            },
            socket_family: SocketFamily::Tcp,
            protocol: Protocol::Http,
            locations: Vec::new(),
            document_root: "public".to_owned(),
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

#[derive(Default)]
struct Layers {
    project: UserVariables,
    environment: UserVariables,
    command_line: UserVariables,
}

fn compute(app: &App, worker: Option<&Worker>, phase: Phase, layers: &Layers) -> Vec<Variable> {
    let empty = json!({});
    variables(&Context {
        app,
        worker,
        phase,
        project: "shop",
        environment: "feature-x",
        environment_type: EnvironmentType::Development,
        branch: "feature-x",
        tree: "0123abc",
        project_variables: &layers.project,
        environment_variables: &layers.environment,
        command_line: &layers.command_line,
        relationships: &empty,
        routes: &empty,
        smtp_host: "",
    })
}

fn get<'a>(variables: &'a [Variable], name: &str) -> Option<&'a str> {
    variables
        .iter()
        .find(|variable| variable.name == name)
        .map(|variable| variable.value.as_str())
}

fn decoded(variables: &[Variable], name: &str) -> Value {
    let bytes = BASE64.decode(get(variables, name).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn names(variables: &[Variable]) -> Vec<&str> {
    variables
        .iter()
        .filter(|variable| variable.origin == Origin::Upsun)
        .map(|variable| variable.name.as_str())
        .collect()
}

#[test]
fn a_build_has_its_variables_and_no_others() {
    let app = app(json!({"type": "nodejs:24"}));
    let variables = compute(&app, None, Phase::Build, &Layers::default());
    assert_eq!(
        names(&variables),
        [
            "CI",
            "PLATFORM_APPLICATION",
            "PLATFORM_APPLICATION_NAME",
            "PLATFORM_APP_DIR",
            "PLATFORM_CACHE_DIR",
            "PLATFORM_OUTPUT_DIR",
            "PLATFORM_PROJECT",
            "PLATFORM_PROJECT_ENTROPY",
            "PLATFORM_TREE_ID",
            "PLATFORM_VARIABLES",
            "PLATFORM_VENDOR",
        ]
    );
}

#[test]
fn a_running_app_has_its_variables_and_no_others() {
    let app = app(json!({"type": "nodejs:24"}));
    let variables = compute(&app, None, Phase::Runtime, &Layers::default());
    assert_eq!(
        names(&variables),
        [
            "PLATFORM_APPLICATION",
            "PLATFORM_APPLICATION_NAME",
            "PLATFORM_APP_COMMAND",
            "PLATFORM_APP_DIR",
            "PLATFORM_BRANCH",
            "PLATFORM_DOCUMENT_ROOT",
            "PLATFORM_ENVIRONMENT",
            "PLATFORM_ENVIRONMENT_TYPE",
            "PLATFORM_PROJECT",
            "PLATFORM_PROJECT_ENTROPY",
            "PLATFORM_RELATIONSHIPS",
            "PLATFORM_ROUTES",
            "PLATFORM_SMTP_HOST",
            "PLATFORM_TREE_ID",
            "PLATFORM_VARIABLES",
            "PORT",
        ]
    );
    assert_eq!(get(&variables, "PORT"), Some("8888"));
    assert_eq!(
        get(&variables, "PLATFORM_DOCUMENT_ROOT"),
        Some("/app/public")
    );
    assert_eq!(get(&variables, "HOME"), Some("/app"));
    assert_eq!(decoded(&variables, "PLATFORM_RELATIONSHIPS"), json!({}));
    assert!(variables.is_sorted_by_key(|variable| variable.name.clone()));
}

#[test]
fn a_unix_socket_takes_the_place_of_the_port() {
    let mut app = app(json!({}));
    app.web.socket_family = SocketFamily::Unix;
    let variables = compute(&app, None, Phase::Runtime, &Layers::default());
    assert_eq!(get(&variables, "PORT"), None);
    assert_eq!(get(&variables, "SOCKET"), Some("/run/app.sock"));
}

#[test]
fn a_worker_has_its_own_command_variables_and_configuration() {
    let mut app = app(json!({"name": "frontend"}));
    app.variables = IndexMap::from([(
        "env".to_owned(),
        IndexMap::from([("a".to_owned(), json!("app"))]),
    )]);
    let worker = Worker {
        name: "queue".to_owned(),
        place: Place::default(),
        commands: Commands {
            start: Some("node queue.js".to_owned()),
            ..Commands::default()
        },
        mounts: Vec::new(),
        operations: Vec::new(),
        variables: IndexMap::from([(
            "env".to_owned(),
            IndexMap::from([("b".to_owned(), json!("worker"))]),
        )]),
        relationships: Vec::new(),
        ssh: Role::Contributor,
        raw: json!({"worker": "queue"}),
    };
    let variables = compute(&app, Some(&worker), Phase::Runtime, &Layers::default());
    assert_eq!(
        get(&variables, "PLATFORM_APP_COMMAND"),
        Some("node queue.js")
    );
    assert_eq!(get(&variables, "A"), None);
    assert_eq!(get(&variables, "B"), Some("worker"));
    assert_eq!(get(&variables, "PORT"), None);
    assert_eq!(
        decoded(&variables, "PLATFORM_APPLICATION"),
        json!({"worker": "queue"})
    );
}

#[test]
fn each_layer_wins_over_the_one_below_and_upsun_over_all() {
    let mut app = app(json!({}));
    app.variables = IndexMap::from([
        (
            "env".to_owned(),
            IndexMap::from([
                ("one".to_owned(), json!("app")),
                ("two".to_owned(), json!("app")),
                ("three".to_owned(), json!("app")),
                ("four".to_owned(), json!("app")),
                ("platform_project".to_owned(), json!("app")),
            ]),
        ),
        (
            "stuff".to_owned(),
            IndexMap::from([("key".to_owned(), json!("app"))]),
        ),
    ]);
    let layer = |names: &[&str], value: &str| -> UserVariables {
        names
            .iter()
            .map(|name| ((*name).to_owned(), UserVariable::new(value)))
            .collect()
    };
    let layers = Layers {
        project: layer(
            &["env:TWO", "env:three", "env:four", "stuff:key", "plain"],
            "project",
        ),
        environment: layer(&["env:three", "env:four"], "environment"),
        command_line: layer(&["env:FOUR", "env:PLATFORM_TREE_ID", "plain"], "flag"),
    };
    let variables = compute(&app, None, Phase::Runtime, &layers);
    assert_eq!(get(&variables, "ONE"), Some("app"));
    assert_eq!(get(&variables, "TWO"), Some("project"));
    assert_eq!(get(&variables, "THREE"), Some("environment"));
    assert_eq!(get(&variables, "FOUR"), Some("flag"));
    assert_eq!(get(&variables, "PLATFORM_PROJECT"), Some("shop"));
    assert_eq!(get(&variables, "PLATFORM_TREE_ID"), Some("0123abc"));
    assert_eq!(
        decoded(&variables, "PLATFORM_VARIABLES"),
        json!({"stuff:key": "project", "plain": "flag"})
    );
}

#[test]
fn visibility_is_per_phase_and_hides_only_its_own_layer() {
    let mut layers = Layers::default();
    let mut build_only = UserVariable::new("b");
    build_only.visible_runtime = false;
    let mut runtime_only = UserVariable::new("r");
    runtime_only.visible_build = false;
    runtime_only.sensitive = true;
    layers.project.insert("env:X".to_owned(), build_only);
    layers.environment.insert("env:X".to_owned(), runtime_only);
    let app = app(json!({}));
    let build = compute(&app, None, Phase::Build, &layers);
    assert_eq!(get(&build, "X"), Some("b"));
    let runtime = compute(&app, None, Phase::Runtime, &layers);
    let x = runtime
        .iter()
        .find(|variable| variable.name == "X")
        .unwrap();
    assert_eq!((x.value.as_str(), x.sensitive), ("r", true));
}

#[test]
fn values_that_are_no_text_become_json() {
    let mut app = app(json!({}));
    app.variables = IndexMap::from([
        (
            "env".to_owned(),
            IndexMap::from([
                ("ingredients".to_owned(), json!(["peanut butter", "jelly"])),
                ("quantities".to_owned(), json!({"milk": "1 liter"})),
                ("count".to_owned(), json!(3)),
                ("on".to_owned(), json!(true)),
            ]),
        ),
        (
            "stuff".to_owned(),
            IndexMap::from([("STEPS".to_owned(), json!(["one", "two"]))]),
        ),
    ]);
    let variables = compute(&app, None, Phase::Build, &Layers::default());
    assert_eq!(
        get(&variables, "INGREDIENTS"),
        Some(r#"["peanut butter", "jelly"]"#)
    );
    assert_eq!(
        get(&variables, "QUANTITIES"),
        Some(r#"{"milk": "1 liter"}"#)
    );
    assert_eq!(get(&variables, "COUNT"), Some("3"));
    assert_eq!(get(&variables, "ON"), Some("true"));
    assert_eq!(
        decoded(&variables, "PLATFORM_VARIABLES"),
        json!({"stuff:STEPS": ["one", "two"]})
    );
}

#[test]
fn a_build_sees_only_what_is_relevant_to_it() {
    let app = app(json!({
        "type": "nodejs:24",
        "access": {"ssh": "admin"},
        "relationships": {"db": null},
        "firewall": {},
        "crons": {},
        "operations": {"x": {}},
        "mounts": {"/tmp": {"source": "tmp"}},
        "hooks": {"build": "make", "deploy": "d", "post_deploy": "p"},
        "web": {"commands": {"start": "x"}, "mounts": {"/a": {}}},
        "workers": {
            "queue": {"commands": {"start": "y"}, "mounts": {}},
            "mail": {"commands": {"start": "z"}},
        },
        "variables": {"env": {"A": "1"}},
    }));
    let reduced = json!({
        "type": "nodejs:24",
        "mounts": {"/tmp": {"source": "tmp"}},
        "hooks": {"build": "make"},
        "web": {"mounts": {"/a": {}}},
        "workers": {"queue": {"mounts": {}}},
        "variables": {"env": {"A": "1"}},
    });
    assert_eq!(build_relevant(&app), reduced);
    let build = compute(&app, None, Phase::Build, &Layers::default());
    assert_eq!(decoded(&build, "PLATFORM_APPLICATION"), reduced);
    let runtime = compute(&app, None, Phase::Runtime, &Layers::default());
    assert_eq!(decoded(&runtime, "PLATFORM_APPLICATION"), app.raw);
}

#[test]
fn a_deploy_hook_alone_leaves_nothing_behind() {
    let with = app(json!({"type": "x", "hooks": {"deploy": "d"}, "web": {"commands": {}}}));
    let without = app(json!({"type": "x"}));
    assert_eq!(build_relevant(&with), build_relevant(&without));
}

#[test]
fn entropy_has_56_characters_and_is_stable() {
    let one = entropy("shop");
    assert_eq!(one.len(), 56);
    assert!(one.ends_with("===="));
    assert_eq!(one, entropy("shop"));
    assert_ne!(one, entropy("shop2"));
}

#[test]
fn dependencies_come_first_on_the_path() {
    let mut app = app(json!({}));
    assert_eq!(
        path(&app, "/usr/bin:/bin"),
        "/app/.global/bin:/usr/bin:/bin"
    );
    app.image = Image::Runtime(Runtime {
        name: "php".to_owned(),
        version: "8.4".to_owned(),
    });
    assert!(path(&app, "").starts_with("/app/.global/bin:/app/.global/vendor/bin:/usr/local/sbin"));
}

proptest! {
    #[test]
    fn the_highest_layer_that_names_a_variable_decides(
        in_app in any::<bool>(),
        in_project in any::<bool>(),
        in_environment in any::<bool>(),
        in_flag in any::<bool>(),
        name in "[a-z_]{1,8}",
    ) {
        let mut app = app(json!({}));
        let mut layers = Layers::default();
        let key = format!("env:{name}x9");
        let mut expected = None;
        if in_app {
            let variables = IndexMap::from([(format!("{name}x9"), json!("app"))]);
            app.variables.insert("env".to_owned(), variables);
            expected = Some("app");
        }
        for (given, value, layer) in [
            (in_project, "project", &mut layers.project),
            (in_environment, "environment", &mut layers.environment),
            (in_flag, "flag", &mut layers.command_line),
        ] {
            if given {
                layer.insert(key.clone(), UserVariable::new(value));
                expected = Some(value);
            }
        }
        let variables = compute(&app, None, Phase::Runtime, &layers);
        prop_assert_eq!(get(&variables, &format!("{name}x9").to_uppercase()), expected);
    }

}
