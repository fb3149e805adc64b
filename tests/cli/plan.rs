//! `plan`: what a push does.

use crate::repository::{commit, git, without_ids};
use crate::support::TestProject;

const CONFIG: &str = "\
applications:
  api:
    type: python:3.14
    source: { root: api }
    relationships: { db: null }
    mounts:
      /uploads: { source: storage }
    hooks:
      build: make
      deploy: ./migrate.sh
      post_deploy: ./warm.sh
    crons:
      tidy: { spec: '0 3 * * *', commands: { start: ./tidy.sh } }
    operations:
      wipe: { role: admin, commands: { start: wipe } }
      look: { role: viewer, commands: { start: look } }
  web:
    type: nodejs:24
    hooks:
      deploy: ./clear.sh
      post_deploy: ./ping.sh
services:
  db: { type: postgresql:17 }
  cache: { type: redis:8.0 }
routes:
  'https://{default}/': { type: upstream, upstream: 'web:http' }
";

fn project() -> TestProject {
    let project = TestProject::new(CONFIG);
    project.file("api/app.py", "1").file("index.js", "1");
    commit(&project, "before");
    project
}

fn json(project: &TestProject, arguments: &[&str]) -> serde_json::Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    let text = project.run(&arguments).expect(0).stdout;
    serde_json::from_str(&text).expect("JSON")
}

fn plan(project: &TestProject, arguments: &[&str]) -> String {
    let arguments = [&["plan", "--against", "before"], arguments].concat();
    without_ids(&project.run(&arguments).shown())
}

