use super::*;
use crate::config;
use crate::engine::spec::MemoryLimit;
use crate::settings::Settings;

const CONFIG: &str = "
applications:
  app:
    type: nodejs:24
    relationships:
      my-database: {service: db, endpoint: admin}
      cache:
      api: {service: backend, endpoint: http}
      elsewhere: 'far:memcached'
      files:
    workers:
      queue:
        commands: {start: sleep 1}
        relationships: {jobs: }
  backend:
    stack: {runtimes: [python@3.14]}
    type: composable:25.11
services:
  db:
    type: postgresql:18
    configuration:
      endpoints: {admin: {privileges: {main: admin}}, reader: {privileges: {main: ro}}}
  cache: {type: redis:8.0}
  jobs: {type: rabbitmq:4.3}
  far: {type: memcached:1.6}
  unused: {type: kafka:4.3}
  files: {type: network-storage:1.0}
";

/// A configuration with the plans of all its services.
struct World {
    config: Config,
    project: Project,
    services: BTreeMap<String, ServicePlan>,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".upsun")).unwrap();
        std::fs::write(dir.path().join(".upsun/config.yaml"), CONFIG).unwrap();
        let loaded = config::load(dir.path());
        let config = loaded
            .config
            .unwrap_or_else(|| panic!("{:?}", loaded.problems));
        let project = Project {
            id: "shop".into(),
            key: "shop-1234".into(),
            root: "/r".into(),
            state_dir: "/s".into(),
            identity: crate::project::Identity::default(),
        };
        let settings = Settings::parse(
            "services: {far: {external: 'memcached://far.example'}}",
            "s",
        )
        .unwrap();
        let services = config
            .services
            .iter()
            .map(|(name, service)| {
                let plan = services::plan(&services::Inputs {
                    project: &project,
                    environment: "main",
                    service: service.into(),
                    external: settings.external(name),
                    images: &settings.images,
                    network: "n",
                    memory: MemoryLimit::Share,
                });
                (name.clone(), plan.unwrap())
            })
            .collect();
        World {
            config,
            project,
            services,
        }
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            project: &self.project,
            environment: "main",
            services: &self.services,
            apps: &self.config.apps,
        }
    }

    fn app(&self) -> &App {
        &self.config.apps["app"]
    }

    fn with(&self, service: &str, endpoint: Option<&str>) -> Result<Value, Error> {
        let mut relationship = self.app().relationships[0].clone();
        service.clone_into(&mut relationship.service);
        relationship.endpoint = endpoint.map(str::to_owned);
        payloads(&[relationship], &self.surroundings())
    }
}

fn pretty(value: &impl serde::Serialize) -> String {
    crate::json::pretty(value)
}

#[test]
fn every_form_of_a_relationship_has_its_payload() {
    let world = World::new();
    let payloads = payloads(&world.app().relationships, &world.surroundings()).unwrap();
    insta::assert_snapshot!(pretty(&payloads));
}

#[test]
fn variables_are_made_of_every_field() {
    let world = World::new();
    let payloads = payloads(&world.app().relationships, &world.surroundings()).unwrap();
    insta::assert_snapshot!(pretty(&variables(&payloads)));
}

#[test]
fn urls_escape_what_users_and_passwords_hold() {
    let payloads = json!({
        "a": [{"scheme": "pgsql", "username": "u:r", "password": "p@/ß", "host": "h", "port": 1, "path": "a b/c"}],
        "b": [{"scheme": "mysql", "username": "user", "password": "", "host": "h", "port": 2, "path": "main"}],
        "c": [{"scheme": "http", "username": "", "password": "t", "host": "h", "port": 3, "path": "/"}],
        "d": [{"scheme": "redis", "username": null, "password": null, "host": "h", "port": 4, "path": null}],
        "e": [],
    });
    let variables = variables(&payloads);
    let urls: Vec<&str> = ["A_URL", "B_URL", "C_URL", "D_URL"]
        .iter()
        .map(|name| variables[*name].as_str())
        .collect();
    assert_eq!(
        urls,
        [
            "pgsql://u%3Ar:p%40%2F%C3%9F@h:1/a%20b/c",
            "mysql://user:@h:2/main",
            "http://:t@h:3/",
            "redis://h:4"
        ]
    );
}

#[test]
fn links_are_for_containers_of_this_machine_only() {
    let world = World::new();
    let links: Vec<String> = links(&world.app().relationships, &world.surroundings())
        .iter()
        .map(|link| format!("{} {}", link.alias, link.container))
        .collect();
    insta::assert_snapshot!(links.join("\n"));
}

#[test]
fn only_what_is_reached_is_wanted() {
    let world = World::new();
    let names = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(wanted(world.app(), &world.config)),
        "cache db far files jobs"
    );
    assert_eq!(names(wanted_apps(world.app(), &world.config)), "backend");
}

#[test]
fn relationships_that_lead_nowhere_say_so() {
    let world = World::new();
    let texts: Vec<String> = [
        ("dbs", None),
        ("db", Some("adnim")),
        ("cache", Some("mysql")),
        ("backend", None),
        ("backend", Some("https")),
    ]
    .into_iter()
    .map(|(service, endpoint)| {
        let error = world.with(service, endpoint).unwrap_err();
        format!("{error}\nhint: {}", error.hint().unwrap())
    })
    .collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}

/// A configuration with only these apps, and the apps that each reaches.
fn chain(apps: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(".upsun")).unwrap();
    std::fs::write(dir.path().join(".upsun/config.yaml"), apps).unwrap();
    let loaded = config::load(dir.path());
    loaded
        .config
        .unwrap_or_else(|| panic!("{:?}", loaded.problems))
}

#[test]
fn apps_come_after_those_that_they_reach() {
    let config = chain(
        "
applications:
  shop:
    type: nodejs:24
    relationships: {edge: {service: varnish, endpoint: http}, api: {service: api, endpoint: http}}
    workers:
      queue: {commands: {start: x}, relationships: {mails: {service: mailer, endpoint: http}}}
  api:
    type: nodejs:24
    relationships: {deep: {service: core, endpoint: http}}
    workers:
      queue: {commands: {start: x}, relationships: {mails: {service: mailer, endpoint: http}}}
  pages: {type: nodejs:24}
  core: {type: nodejs:24}
  mailer: {type: nodejs:24}
  alone: {type: nodejs:24}
services:
  varnish:
    type: varnish:7.6
    relationships: {pages: 'pages:http'}
",
    );
    let names =
        |apps: Vec<&App>| -> Vec<String> { apps.iter().map(|app| app.name.clone()).collect() };
    let shop = &config.apps["shop"];
    let of_shop = reached(&shop.relationships, &config);
    assert_eq!(names(of_shop), ["core", "api", "pages"]);
    let of_worker = reached(&shop.workers[0].relationships, &config);
    assert_eq!(names(of_worker), ["mailer"]);
    // A worker's, where the worker comes up.
    assert_eq!(
        names(in_order(&[shop], &config)),
        ["core", "api", "mailer", "pages", "shop"]
    );
    let api = &config.apps["api"];
    assert_eq!(
        names(in_order(&[api, &config.apps["alone"]], &config)),
        ["core", "mailer", "api", "alone"]
    );
    for (app, expected) in [
        ("shop", false),
        ("api", true),
        ("pages", true),
        ("core", true),
        ("mailer", true),
        ("alone", false),
    ] {
        assert_eq!(is_reached(app, &config), expected, "{app}");
    }
}
