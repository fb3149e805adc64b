//! `access`: who may run what, and how that changed.

use crate::repository::{commit, git, without_ids};
use crate::support::TestProject;

const CONFIG: &str = "\
applications:
  api:
    type: python:3.14
    source:
      root: api
      operations:
        update: { command: ./update.sh }
    operations:
      look: { role: viewer, commands: { start: look } }
      wipe: { role: admin, commands: { start: wipe } }
    workers:
      queue:
        commands: { start: sleep infinity }
        access: { ssh: admin }
        operations:
          drain: { commands: { start: drain } }
";

const USERS: &str = "\
users:
  ada: admin
  bob: { production: viewer, development: contributor }
  eve: viewer
";

fn project() -> TestProject {
    let project = TestProject::new(CONFIG);
    project.file("api/app.py", "");
    project
}

fn with_users() -> TestProject {
    let project = project();
    project.file(".upsun-local.yaml", USERS);
    project
}

#[test]
fn operations_shells_and_source_operations_by_role() {
    insta::assert_snapshot!(project().run(&["access"]).shown(), @r"
    code: 0
    --- stdout
    Service     Operation                 viewer  contributor  admin
    api         look                      yes     yes          yes
    api         wipe                      -       -            yes
    api         access.ssh                -       yes          yes
    api         source.operations.update  -       yes          yes
    api--queue  drain                     -       yes          yes
    api--queue  access.ssh                -       -            yes
    --- stderr
    ");
}

#[test]
fn who_may_on_every_type_of_environment() {
    insta::assert_snapshot!(with_users().run(&["access", "--all-types"]).shown(), @r"
    code: 0
    --- stdout
    Service     Operation                 Role         production  staging   development
    api         look                      viewer       ada,        ada, eve  ada,
                                                       bob, eve              bob, eve
    api         wipe                      admin        ada         ada       ada
    api         access.ssh                contributor  ada         ada       ada, bob
    api         source.operations.update  contributor  ada         ada       ada, bob
    api--queue  drain                     contributor  ada         ada       ada, bob
    api--queue  access.ssh                admin        ada         ada       ada
    --- stderr
    ");
    insta::assert_snapshot!(
        with_users().run(&["access", "--environment-type", "production", "--format", "csv", "--worker", "queue"]).shown(),
        @r"
    code: 0
    --- stdout
    Service,Operation,Role,production
    api--queue,drain,contributor,ada
    api--queue,access.ssh,admin,ada
    --- stderr
    "
    );
}

#[test]
fn what_one_user_may() {
    insta::assert_snapshot!(with_users().run(&["access", "--as", "bob"]).shown(), @r"
    code: 0
    --- stdout
    Service     Operation                 Role         production  staging  development
    api         look                      viewer       yes         -        yes
    api         wipe                      admin        -           -        -
    api         access.ssh                contributor  -           -        yes
    api         source.operations.update  contributor  -           -        yes
    api--queue  drain                     contributor  -           -        yes
    api--queue  access.ssh                admin        -           -        -
    --- stderr
    ");
    insta::assert_snapshot!(with_users().run(&["access", "--as", "bop"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: unknown user `bop`

    hint: did you mean `bob`? known users: `ada`, `bob`, `eve`
    ");
}

#[test]
fn without_users_roles_stand_for_them() {
    insta::assert_snapshot!(
        project().run(&["access", "--environment-type", "staging", "--columns", "name,staging,place"]).shown(),
        @r"
    code: 0
    --- stdout
    Operation                 staging                     Place
    look                      viewer, contributor, admin  .upsun/config.yaml:9
    wipe                      admin                       .upsun/config.yaml:10
    access.ssh                contributor, admin          .upsun/config.yaml:2
    source.operations.update  contributor, admin          .upsun/config.yaml:2
    drain                     contributor, admin          .upsun/config.yaml:16
    access.ssh                admin                       .upsun/config.yaml:12
    --- stderr
    No users are known, so roles are shown instead: name users under `users` in .upsun-local.yaml
    "
    );
}

#[test]
fn as_json_with_everybody() {
    let outcome = with_users().run(&["access", "--format", "json"]).expect(0);
    let list: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    insta::assert_snapshot!(format!("{:#}", list[1]), @r#"
    {
      "app": "api",
      "file": ".upsun/config.yaml",
      "kind": "operation",
      "line": 10,
      "name": "wipe",
      "role": "admin",
      "roles": [
        "admin"
      ],
      "service": "api",
      "users": {
        "development": [
          "ada"
        ],
        "production": [
          "ada"
        ],
        "staging": [
          "ada"
        ]
      },
      "worker": null
    }
    "#);
    assert_eq!(list.as_array().unwrap().len(), 6);

    let of_bob = ["access", "--format", "json", "--as", "bob"];
    let list = with_users().run(&of_bob).expect(0).stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let expected =
        serde_json::json!({ "development": true, "production": false, "staging": false });
    assert_eq!(list[2]["may"], expected);
    let expected = serde_json::json!({ "development": ["bob"], "production": [], "staging": [] });
    assert_eq!(list[2]["users"], expected);
}

/// The configuration above with everything changed that can be.
const CHANGED: &str = "\
applications:
  api:
    type: python:3.14
    source: { root: api }
    access: { ssh: viewer }
    operations:
      look: { role: contributor, commands: { start: look } }
      wipe: { role: contributor, commands: { start: wipe } }
      clean: { role: viewer, commands: { start: wipe } }
      new: { role: viewer, commands: { start: new } }
    workers:
      mail:
        commands: { start: sleep infinity }
        access: { ssh: viewer }
  web:
    type: nodejs:24
    operations:
      build: { commands: { start: build } }
";

#[test]
fn what_changed_since_a_commit() {
    let project = with_users();
    commit(&project, "before");
    project.file(".upsun/config.yaml", CHANGED);
    let outcome = project.run(&["access", "--against", "before"]);
    insta::assert_snapshot!(outcome.shown(), @r"
    code: 0
    --- stdout
    Change    Service     Operation                 Before         Role
    narrowed  api         look                      viewer         contributor
    widened   api         wipe                      admin          contributor
    widened   api         clean                     admin as wipe  viewer
    added     api         new                                      viewer
    widened   api         access.ssh                contributor    viewer
    widened   api--mail   access.ssh                contributor    viewer
    removed   api         source.operations.update  contributor
    removed   api--queue  drain                     contributor
    removed   api--queue  access.ssh                admin
    added     web         build                                    contributor
    added     web         access.ssh                               contributor
    --- stderr
    ");
    let all = [
        "access",
        "--against",
        "before",
        "--all-types",
        "--app",
        "api",
        "--format",
        "plain",
    ];
    insta::assert_snapshot!(project.run(&all).shown(), @r"
    code: 0
    --- stdout
    Change	Service	Operation	Before	Role	production	staging	development
    narrowed	api	look	viewer	contributor	bob, eve	eve	eve
    widened	api	wipe	admin	contributor	-	-	bob
    widened	api	clean	admin as wipe	viewer	bob, eve	eve	bob, eve
    added	api	new		viewer	ada, bob, eve	ada, eve	ada, bob, eve
    widened	api	access.ssh	contributor	viewer	bob, eve	eve	eve
    widened	api--mail	access.ssh	contributor	viewer	bob, eve	eve	eve
    removed	api	source.operations.update	contributor		ada	ada	ada, bob
    removed	api--queue	drain	contributor		ada	ada	ada, bob
    removed	api--queue	access.ssh	admin		ada	ada	ada
    --- stderr
    ");
}

#[test]
fn widening_can_be_denied() {
    let project = with_users();
    commit(&project, "before");
    let deny = ["access", "--against", "before", "--deny-widening"];
    insta::assert_snapshot!(without_ids(&project.run(&deny).shown()), @r"
    code: 0
    --- stdout
    --- stderr
    No permissions changed since `before` ([ID])
    ");

    project.file(".upsun/config.yaml", CHANGED);
    insta::assert_snapshot!(without_ids(&project.run(&deny).expect(77).stderr), @r"
    error: more is allowed than at `before` ([ID]):
      .upsun/config.yaml:8: `wipe` on `api` needs `contributor`, and needed `admin`
      .upsun/config.yaml:9: `clean` on `api` needs `viewer`, and needed `admin` as `wipe`
      .upsun/config.yaml:2: `access.ssh` on `api` needs `viewer`, and needed `contributor`
      .upsun/config.yaml:12: `access.ssh` on `api--mail` needs `viewer`, and needed `contributor`

    hint: raise the role again; where it is meant, leave out `--deny-widening`
    ");

    // What is new, narrower or gone widens nothing.
    let narrower = CONFIG
        .replace("look: { role: viewer", "look: { role: admin")
        .replace(
            "drain: { commands: { start: drain } }",
            "fill: { role: viewer, commands: { start: fill } }",
        );
    project.file(".upsun/config.yaml", &narrower);
    insta::assert_snapshot!(project.run(&deny).expect(0).stdout, @r"
    Change    Service     Operation  Before       Role
    narrowed  api         look       viewer       admin
    added     api--queue  fill                    viewer
    removed   api--queue  drain      contributor
    ");
}

#[test]
fn users_are_held_against_those_of_the_commit() {
    let project = with_users();
    commit(&project, "before");
    project.file(
        ".upsun-local.yaml",
        "users:\n  ada: { '*': viewer, production: admin }\n  bob: admin\n  new: contributor\n",
    );
    let deny = ["access", "--against", "before", "--deny-widening"];
    insta::assert_snapshot!(without_ids(&project.run(&deny).shown()), @r"
    code: 77
    --- stdout
    Change    Service  Operation  Before                   Role
    narrowed           user ada   staging:admin,           staging:viewer,
                                  development:admin        development:viewer
    widened            user bob   production:viewer,       admin
                                  staging:none,
                                  development:contributor
    added              user new                            contributor
    removed            user eve   viewer
    --- stderr
    error: more is allowed than at `before` ([ID]):
      .upsun-local.yaml:3: the user `bob` has `admin`, and had `production:viewer,staging:none,development:contributor`
      .upsun-local.yaml:4: the user `new` has `contributor`, and is new

    hint: take the role back; where it is meant, leave out `--deny-widening`
    ");
    let json = project
        .run(&["access", "--against", "before", "--format", "json"])
        .expect(0)
        .stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["changes"], serde_json::json!([]));
    insta::assert_snapshot!(serde_json::to_string(&json["users"][1]).unwrap(), @r#"{"before":{"development":"contributor","production":"viewer","staging":null},"change":"widened","role":{"development":"admin","production":"admin","staging":"admin"},"user":"bob"}"#);
    insta::assert_snapshot!(
        project.run(&["access", "--against", "before", "--environment-type", "staging", "--format", "csv"]).expect(0).stdout,
        @r"
    Change,Service,Operation,Before,Role,staging
    narrowed,,user ada,staging:admin,staging:viewer,ada
    widened,,user bob,staging:none,staging:admin,bob
    added,,user new,,staging:contributor,new
    removed,,user eve,staging:viewer,,eve
    "
    );

    // What somebody loses widens nothing.
    project.file(".upsun-local.yaml", "users:\n  ada: admin\n");
    insta::assert_snapshot!(project.run(&deny).expect(0).stdout, @r"
    Change   Service  Operation  Before                                     Role
    removed           user bob   production:viewer,development:contributor
    removed           user eve   viewer
    ");
}

#[test]
fn users_that_no_commit_has_are_not_spoken_of() {
    let project = project();
    std::fs::remove_file(project.root().join(".upsun-local.yaml")).unwrap();
    commit(&project, "before");
    project.file(".upsun-local.yaml", USERS);
    let deny = ["access", "--against", "before", "--deny-widening"];
    project.run(&deny).expect(0);
    // Once Git has the file, they are new.
    git(&project.root(), &["add", ".upsun-local.yaml"]);
    project.run(&deny).expect(77);
}

#[test]
fn a_worker_that_is_not_there_is_no_empty_table() {
    let project = project();
    commit(&project, "before");
    insta::assert_snapshot!(project.run(&["access", "--worker", "queu"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no worker `queu`

    hint: did you mean `queue`?
    ");
    let deny = [
        "access",
        "--worker",
        "x",
        "--against",
        "before",
        "--deny-widening",
    ];
    insta::assert_snapshot!(project.run(&deny).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no worker `x`

    hint: there are: queue
    ");
    // What is gone may be asked about.
    project.file(".upsun/config.yaml", CHANGED);
    project
        .run(&["access", "--worker", "queue", "--against", "before"])
        .expect(0);
    project.run(&["access", "--worker", "queue"]).expect(64);
}

#[test]
fn a_renamed_app_is_held_against_what_it_was() {
    let project = project();
    commit(&project, "before");
    let renamed = CONFIG
        .replace("  api:\n", "  service:\n")
        .replace("role: admin", "role: viewer");
    project.file(".upsun/config.yaml", &renamed);
    let deny = ["access", "--against", "before", "--deny-widening"];
    insta::assert_snapshot!(project.run(&deny).expect(77).stdout, @r"
    Change   Service            Operation  Before  Role
    widened  service (was api)  wipe       admin   viewer
    ");
    let json = |arguments: &[&str]| {
        let arguments = [
            &["access", "--against", "before", "--format", "json"],
            arguments,
        ];
        let text = project.run(&arguments.concat()).expect(0).stdout;
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let all = json(&[]);
    assert_eq!(all["changes"][0]["service"], "service");
    assert_eq!(all["changes"][0]["app_before"], "api");
    assert_eq!(
        all["renamed"],
        serde_json::json!([{ "app": "service", "before": "api" }])
    );
    // By either name.
    assert_eq!(json(&["--app", "api"])["changes"], all["changes"]);

    project.file(
        ".upsun/config.yaml",
        &CONFIG.replace("  api:\n", "  service:\n"),
    );
    insta::assert_snapshot!(without_ids(&project.run(&deny).expect(0).stderr), @"No permissions changed since `before` ([ID]); the app `api` is called `service` now");
}

#[test]
fn a_commit_before_the_configuration_allowed_nothing() {
    let project = TestProject::new(CONFIG);
    project.file("api/app.py", "");
    git(&project.root(), &["init", "-q"]);
    git(&project.root(), &["add", "api"]);
    git(&project.root(), &["commit", "-q", "-m", "before"]);
    let outcome = project.run(&[
        "access",
        "--against",
        "HEAD",
        "--deny-widening",
        "--columns",
        "change,name",
    ]);
    insta::assert_snapshot!(outcome.shown(), @r"
    code: 0
    --- stdout
    Change  Operation
    added   look
    added   wipe
    added   access.ssh
    added   source.operations.update
    added   drain
    added   access.ssh
    --- stderr
    ");
}

#[test]
fn includes_archives_and_anchors_are_read_from_the_commit() {
    let project = TestProject::new(
        "\
.roles: &roles { role: admin, commands: { start: wipe } }
applications:
  api:
    type: python:3.14
    source: { root: api }
    variables: { env: { SETTINGS: !archive conf } }
    operations:
      wipe: *roles
      look: !include look.yaml
",
    );
    project.file("api/look.yaml", "role: admin\ncommands: { start: look }\n");
    project.file("api/conf/a", "");
    commit(&project, "before");
    // At hand, neither the file nor the directory is as it was.
    project.file("api/look.yaml", "role: viewer\ncommands: { start: look }\n");
    let outcome = project.run(&["access", "--against", "before"]);
    insta::assert_snapshot!(outcome.shown(), @r"
    code: 0
    --- stdout
    Change   Service  Operation  Before  Role
    widened  api      look       admin   viewer
    --- stderr
    ");
}

#[test]
fn a_configuration_that_was_broken_says_where() {
    let project = TestProject::new("applications:\n  api:\n    type: python:3.14\n    hoks: {}\n");
    commit(&project, "before");
    project
        .file(".upsun/config.yaml", CONFIG)
        .file("api/app.py", "");
    insta::assert_snapshot!(project.run(&["access", "--against", "before"]).shown(), @r"
    code: 78
    --- stdout
    --- stderr
    error: unknown key `hoks` in an application [U201]
       ,-[before:.upsun/config.yaml:4:5]
     4 |     hoks: {}
       :     ^^^^
       `----
      hint: did you mean `hooks`?

    error: the configuration at `before` has 1 error, so Upsun cannot have deployed it

    hint: compare with the commit that is deployed: `--against <ref>`
    ");
}

#[test]
fn what_is_no_commit_or_no_repository_says_so() {
    let project = project();
    insta::assert_snapshot!(project.run(&["access", "--against", "HEAD"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: `[REPO]` is not in a Git repository, so there is nothing to compare it with

    hint: `git init` makes one; in a checkout without `.git`, nothing is known of the past
    ");
    commit(&project, "before");
    insta::assert_snapshot!(project.run(&["access", "--against", "origin/main"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no commit `origin/main` in this repository

    hint: `git fetch origin main` may bring it
    ");
    insta::assert_snapshot!(project.run(&["access", "--against", "befor"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no commit `befor` in this repository

    hint: `git branch --all` and `git tag` list what there is
    ");
    assert_eq!(project.run(&["access", "--deny-widening"]).code, 64);
    assert_eq!(project.run(&["access", "--columns", "before"]).code, 64);

    let mut command = project.command(&["access", "--against", "before"]);
    command.env("PATH", "/nowhere");
    let outcome = crate::support::outcome(&mut command, &project.root());
    insta::assert_snapshot!(outcome.shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no `git` command

    hint: install Git, or add it to `PATH`
    ");
}

#[test]
fn work_trees_detached_heads_shallow_clones_and_a_git_directory_elsewhere() {
    let project = project();
    commit(&project, "before");
    project.file(
        ".upsun/config.yaml",
        &CONFIG.replace("role: admin", "role: viewer"),
    );
    commit(&project, "after");
    let root = project.root();
    git(
        &root,
        &["worktree", "add", "-q", "--detach", "../beside", "after"],
    );
    let from = format!("file://{}", root.display());
    git(&root, &["clone", "-q", "--depth=1", &from, "../shallow"]);
    git(&root, &["clone", "-q", "--bare", ".", "../bare.git"]);
    let widened = |directory: &str, reference: &str, variable: Option<&str>| {
        let mut command = project.command(&[
            "access",
            "--against",
            reference,
            "--format",
            "csv",
            "--no-header",
        ]);
        command.current_dir(root.join(directory));
        command.envs(variable.map(|value| ("GIT_DIR", value)));
        crate::support::outcome(&mut command, &root)
    };
    let expected = "widened,api,wipe,admin,viewer\n";
    assert_eq!(
        widened("../beside", "before", None).expect(0).stdout,
        expected
    );
    // As in a hook of the other work tree.
    assert_eq!(
        widened("../beside", "HEAD~1", Some("../repository/.git"))
            .expect(0)
            .stdout,
        expected
    );
    assert_eq!(widened("api", "HEAD~1", None).expect(0).stdout, expected);
    let shallow = widened("../shallow", "HEAD~1", None).expect(64);
    assert!(
        shallow.stderr.contains("git fetch --unshallow"),
        "{}",
        shallow.stderr
    );

    std::fs::remove_dir_all(root.join(".git")).unwrap();
    assert_eq!(
        widened(".", "HEAD~1", Some("../bare.git")).expect(0).stdout,
        expected
    );
}
