//! The clients of databases in an app's container, from the images of the services.

use crate::support::TestProject;

const CONFIG: &str = r#"
applications:
  app:
    type: nodejs:24
    build: {flavor: none}
    relationships:
      main: {service: maindb, endpoint: mysql}
      pg: {service: pgdb, endpoint: postgresql}
      cache: {service: cache, endpoint: redis}
    mounts:
      dumps: {source: storage}
    web: {commands: {start: exec sleep 7302}}
    operations:
      mysql:
        commands:
          start: |
            set -e
            export MYSQL_PWD="$MAIN_PASSWORD"
            connect="-h $MAIN_HOST -P $MAIN_PORT -u $MAIN_USERNAME"
            mysql $connect "$MAIN_PATH" -e "create table if not exists t (n int); insert into t values (7)"
            mysqldump $connect "$MAIN_PATH" >dumps/main.sql
            mariadb-dump $connect "$MAIN_PATH" t | mysql $connect "$MAIN_PATH"
            mariadb $connect "$MAIN_PATH" --skip-column-names -e "select n from t"
            grep -c "INSERT INTO" dumps/main.sql
      postgresql:
        commands:
          start: |
            set -e
            psql "$PG_URL" --quiet -c "create table if not exists t (n int)" -c "insert into t values (8)"
            pg_dump --no-owner "$PG_URL" >dumps/pg.sql
            psql "$PG_URL" --tuples-only --no-align -c "select n from t"
            grep -c "COPY public.t" dumps/pg.sql
            psql --version | grep -o "PostgreSQL) 18"
      redis:
        commands:
          start: |
            redis-cli -h "$CACHE_HOST" -p "$CACHE_PORT" set key value
            redis-cli -h "$CACHE_HOST" -p "$CACHE_PORT" get key
      sqlite:
        commands: {start: sqlite3 dumps/x.db "select 40 + 2"}
services:
  maindb: {type: mariadb:11.8}
  pgdb: {type: postgresql:18}
  cache: {type: redis:8.0}
"#;

#[test]
fn databases_are_reached_with_their_own_clients() {
    let project = TestProject::on_engine(CONFIG);
    project.file("index.js", "");
    for (operation, printed) in [
        ("mysql", "7\n1\n"),
        ("postgresql", "8\n1\nPostgreSQL) 18\n"),
        ("redis", "OK\nvalue\n"),
        ("sqlite", "42\n"),
    ] {
        let outcome = project.run(&["run", operation]).expect(0);
        assert_eq!(outcome.stdout, printed, "{operation}: {}", outcome.stderr);
    }
    upsuns_words_reach_them(&project);
}

/// As they are written in Upsun's documentation.
fn upsuns_words_reach_them(project: &TestProject) {
    for (words, printed) in [
        (&["sql", "-r", "pg", "--raw", "select n from t"][..], "8\n"),
        (
            &["db:sql", "-r", "main", "--raw", "select n from t"],
            "n\n7\n",
        ),
        (&["redis", "get", "key"], "value\n"),
        (
            &["service:redis-cli", "--", "--scan --pattern 'k*'"],
            "key\n",
        ),
    ] {
        let outcome = project.run(words).expect(0);
        assert_eq!(outcome.stdout, printed, "{words:?}");
    }
    let several = project.run(&["sql", "select 1"]).expect(64).stderr;
    assert!(
        several.contains("--relationship` with one of: `main`, `pg`"),
        "{several}"
    );
    let dump = project
        .run(&["db:dump", "--relationship=main", "-o"])
        .expect(0);
    assert!(dump.stdout.contains("INSERT INTO"), "{}", dump.stdout);
    let words = ["db:dump", "-r", "pg", "--gzip", "-f", "pg.sql.gz"];
    project.run(&words).expect(0);
    let written = std::fs::read(project.root().join("pg.sql.gz")).expect("a file");
    assert_eq!(written[..2], [0x1f, 0x8b]);
    // A dump that fails leaves no file.
    let words = [
        "db:dump", "-r", "pg", "--schema", "nowhere", "-f", "none.sql",
    ];
    assert_ne!(project.run(&words).code, 0);
    assert!(!project.root().join("none.sql").exists());
}

/// An app whose scripts give the password as an option or in a variable, and no port, as scripts in the field do.
const PASSWORDS: &str = r#"
applications:
  app:
    type: nodejs:24
    build: {flavor: none}
    relationships:
      plain: {service: plaindb, endpoint: mysql}
      own: {service: owndb, endpoint: writer}
    web: {commands: {start: exec sleep 7303}}
    operations:
      own:
        commands:
          start: echo "select 6 * 7" | mysql -h "$OWN_HOST" -u "$OWN_USERNAME" -p"$OWN_PASSWORD" --skip-column-names "$OWN_PATH"
      empty:
        commands:
          start: echo "select 6 * 7" | mysql -h "$PLAIN_HOST" -u "$PLAIN_USERNAME" -p"$PLAIN_PASSWORD" "$PLAIN_PATH"
      variable:
        commands:
          start: echo "select 6 * 7" | MYSQL_PWD="$PLAIN_PASSWORD" mysql -h "$PLAIN_HOST" -u "$PLAIN_USERNAME" --skip-column-names "$PLAIN_PATH"
services:
  plaindb: {type: mariadb:11.8}
  owndb:
    type: mariadb:11.8
    configuration:
      schemas: [main]
      endpoints: {writer: {default_schema: main, privileges: {main: admin}}}
"#;

/// Upsun documents that the password is empty until an endpoint is defined. After `-p` without one the client asks for it,
/// and takes the first line of its input for the answer: nothing is done to hide that from whoever will meet it there.
/// Source: <https://docs.upsun.com/add-services/mysql.html#password-generation>
#[test]
fn a_password_is_empty_until_an_endpoint_is_defined() {
    let project = TestProject::on_engine(PASSWORDS);
    project.file("index.js", "");
    for operation in ["own", "variable"] {
        let outcome = project.run(&["run", operation]).expect(0);
        assert_eq!(outcome.stdout, "42\n", "{operation}: {}", outcome.stderr);
    }
    let outcome = project.run(&["run", "empty"]).expect(1);
    assert!(
        outcome.stderr.contains("Access denied"),
        "{}",
        outcome.stderr
    );
}