#[test]
fn nothing_changed() {
    insta::assert_snapshot!(plan(&project(), &[]), @r"
    code: 0
    --- stdout
    What a push does, compared with `before` ([ID])

    2 apps stay as they are: api, web; only their post_deploy hooks run
    --- stderr
    ");
}

#[test]
fn everything_changed() {
    let project = project();
    project.file("api/app.py", "2").file("api/lib/new.py", "2");
    let edits = [
        ("build: make", "build: make all"),
        ("/uploads: {", "/files: {"),
        ("role: admin", "role: contributor"),
        (
            "      look: { role: viewer, commands: { start: look } }\n",
            "      peek: { commands: { start: look } }\n",
        ),
        ("tidy: {", "sweep: {"),
        ("postgresql:17", "postgresql:18"),
        ("  cache: { type: redis:8.0 }\n", ""),
        ("'https://{default}/'", "'https://www.{default}/'"),
        ("./clear.sh", "./clear-all.sh"),
    ];
    let now = edits
        .iter()
        .fold(CONFIG.to_owned(), |text, (from, to)| text.replace(from, to));
    project.file(".upsun/config.yaml", &now);
    insta::assert_snapshot!(plan(&project, &[]), @r#"
    code: 0
    --- stdout
    What a push does, compared with `before` ([ID])
    With 3 files that are not committed: .upsun/config.yaml, api/app.py,
      api/lib/new.py

    api is built again and deployed
      because of  source: 2 files: app.py, lib/new.py
                  crons.sweep (new)
                  crons.tidy (gone)
                  hooks.build
                  mounts./files (new)
                  mounts./uploads (gone)
                  operations.peek (new)
                  operations.wipe.role
                  operations.look (gone)
                  services.db.type
                  routes
      hooks       build, deploy, post_deploy
      operations  ~ wipe: role from admin to contributor
                  + peek (contributor)
                  - look
      crons       + sweep
                  - tidy
      mounts      ! /files will look empty: the data stay in `uploads`;
                  `source_path: "uploads"` shows them

    web is built again and deployed
      because of  source: 2 files: api/app.py, api/lib/new.py
                  hooks.deploy
                  routes
      hooks       deploy, post_deploy

    services
      - cache (redis:8.0)
      ! db: from postgresql:17 to postgresql:18; there is no way back, so make a
        backup first

    routes
      + https://www.{default}/
      - https://{default}/
    --- stderr
    "#);
    let json = project
        .run(&["plan", "--against", "before", "--format", "json"])
        .expect(0)
        .stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["against"]["ref"], "before");
    assert_eq!(json["apps"][0]["action"], "rebuild");
    assert_eq!(
        json["apps"][0]["causes"][0]["files"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(json["apps"][0]["mounts"][0]["fate"], "looks-empty");
    assert_eq!(json["apps"][1]["action"], "rebuild");
    assert_eq!(json["services"][0]["fate"], "removed");
    assert_eq!(json["routes"][0]["change"], "added");
}

#[test]
fn only_the_configuration_of_one_app_changed() {
    let project = project();
    project.file(
        ".upsun/config.yaml",
        &CONFIG.replace("./clear.sh", "./clear-all.sh"),
    );
    // The app at the repository's root has the configuration in its directory, which is not built from it.
    insta::assert_snapshot!(plan(&project, &[]), @r"
    code: 0
    --- stdout
    What a push does, compared with `before` ([ID])
    With 1 file that is not committed: .upsun/config.yaml

    web is deployed again, with the build it has
      because of  hooks.deploy
      hooks       deploy, post_deploy

    api stays as it is; only its post_deploy hook runs
    --- stderr
    ");
}

#[test]
fn mounts_and_services_whose_data_are_not_where_they_were() {
    let config = "\
applications:
  app:
    type: nodejs:24
    source: { root: app }
    mounts:
      /var: { source: storage }
      /x: { source: storage, source_path: a }
      /y: { source: storage, source_path: b }
      /net: { source: service, service: nfs }
      /up: { source: storage }
services:
  nfs: { type: 'network-storage:1.0' }
  db: { type: 'postgresql:18' }
  cache: { type: 'redis:8.0' }
";
    let project = TestProject::new(config);
    project.file("app/index.js", "1");
    commit(&project, "before");
    let now = "\
applications:
  app:
    type: nodejs:24
    source: { root: app }
    mounts:
      /var/cache: { source: storage }
      /var/log: { source: storage }
      /x: { source: storage, source_path: b }
      /y: { source: storage, source_path: a }
      /net: { source: storage }
      /all: { source: storage, source_path: '' }
services:
  database: { type: 'postgresql:18' }
  memory: { type: 'redis:8.0' }
";
    project.file(".upsun/config.yaml", now);
    insta::assert_snapshot!(plan(&project, &[]), @r#"
    code: 0
    --- stdout
    What a push does, compared with `before` ([ID])
    With 1 file that is not committed: .upsun/config.yaml

    app is built again and deployed
      because of  mounts./all (new)
                  mounts./net.source
                  mounts./net.service (gone)
                  mounts./var/cache (new)
                  mounts./var/log (new)
                  mounts./x.source_path
                  mounts./y.source_path
                  mounts./up (gone)
                  mounts./var (gone)
      mounts      ! /x will show the data of /y: its own stay in `a`; `source_path:
                  "a"` shows them
                  ! /y will show the data of /x: its own stay in `b`; `source_path:
                  "b"` shows them
                  ! /net will look empty: the data are deleted with `nfs`
                  ! /all will show the data of /var further down, in `var`;
                  `source_path: "var"` shows them as before
                  ! /all will show the data of /up further down, in `up`;
                  `source_path: "up"` shows them as before

    services
      ! nfs (network-storage:1.0) is deleted with its data
      ! db (postgresql:18) is deleted with its data
      - cache (redis:8.0)
      + database (postgresql:18) looks like `db` with another name: to Upsun it is
        another service, and starts without its data
      + memory (redis:8.0) looks like `cache` with another name
    --- stderr
    "#);
}

#[test]
fn what_is_not_committed_is_said_and_names_of_files_stay_on_their_line() {
    let project = project();
    let long = |number: u32| format!("api/{}/{number}", "x".repeat(30));
    for number in 0..5 {
        project.file(&long(number), "");
    }
    commit(&project, "after");
    project.file("api/a\nb", "").file("untracked", "");
    insta::assert_snapshot!(plan(&project, &[]), @r"
    code: 0
    --- stdout
    What a push does, compared with `before` ([ID])
    With 2 files that are not committed: api/a\nb, untracked

    api is built again and deployed
      because of  source: 6 files: a\nb, xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/0,
                  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/1, and 3 more
      hooks       build, deploy, post_deploy

    web is built again and deployed
      because of  source: 7 files: api/a\nb, api/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/0,
                  api/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/1, and 4 more
      hooks       deploy, post_deploy
    --- stderr
    ");
    assert_eq!(
        json(&project, &["plan", "--against", "after"])["uncommitted"],
        serde_json::json!(["api/a\nb", "untracked"])
    );
}

#[test]
fn a_renamed_app_and_one_that_moved() {
    let project = project();
    let root = project.root();
    std::fs::create_dir(root.join("services")).unwrap();
    std::fs::rename(root.join("api"), root.join("services/api")).unwrap();
    let now = CONFIG
        .replace("root: api", "root: services/api")
        .replace("  web:\n", "  site:\n")
        .replace("'web:http'", "'site:http'");
    project.file(".upsun/config.yaml", &now);
    insta::assert_snapshot!(plan(&project, &[]), @r"
    code: 0
    --- stdout
    What a push does, compared with `before` ([ID])
    With 3 files that are not committed: .upsun/config.yaml, api/app.py,
      services/api/app.py

    api is built again and deployed
      because of  source.root
                  routes
      hooks       build, deploy, post_deploy

    site is new: built and deployed
      It looks like `web` with another name: to Upsun it is another app, and starts
      without its data.
      hooks       deploy, post_deploy

    web is removed

    routes
      ~ https://{default}/: upstream
    --- stderr
    ");

    let renamed = CONFIG.replace("  api:\n", "  service:\n");
    std::fs::rename(root.join("services/api"), root.join("api")).unwrap();
    project.file(".upsun/config.yaml", &renamed);
    insta::assert_snapshot!(plan(&project, &[]), @r"
    code: 0
    --- stdout
    What a push does, compared with `before` ([ID])
    With 1 file that is not committed: .upsun/config.yaml

    service is new: built and deployed
      It looks like `api` with another name: to Upsun it is another app, and starts
      without its data.
      hooks       build, deploy, post_deploy

    web is deployed again, with the build it has
      because of  PLATFORM_TREE_ID
      hooks       deploy, post_deploy

    api is removed
      mounts      ! /uploads is deleted with its data
    --- stderr
    ");
}

#[test]
fn without_a_name_it_is_what_was_pushed_last() {
    let project = project();
    let root = project.root();
    let heading = || {
        let text = project.run(&["plan"]).expect(0).stdout;
        without_ids(text.lines().next().unwrap_or_default())
    };
    assert_eq!(heading(), "What a push does, compared with `HEAD` ([ID])");
    let unknown =
        "Git knows of no push: compared with the last commit; use `--against` to name\nanother\n";
    let text = project.run(&["plan"]).expect(0).stdout;
    assert!(text.contains(unknown), "{text}");
    assert_eq!(json(&project, &["plan"])["against"]["assumed"], true);
    git(&root, &["clone", "-q", "--bare", ".", "../upstream.git"]);
    git(&root, &["remote", "add", "origin", "../upstream.git"]);
    git(&root, &["fetch", "-q"]);
    git(&root, &["checkout", "-q", "-b", "feature"]);
    // Neither the branch nor the remote's main one is said to be what is pushed to, and still they are there.
    assert_eq!(
        heading(),
        "What a push does, compared with `origin/main` ([ID])"
    );
    git(&root, &["push", "-q", "origin", "feature"]);
    project.file("api/app.py", "2");
    commit(&project, "after");
    assert_eq!(
        heading(),
        "What a push does, compared with `origin/feature` ([ID])"
    );
    git(&root, &["checkout", "-q", "--detach"]);
    assert_eq!(
        heading(),
        "What a push does, compared with `origin/main` ([ID])"
    );
    let text = project.run(&["plan"]).expect(0).stdout;
    assert!(!text.contains("Nothing is known"), "{text}");
    assert_eq!(json(&project, &["plan"])["against"]["assumed"], false);
    git(&root, &["checkout", "-q", "-B", "main"]);
    git(&root, &["branch", "-q", "--set-upstream-to=origin/main"]);
    assert_eq!(
        heading(),
        "What a push does, compared with `@{push}` ([ID])"
    );
    let text = project.run(&["plan"]).expect(0).stdout;
    assert!(text.contains("source: 1 file: app.py"), "{text}");
}

#[test]
fn before_the_first_commit_and_before_the_configuration_all_is_new() {
    let project = TestProject::new(
        "applications:\n  app:\n    type: nodejs:24\n    hooks: { build: b, deploy: d }\n",
    );
    insta::assert_snapshot!(project.run(&["plan"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: `[REPO]` is not in a Git repository, so there is nothing to compare it with

    hint: `git init` makes one; in a checkout without `.git`, nothing is known of the past
    ");
    git(&project.root(), &["init", "-q"]);
    insta::assert_snapshot!(project.run(&["plan", "--against", "HEAD"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no commit in this repository yet, so there is nothing to compare it with

    hint: make a commit first; without `--against`, `upsun-local plan` says what a first push does
    ");
    insta::assert_snapshot!(project.run(&["plan"]).shown(), @r"
    code: 0
    --- stdout
    What a first push does: there is no commit yet

    app is new: built and deployed
      hooks       build, deploy
    --- stderr
    ");
    git(
        &project.root(),
        &["commit", "-q", "--allow-empty", "-m", "before"],
    );
    insta::assert_snapshot!(without_ids(&project.run(&["plan"]).shown()), @r"
    code: 0
    --- stdout
    What a push does, compared with `HEAD` ([ID]), where nothing was configured
    Git knows of no push: compared with the last commit; use `--against` to name
    another
    With 2 files that are not committed: .upsun-local.yaml, .upsun/config.yaml

    app is new: built and deployed
      hooks       build, deploy
    --- stderr
    ");
}

/// The ids that a dry run shows are what decides whether something is built or started again.
#[test]
fn what_is_planned_is_what_the_sandbox_would_do() {
    let config = "\
applications:
  app:
    type: nodejs:24
    variables: { env: { MODE: one } }
    mounts: { /data: { source: storage } }
    hooks: { build: b, deploy: d }
    web: { commands: { start: serve } }
    operations:
      run: { commands: { start: run } }
routes:
  'https://{default}/': { type: upstream, upstream: 'app:http' }
";
    let project = TestProject::new(config);
    project.file("index.js", "1");
    commit(&project, "before");
    let ids = || {
        let text = project
            .run(&["run", "run", "--dry-run", "--format", "json"])
            .expect(0)
            .stdout;
        let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
        let plan = &plan[0];
        let mut container = plan["containers"][0].clone();
        // It changes with every commit, also with one that changes nothing of the app.
        container["container"]["variables"]["PLATFORM_TREE_ID"].take();
        container["container"]["labels"].take();
        container["id"].take();
        (plan["build"]["id"].clone(), container)
    };
    let before = ids();
    assert!(before.0.is_string(), "{before:?}");
    for (from, to, file, action) in [
        ("", "", "1", "nothing"),
        ("", "", "2", "rebuild"),
        ("MODE: one", "MODE: two", "1", "rebuild"),
        ("build: b", "build: other", "1", "rebuild"),
        ("/data: {", "/other: {", "1", "rebuild"),
        ("deploy: d", "deploy: other", "1", "redeploy"),
        ("start: serve", "start: other", "1", "redeploy"),
        ("start: run", "start: other", "1", "redeploy"),
        (
            "https://{default}",
            "https://www.{default}",
            "1",
            "redeploy",
        ),
    ] {
        project.file(".upsun/config.yaml", &config.replacen(from, to, 1));
        project.file("index.js", file);
        let text = project
            .run(&["plan", "--against", "before", "--format", "json"])
            .expect(0)
            .stdout;
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["apps"][0]["action"], action, "{from}");
        let now = ids();
        assert_eq!(now.0 != before.0, action == "rebuild", "{from}");
        assert_eq!(now != before, action != "nothing", "{from}");
    }
}

#[test]
fn a_comment_in_the_configuration_deploys_an_app_whose_tree_holds_it() {
    let config = "applications:\n  top: { type: 'nodejs:24', hooks: { deploy: d } }\n  below: { type: 'nodejs:24', source: { root: below } }\n";
    let project = TestProject::new(config);
    project.file("below/a", "1");
    commit(&project, "first");
    project.file(".upsun/config.yaml", &format!("# Why.\n{config}"));
    let plan = project.run(&["plan", "--against", "HEAD"]).expect(0).stdout;
    for said in [
        "top is deployed again",
        "PLATFORM_TREE_ID",
        "below stays as it is",
    ] {
        assert!(plan.contains(said), "{said}: {plan}");
    }
}
