use std::path::Path;

use super::*;

/// What reads a configuration and plans services of it, as the program does.
pub(crate) struct Plans {
    project: Project,
    config: crate::config::Config,
    settings: crate::settings::Settings,
}

impl Plans {
    pub(crate) fn of(services: &str) -> Plans {
        Plans::with_settings(services, "")
    }

    fn with_settings(services: &str, settings: &str) -> Plans {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".upsun")).unwrap();
        let services: String = services.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!("applications:\n  app:\n    type: nodejs:24\nservices:\n{services}");
        std::fs::write(dir.path().join(".upsun/config.yaml"), text).unwrap();
        let loaded = crate::config::load(dir.path());
        Plans {
            project: Project {
                id: "shop".into(),
                key: "shop-1234".into(),
                root: "/r".into(),
                state_dir: "/s".into(),
                identity: crate::project::Identity::default(),
            },
            config: loaded
                .config
                .unwrap_or_else(|| panic!("{:?}", loaded.problems)),
            settings: crate::settings::Settings::parse(settings, "settings").unwrap(),
        }
    }

    pub(crate) fn plan(&self, service: &str) -> Result<ServicePlan, Error> {
        plan(&Inputs {
            project: &self.project,
            environment: "main",
            service: (&self.config.services[service]).into(),
            external: self.settings.external(service),
            images: &self.settings.images,
            network: "upsun-shop-1234-main",
            memory: MemoryLimit::Share,
        })
    }
}

fn planned(services: &str) -> ServicePlan {
    Plans::of(services).plan("db").unwrap()
}

fn error(services: &str) -> String {
    let error = Plans::of(services).plan("db").unwrap_err();
    let hint = error.hint().map(|hint| format!("\nhint: {hint}"));
    format!("{error}{}", hint.unwrap_or_default())
}

fn container(plan: &ServicePlan) -> &ContainerSpec {
    plan.container.as_ref().unwrap()
}

/// The words of the setup after the shell's own.
fn script(plan: &ServicePlan) -> String {
    let texts: Vec<&str> = plan.setup[0]
        .command
        .iter()
        .skip(4)
        .map(String::as_str)
        .collect();
    texts.join("\n")
}

fn fields(plan: &ServicePlan, endpoint: &str) -> Value {
    let found = plan.endpoints.iter().find(|found| found.name == endpoint);
    found
        .unwrap_or_else(|| panic!("{endpoint}"))
        .payload
        .clone()
}

/// As JSON, without what changes with our own version.
fn pretty(value: &impl serde::Serialize) -> String {
    let mut value = serde_json::to_value(value).unwrap();
    if let Some(labels) = value.get_mut("labels").and_then(Value::as_object_mut) {
        labels.remove(LABEL_DEPLOY);
        labels.remove(crate::labels::LABEL_VERSION);
    }
    crate::json::pretty(&value)
}

#[test]
fn every_file_of_a_type_is_in_the_list_and_each_name_stands_once() {
    let list = include_str!("../services.rs");
    let mut files = 0;
    for entry in std::fs::read_dir("src/services").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        if !lines.any(|line| line.starts_with("pub(super) const TYPES")) {
            continue;
        }
        files += 1;
        let name = path.file_stem().unwrap().to_str().unwrap();
        for line in [format!("mod {name};"), format!("    {name}::TYPES,")] {
            assert!(
                list.lines().any(|known| known == line),
                "src/services.rs lacks the line `{line}` for {}",
                path.display()
            );
        }
    }
    assert_eq!(files, TYPES.len());
    for pair in all().windows(2) {
        assert_ne!(pair[0].name, pair[1].name);
    }
}

#[test]
fn a_relationship_may_name_the_endpoints_of_a_type() {
    for (name, allowed, refused) in [
        ("postgresql", &["postgresql", "main"][..], &["reporter"][..]),
        ("postgresql-replica", &["postgresql"], &["main"]),
        ("clickhouse", &["clickhouse", "clickhouse-http"], &["http"]),
        ("kafka", &["kafka"], &["http"]),
        ("valkey", &["valkey", "redis", "other"], &["mysql"]),
        ("redis", &["redis", "other"], &["valkey", "http"]),
        ("varnish", &["http", "other"], &["redis"]),
        ("mercure", &["mercure", "http"], &["kafka"]),
        ("vault-kms", &["manage_keys", "mysql"], &[]),
        ("network-storage", &["nfs"], &[]),
    ] {
        let known = find(name).unwrap();
        for endpoint in allowed {
            assert!(known.may_have(endpoint), "{name}: {endpoint}");
        }
        for endpoint in refused {
            assert!(!known.may_have(endpoint), "{name}: {endpoint}");
        }
    }
}

