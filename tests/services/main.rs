//! Services as they are planned, on a real engine: they become ready, their setup may run again and again,
//! and clients that know nothing but the payload get in, and no further than they may.
//!
//! Needs the images of `scripts/engine up --images "postgres mariadb redis valkey/valkey rabbitmq memcached elasticsearch
//! influxdb varnish"`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these are tests: they may panic, and say how long things took"
)]

mod sandbox;

use sandbox::{Sandbox, Service};

/// Quotes, a statement, placeholders and escapes: everything that a name could break out with.
const HOSTILE: &str = r#"a"; DROP TABLE x; --'`\ %I _% :v $(id)"#;

fn yaml(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A command line for the client container, which has the password in a variable.
fn psql(service: &Service, endpoint: &str, database: &str, sql: &str) -> Vec<String> {
    let payload = service.payload(endpoint);
    let text = |field: &str| payload[field].as_str().unwrap().to_owned();
    let script = "PGPASSWORD=$1 PGDATABASE=$2 exec psql --host db.internal --username \"$3\" --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 --command \"$4\"";
    [
        "sh",
        "-c",
        script,
        "sh",
        &text("password"),
        database,
        &text("username"),
        sql,
    ]
    .map(str::to_owned)
    .to_vec()
}

fn mariadb(service: &Service, endpoint: &str, schema: &str, sql: &str) -> Vec<String> {
    let payload = service.payload(endpoint);
    let text = |field: &str| payload[field].as_str().unwrap().to_owned();
    let script = "MYSQL_PWD=$1 exec mariadb --host db.internal --skip-ssl --user \"$3\" --batch --skip-column-names --execute \"$4\" \"$2\"";
    [
        "sh",
        "-c",
        script,
        "sh",
        &text("password"),
        schema,
        &text("username"),
        sql,
    ]
    .map(str::to_owned)
    .to_vec()
}

#[tokio::test]
async fn postgresql_lets_each_endpoint_do_what_it_may() {
    Sandbox::run("pg-rights", async |sandbox| {
        let name = yaml(HOSTILE);
        let db = sandbox
            .start(&format!(
                "db:
  type: postgresql:18
  configuration:
    databases: [main, legacy, {name}]
    extensions: [pg_trgm, pg_stat_statements]
    endpoints:
      admin: {{default_database: main, privileges: {{main: admin, legacy: admin}}}}
      second: {{privileges: {{legacy: admin}}}}
      reporter: {{privileges: {{main: ro}}}}
      importer: {{privileges: {{legacy: rw}}}}
      {name}: {{privileges: {{{name}: admin, main: ro}}}}"
            ))
            .await;
        let yes = async |endpoint: &str, database: &str, sql: &str| {
            db.client(&psql(&db, endpoint, database, sql))
                .await
                .succeeds()
        };
        let no = async |endpoint: &str, database: &str, sql: &str| {
            db.client(&psql(&db, endpoint, database, sql)).await.fails()
        };
        yes(
            "admin",
            "main",
            "CREATE TABLE t (id serial PRIMARY KEY, x text)",
        )
        .await;
        yes("admin", "main", "INSERT INTO t (x) VALUES ('one')").await;
        assert_eq!(yes("reporter", "main", "SELECT x FROM t").await, "one");
        assert_eq!(yes(HOSTILE, "main", "SELECT x FROM t").await, "one");
        for sql in [
            "INSERT INTO t (x) VALUES ('two')",
            "CREATE TABLE u ()",
            "DROP TABLE t",
        ] {
            let text = no("reporter", "main", sql).await;
            assert!(
                text.contains("permission denied") || text.contains("must be owner"),
                "{text}"
            );
        }
        for endpoint in ["reporter", "second"] {
            let text = no(
                endpoint,
                if endpoint == "reporter" {
                    "legacy"
                } else {
                    "main"
                },
                "SELECT 1",
            )
            .await;
            assert!(text.contains("permission denied for database"), "{text}");
        }

        // Two administrators of one database alter what the other made.
        yes("admin", "legacy", "CREATE TABLE t (id serial PRIMARY KEY)").await;
        yes(
            "second",
            "legacy",
            "ALTER TABLE t ADD x text; CREATE SCHEMA s; CREATE TABLE s.u (x text)",
        )
        .await;
        yes(
            "admin",
            "legacy",
            "DROP TABLE s.u; CREATE TABLE s.u (x text)",
        )
        .await;
        yes(
            "importer",
            "legacy",
            "INSERT INTO t (x) VALUES ('x'); INSERT INTO s.u VALUES ('y')",
        )
        .await;
        yes("importer", "legacy", "UPDATE t SET x = 'z'; DELETE FROM t").await;
        no("importer", "legacy", "ALTER TABLE t ADD y text").await;

        yes(
            HOSTILE,
            HOSTILE,
            "CREATE TABLE x (y text); SELECT similarity('a', 'b')",
        )
        .await;
        db.set_up().await;
        yes(HOSTILE, HOSTILE, "SELECT y FROM x").await;
        assert_eq!(yes("reporter", "main", "SELECT x FROM t").await, "one");
        no("reporter", "main", "INSERT INTO t (x) VALUES ('two')").await;
        no("importer", "legacy", "ALTER TABLE t ADD y text").await;
    })
    .await;
}

#[tokio::test]
async fn postgresql_keeps_its_data_when_endpoints_change() {
    Sandbox::run("pg-change", async |sandbox| {
        let db = sandbox.start("db: {type: 'postgresql:18'}").await;
        let make = "CREATE TABLE t (x text); INSERT INTO t VALUES ('kept')";
        db.client(&psql(&db, "postgresql", "main", make))
            .await
            .succeeds();
        db.remove().await;

        let db = sandbox
            .start(
                "db:
  type: postgresql:18
  configuration:
    endpoints:
      boss: {privileges: {main: admin}}
      other: {privileges: {main: admin}}
      reader: {privileges: {main: ro}}",
            )
            .await;
        let alter = "ALTER TABLE t ADD y text; SELECT x FROM t";
        let text = db
            .client(&psql(&db, "boss", "main", alter))
            .await
            .succeeds();
        assert!(text.ends_with("kept"), "{text}");
        db.client(&psql(&db, "other", "main", "ALTER TABLE t DROP y"))
            .await
            .succeeds();
        db.client(&psql(&db, "reader", "main", "SELECT x FROM t"))
            .await
            .succeeds();
        db.remove().await;

        // Who was an administrator is none any more.
        let db = sandbox
            .start(
                "db:
  type: postgresql:18
  configuration:
    endpoints: {boss: {privileges: {main: admin}}, other: {privileges: {main: ro}}}",
            )
            .await;
        db.client(&psql(&db, "boss", "main", "ALTER TABLE t ADD y text"))
            .await
            .succeeds();
        db.client(&psql(&db, "other", "main", "SELECT x FROM t"))
            .await
            .succeeds();
        db.client(&psql(&db, "other", "main", "INSERT INTO t VALUES ('no')"))
            .await
            .fails();
    })
    .await;
}

#[tokio::test]
async fn mariadb_lets_each_endpoint_do_what_it_may() {
    Sandbox::run("maria-rights", async |sandbox| {
        let name = yaml(HOSTILE);
        let db = sandbox
            .start(&format!(
                "db:
  type: mariadb:11.8
  configuration:
    schemas: [main, a_b, axb, {name}]
    endpoints:
      mysql: {{default_schema: main, privileges: {{main: admin}}}}
      reporter: {{privileges: {{main: ro}}}}
      importer: {{privileges: {{main: rw}}}}
      wild: {{privileges: {{a_b: admin}}}}
      replicator: {{privileges: {{main: replication-admin}}}}
      {name}: {{privileges: {{{name}: admin}}}}
    properties: {{max_allowed_packet: 64, default_charset: latin1}}"
            ))
            .await;
        let yes = async |endpoint: &str, schema: &str, sql: &str| {
            db.client(&mariadb(&db, endpoint, schema, sql)).await.succeeds()
        };
        let no = async |endpoint: &str, schema: &str, sql: &str| {
            db.client(&mariadb(&db, endpoint, schema, sql)).await.fails()
        };
        let sql = "SELECT @@max_allowed_packet, @@character_set_server, @@log_bin";
        assert_eq!(yes("mysql", "main", sql).await, "67108864\tlatin1\t1");
        yes("mysql", "main", "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (x int, FOREIGN KEY (x) REFERENCES p (id))").await;
        yes("mysql", "main", "CREATE VIEW v AS SELECT * FROM t; INSERT INTO p VALUES (1)").await;
        assert_eq!(yes("reporter", "main", "SELECT * FROM p").await, "1");
        no("reporter", "main", "INSERT INTO p VALUES (2)").await;
        yes("importer", "main", "INSERT INTO p VALUES (2)").await;
        no("importer", "main", "DROP TABLE t").await;
        yes("wild", "a_b", "CREATE TABLE t (x int)").await;
        no("wild", "axb", "SELECT 1").await;
        yes("replicator", "main", "SHOW REPLICA STATUS").await;
        yes(HOSTILE, HOSTILE, "CREATE TABLE x (y int)").await;
        no(HOSTILE, "main", "SELECT 1").await;
        db.set_up().await;
        yes(HOSTILE, HOSTILE, "SELECT y FROM x").await;
        no("reporter", "main", "INSERT INTO p VALUES (3)").await;
    })
    .await;
}

#[tokio::test]
async fn mariadb_without_configuration_is_user_without_password() {
    Sandbox::run("maria-plain", async |sandbox| {
        let db = sandbox.start("db: {type: 'mariadb:11.8'}").await;
        let sql = "CREATE TABLE t (x text); SELECT @@collation_database";
        let text = db
            .client(&mariadb(&db, "mysql", "main", sql))
            .await
            .succeeds();
        assert_eq!(text, "utf8mb4_unicode_ci");
        db.restart().await;
        db.client(&mariadb(&db, "mysql", "main", "SELECT * FROM t"))
            .await
            .succeeds();
    })
    .await;
}

#[tokio::test]
async fn redis_and_valkey_keep_data_where_they_are_persistent() {
    Sandbox::run("redis", async |sandbox| {
        for (kind, client, kept) in [
            ("redis:8.0", "redis-cli", ""),
            ("redis-persistent:8.0", "redis-cli", "v"),
            ("valkey:9.0", "valkey-cli", ""),
            ("valkey-persistent:9.0", "valkey-cli", "v"),
        ] {
            let db = sandbox.start(&format!("db: {{type: '{kind}'}}")).await;
            let command = |words: &[&str]| -> Vec<String> {
                [client, "-h", "db.internal"]
                    .iter()
                    .chain(words)
                    .map(|word| (*word).to_owned())
                    .collect()
            };
            db.client(&command(&["set", "k", "v"])).await.succeeds();
            let policy = db
                .client(&command(&["config", "get", "maxmemory-policy"]))
                .await
                .succeeds();
            assert!(policy.ends_with("allkeys-lru"), "{policy}");
            db.restart().await;
            let value = db.client(&command(&["get", "k"])).await.succeeds();
            assert_eq!(value, kept, "{kind}");
            db.remove().await;
        }
    })
    .await;
}

#[tokio::test]
async fn rabbitmq_has_its_virtual_hosts() {
    Sandbox::run("rabbit", async |sandbox| {
        let name = yaml(HOSTILE);
        let db = sandbox
            .start(&format!(
                "db: {{type: 'rabbitmq:4.3', configuration: {{vhosts: [host1, {name}]}}}}"
            ))
            .await;
        db.set_up().await;
        let list = |what: &str| ["rabbitmqctl", "--quiet", what].map(str::to_owned).to_vec();
        let hosts = db.inside(&list("list_vhosts")).await.succeeds();
        assert!(hosts.lines().any(|line| line == "host1"), "{hosts}");
        assert!(hosts.lines().any(|line| line.contains("DROP TABLE x")), "{hosts}");
        let mut rights = list("list_permissions");
        rights.extend(["--vhost".to_owned(), HOSTILE.to_owned()]);
        let rights = db.inside(&rights).await.succeeds();
        assert!(rights.contains("guest"), "{rights}");
        // The management interface, from outside and with the payload's user.
        let script = "exec 3<>/dev/tcp/db.internal/15672; printf 'GET /api/whoami HTTP/1.0\\r\\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\\r\\n\\r\\n' >&3; cat <&3";
        let answer = db.client(&["bash", "-c", script].map(str::to_owned)).await.succeeds();
        assert!(answer.contains("\"name\":\"guest\""), "{answer}");
        db.restart().await;
        let hosts = db.inside(&list("list_vhosts")).await.succeeds();
        assert!(hosts.lines().any(|line| line == "host1"), "{hosts}");
    })
    .await;
}

#[tokio::test]
async fn memcached_answers() {
    Sandbox::run("memcached", async |sandbox| {
        let db = sandbox.start("db: {type: 'memcached:1.6'}").await;
        let script = "exec 3<>/dev/tcp/db.internal/11211; printf 'set k 0 0 1\\r\\nv\\r\\nget k\\r\\nquit\\r\\n' >&3; cat <&3";
        let answer = db.client(&["bash", "-c", script].map(str::to_owned)).await.succeeds();
        assert!(answer.contains("VALUE k 0 1"), "{answer}");
    })
    .await;
}

fn bash(script: &str) -> [String; 3] {
    ["bash", "-c", script].map(str::to_owned)
}

#[tokio::test]
async fn elasticsearch_runs_as_its_user_though_its_image_is_root() {
    Sandbox::run("elasticsearch", async |sandbox| {
        let db = sandbox.start("db: {type: 'elasticsearch:7.10'}").await;
        let health = bash("curl --silent http://db.internal:9200/_cluster/health");
        let answer = db.client(&health).await.succeeds();
        assert!(answer.contains("\"status\""), "{answer}");
        let user = db.inside(&bash("id -u; id -g")).await.succeeds();
        assert_eq!(user, "1000\n0");
        db.restart().await;
    })
    .await;
}

#[tokio::test]
async fn influxdb_3_keeps_its_databases() {
    Sandbox::run("influxdb", async |sandbox| {
        let db = sandbox.start("db: {type: 'influxdb:3'}").await;
        let list = bash("influxdb3 show databases --host http://127.0.0.1:8086");
        for _ in 0..2 {
            let databases = db.inside(&list).await.succeeds();
            assert!(databases.contains("main"), "{databases}");
            db.restart().await;
        }
    })
    .await;
}

#[tokio::test]
async fn varnish_runs_as_its_user_though_its_image_is_root() {
    Sandbox::run("varnish", async |sandbox| {
        sandbox.app_behind("varnish:6.0").await;
        let db = sandbox
            .start("db: {type: 'varnish:6.0', relationships: {main: 'behind:http'}}")
            .await;
        let script =
            "exec 3<>/dev/tcp/db.internal/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
        // The app behind it does not answer.
        let answer = db.client(&bash(script)).await.succeeds();
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        let user = db.inside(&bash("id -un")).await.succeeds();
        assert_eq!(user, "varnish");
    })
    .await;
}