#[test]
fn every_service_of_the_registry_is_planned_or_says_why_not() {
    let mut refused = Vec::new();
    let mut images = std::collections::BTreeMap::new();
    for known in all() {
        for version in known.supported.iter().chain(known.deprecated) {
            let kind = format!("{}:{version}", known.name);
            let more = match known.name {
                "varnish" => "  relationships: {main: 'app:http'}\n",
                "vault-kms" => {
                    "  configuration: {endpoints: {manage_keys: [{policy: sign, key: a, type: sign}]}}\n"
                }
                _ => "",
            };
            match Plans::of(&format!("db:\n  type: {kind}\n{more}")).plan("db") {
                Ok(plan) => {
                    let image = plan.container.as_ref().map(|spec| spec.image.clone());
                    images.insert(kind.clone(), image.unwrap_or_else(|| "-".to_owned()));
                    if known.endpoint.is_empty() {
                        assert!(plan.endpoints.is_empty(), "{kind}");
                    } else {
                        assert_eq!(plan.endpoints[0].name, known.endpoint, "{kind}");
                        assert_eq!(plan.endpoints[0].payload["type"], *kind);
                    }
                }
                Err(error) => {
                    assert!(error.hint().unwrap().contains("external"), "{error}");
                    refused.push(kind);
                }
            }
        }
    }
    assert_eq!(refused.len(), 11, "{refused:?}");
    assert!(refused.iter().all(|kind| kind.contains("-replica:")));
    insta::assert_snapshot!(pretty(&images));
}

#[test]
fn payloads_have_the_fields_of_upsuns_samples() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/relationships");
    let services = [
        ("elasticsearch", "elasticsearch:7.10"),
        ("headlesschrome", "chrome-headless:120"),
        ("kafka", "kafka:4.3"),
        ("memcached", "memcached:1.6"),
        ("mongodb", "mongodb:4.0"),
        ("mysql", "mariadb:11.8"),
        ("opensearch", "opensearch:3"),
        ("oraclemysql", "oracle-mysql:8.4"),
        ("postgresql", "postgresql:18"),
        ("rabbitmq", "rabbitmq:4.3"),
        ("redis", "redis:8.0"),
        ("solr", "solr:9.9"),
        ("vault-kms", "vault-kms:1.12"),
    ];
    for (sample, kind) in services {
        // The samples are Upsun's own and not part of this repository.
        let Ok(text) = std::fs::read_to_string(samples.join(sample)) else {
            continue;
        };
        // One of them holds a placeholder with quotes of its own.
        let text = text.replace("{{< latest \"oracle-mysql\" >}}", "8.4");
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let more = if sample == "vault-kms" {
            "  configuration: {endpoints: {sign: [{policy: sign, key: a, type: sign}]}}\n"
        } else {
            ""
        };
        let ours = planned(&format!("db:\n  type: {kind}\n{more}")).endpoints[0]
            .payload
            .clone();
        let names = |value: &Value| -> Vec<String> {
            let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(names(&ours), names(&theirs), "{sample}");
        for field in ["username", "scheme", "fragment", "port", "query", "rel"] {
            assert_eq!(ours.get(field), theirs.get(field), "{sample}: {field}");
        }
        for field in ["path", "password"] {
            if !["solr", "vault-kms"].contains(&sample) {
                assert_eq!(ours.get(field), theirs.get(field), "{sample}: {field}");
            }
        }
    }
}

#[test]
fn postgresql_gets_its_databases_endpoints_and_extensions() {
    let plan = planned(
        "db:
  type: postgresql:17
  configuration:
    extensions: [pg_trgm, hstore]
    default_collation: de_DE.UTF-8
    databases: [main, legacy]
    endpoints:
      admin: {privileges: {main: admin, legacy: admin}}
      second: {default_database: legacy, privileges: {legacy: admin}}
      reporter: {default_database: main, privileges: {main: ro}}
      importer: {default_database: legacy, privileges: {legacy: rw}}
    pooling: true",
    );
    insta::assert_snapshot!(pretty(container(&plan)));
    insta::assert_snapshot!(pretty(&plan.volume));
    insta::assert_snapshot!(script(&plan));
    assert_eq!(
        plan.warnings,
        ["`services.db.configuration.pooling` is not applied here"]
    );
    let paths = ["admin", "second", "reporter", "importer"].map(|name| {
        let fields = fields(&plan, name);
        assert_eq!(fields["username"], name);
        assert_eq!(fields["rel"], name);
        fields["path"].clone()
    });
    assert_eq!(json!(paths), json!([null, "legacy", "main", "legacy"]));
}

#[test]
fn postgresql_without_configuration_is_main_main() {
    let plan = planned("db: {type: 'postgresql:18'}");
    let fields = fields(&plan, "postgresql");
    assert_eq!(fields["username"], "main");
    assert_eq!(fields["password"], "main");
    assert_eq!(fields["path"], "main");
    assert_eq!(container(&plan).image, "postgres:18-bookworm");
    assert_eq!(container(&plan).volumes[0].target, "/var/lib/postgresql");
    assert!(container(&plan).capabilities.is_empty());
}

#[test]
fn several_databases_without_endpoints_have_the_endpoint_main() {
    let plan = planned("db: {type: 'postgresql:18', configuration: {databases: [a, b]}}");
    for endpoint in ["main", "postgresql"] {
        let fields = fields(&plan, endpoint);
        assert_eq!(fields["rel"], endpoint);
        assert_eq!(fields["username"], "main");
        assert_eq!(fields["path"], Value::Null);
    }
}

#[test]
fn extensions_of_other_images_choose_the_image() {
    let image = |extensions: &str| {
        let text =
            format!("db: {{type: 'postgresql:18', configuration: {{extensions: {extensions}}}}}");
        container(&planned(&text)).image.clone()
    };
    assert_eq!(image("[postgis, hstore]"), "postgis/postgis:18-3.6");
    assert_eq!(image("[vector]"), "pgvector/pgvector:pg18");
    insta::assert_snapshot!(error(
        "db: {type: 'postgresql:18', configuration: {extensions: [postgis, vector]}}"
    ));
}

#[test]
fn mariadb_gets_its_schemas_endpoints_and_properties() {
    let plan = planned(
        "db:
  type: mariadb:11.8
  configuration:
    schemas: [main, legacy_data]
    rotate_passwords: false
    endpoints:
      mysql: {default_schema: main, privileges: {main: admin, legacy_data: rw}}
      reporter: {privileges: {main: ro}}
      replicator: {privileges: {main: replication}}
    properties: {max_allowed_packet: 64, default_charset: latin1, wsrep_sync_wait: 1}",
    );
    insta::assert_snapshot!(pretty(container(&plan)));
    insta::assert_snapshot!(script(&plan));
    assert_eq!(
        plan.warnings,
        ["`services.db.configuration.properties.wsrep_sync_wait` is not applied here"]
    );
    assert_eq!(fields(&plan, "mysql")["path"], "main");
    assert_eq!(fields(&plan, "reporter")["path"], Value::Null);
}

#[test]
fn mysql_without_configuration_is_user_without_password() {
    for kind in ["mariadb:11.8", "mysql:11.8", "oracle-mysql:8.4"] {
        let fields = fields(&planned(&format!("db: {{type: '{kind}'}}")), "mysql");
        assert_eq!(fields["username"], "user");
        assert_eq!(fields["password"], "");
        assert_eq!(fields["type"], kind);
    }
}

#[test]
fn hostile_names_stay_names() {
    let name = r#"a"; DROP ROLE x; --'`\ %I :v"#;
    let yaml = serde_json::to_string(name).unwrap();
    let postgres = planned(&format!(
        "db: {{type: 'postgresql:18', configuration: {{databases: [{yaml}], endpoints: {{{yaml}: {{privileges: {{{yaml}: ro}}}}}}}}}}"
    ));
    insta::assert_snapshot!(script(&postgres));
    let mariadb = planned(&format!(
        "db: {{type: 'mariadb:11.8', configuration: {{schemas: [{yaml}], endpoints: {{{yaml}: {{privileges: {{{yaml}: ro}}}}}}}}}}"
    ));
    insta::assert_snapshot!(script(&mariadb));
}

#[test]
fn mistakes_are_errors_at_their_place() {
    let mistakes = [
        "db: {type: 'postgresql:18', configuration: {databases: main}}",
        "db: {type: 'postgresql:18', configuration: {databases: [postgres]}}",
        "db: {type: 'postgresql:18', configuration: {endpoints: {a: {privileges: {main: root}}}}}",
        "db: {type: 'postgresql:18', configuration: {endpoints: {a: {default_database: b}}}}",
        "db: {type: 'postgresql:18', configuration: {default_collation: \"x' y\"}}",
        "db: {type: 'mariadb:11.8', configuration: {properties: {default_charset: '$(x)'}}}",
        "db: {type: 'mariadb:11.8', configuration: {endpoints: {root: {}}}}",
        "db: {type: 'redis:8.0', configuration: {maxmemory_policy: never}}",
        "db: {type: 'solr:9.9', configuration: {cores: {'a b': {}}}}",
        "db: {type: 'varnish:9.0'}",
        "db: {type: 'vault-kms:1.12', configuration: {endpoints: {a: [{policy: rule, key: k, type: sign}]}}}",
        "db: {type: 'mariadb-replica:11.8'}",
    ];
    let texts: Vec<String> = mistakes.iter().map(|text| error(text)).collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn images_of_the_settings_come_first() {
    let plans = Plans::with_settings(
        "db: {type: 'postgresql:18', configuration: {extensions: [postgis]}}\ncache: {type: 'redis:8.0'}",
        "images: {'postgresql:18': 'my/postgres:1', redis: 'my/redis'}",
    );
    assert_eq!(container(&plans.plan("db").unwrap()).image, "my/postgres:1");
    assert_eq!(container(&plans.plan("cache").unwrap()).image, "my/redis");
}

#[test]
fn data_of_another_version_are_in_another_volume() {
    let volume = |kind: &str| planned(&format!("db: {{type: '{kind}'}}")).volume.unwrap();
    let (old, new) = (volume("postgresql:17"), volume("postgresql:18"));
    assert_ne!(old.name, new.name);
    assert_eq!(old.labels[LABEL_DATA_VERSION], "postgresql:17");
    assert_eq!(old.labels[LABEL_SERVICE], "db");
    // Two names for one server.
    assert_eq!(volume("mariadb:11.8").name, volume("mysql:11.8").name);
    assert!(planned("db: {type: 'redis:8.0'}").volume.is_none());
    assert!(
        planned("db: {type: 'redis-persistent:8.0'}")
            .volume
            .is_some()
    );
}

#[test]
fn the_id_follows_what_the_container_depends_on() {
    let id = |text: &str| {
        let plan = planned(text);
        assert_eq!(container(&plan).labels[LABEL_DEPLOY], plan.id);
        plan.id
    };
    let plain = id("db: {type: 'redis:8.0'}");
    assert_eq!(plain, id("db: {type: 'redis:8.0', resources: {}}"));
    assert_ne!(
        plain,
        id("db: {type: 'redis:8.0', configuration: {maxmemory_policy: noeviction}}")
    );
}

#[test]
fn a_service_elsewhere_has_the_payload_of_its_url() {
    let plans = Plans::with_settings(
        "db: {type: 'postgresql:18'}\ncopy: {type: 'mariadb-replica:11.8'}",
        "services:
  db: {external: 'postgres://me:p%40ss@db.example:6543/shop?sslmode=require'}
  copy: {external: 'mysql://user@localhost/main'}",
    );
    let plan = plans.plan("db").unwrap();
    assert!(plan.external && plan.container.is_none() && plan.volume.is_none());
    insta::assert_snapshot!(pretty(&plan.endpoints[0].payload));
    let copy = plans.plan("copy").unwrap();
    assert_eq!(copy.endpoints[0].payload["port"], 3306);
    assert_eq!(copy.endpoints[0].payload["type"], "mariadb-replica:11.8");
    assert!(
        copy.warnings[0].contains("host.docker.internal"),
        "{copy:?}"
    );
}

#[test]
fn an_external_url_that_is_none_says_so() {
    let texts: Vec<String> = ["db.example", "pgsql:///main", "foo://host"]
        .iter()
        .map(|url| {
            let settings = format!("services: {{db: {{external: '{url}'}}}}");
            let plans = Plans::with_settings("db: {type: 'postgresql:18'}", &settings);
            plans.plan("db").unwrap_err().to_string()
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn varnish_gets_its_backends() {
    let plan = planned(
        "db:
  type: varnish:9.0
  relationships: {main: 'app:http'}
  configuration: {vcl: 'sub vcl_recv { set req.backend_hint = main.backend(); }'}",
    );
    insta::assert_snapshot!(plan.files[0].content);
    let links = &container(&plan).network.as_ref().unwrap().links;
    assert_eq!(links[0].container, "upsun-shop-1234-main-app");
    assert_eq!(links[0].alias, "main.internal");
}

#[test]
fn other_services_are_these() {
    let services = [
        "type: rabbitmq:4.3
  configuration: {vhosts: [host1]}",
        "type: kafka:3.6",
        "type: mongodb:4.0",
        "type: mongodb-enterprise:7.0",
        "type: opensearch:3
  configuration: {plugins: [analysis-icu]}",
        "type: elasticsearch-enterprise:9.3",
        "type: solr:10.0
  configuration: {cores: {main: {conf_dir: x}}, endpoints: {a: {core: main}}}",
        "type: clickhouse:26.3",
        "type: influxdb:3",
        "type: mercure:0",
        "type: vault-kms:1.12
  configuration: {endpoints: {sign: [{policy: sign, key: k, type: sign}]}}",
    ];
    let plans: Vec<Value> = services
        .iter()
        .map(|service| {
            let plan = planned(&format!(
                "db:
  {service}"
            ));
            let spec = container(&plan);
            json!({
                "type": plan.r#type,
                "image": spec.image,
                "command": spec.command,
                "variables": spec.variables,
                "hosts": spec.hosts,
                "ready": plan.ready,
                "setup": plan.setup,
                "endpoints": plan.endpoints,
                "warnings": plan.warnings,
            })
        })
        .collect();
    insta::assert_snapshot!(pretty(&plans));
}
