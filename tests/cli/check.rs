//! `check`: what is printed in which form, and what the exit code says.

use std::os::unix::ffi::OsStrExt as _;

use serde_json::Value as Json;

use crate::repository::{commit, git};
use crate::support::{Outcome, TestProject, outcome};

const GOOD: &str = "applications:\n  app:\n    type: nodejs:24\n";
const WARNED: &str = "applications:\n  app:\n    type: nodejs:24\n    hooks:\n      build: |\n        npm ci\n        npm run build\n";
const BROKEN: &str = "\
applications:
  app:
    type: nodejs:24
    size: S
    mount:
      var: { source: tmp }
routes:
  \"https://{defualt}/a,b:100%\":
    type: upstream
    upstream: app:http
";

fn document(outcome: &Outcome) -> Json {
    serde_json::from_str(&outcome.stdout).expect("one JSON document on standard output")
}

#[test]
fn nothing_wrong_is_told_in_one_line() {
    let project = TestProject::new(GOOD);
    insta::assert_snapshot!(project.run(&["check"]).shown(), @r"
    code: 0
    --- stdout
    --- stderr
    no problems in 1 file
    ");
    let quiet = project.run(&["-q", "check"]).expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn each_problem_has_its_line_a_caret_and_a_hint() {
    let project = TestProject::new(BROKEN);
    insta::assert_snapshot!(project.run(&["check"]).shown(), @r#"
    code: 78
    --- stdout
    warning: `size` is out of date in an application [U206]
       ,-[.upsun/config.yaml:4:5]
     4 |     size: S
       :     ^^^^
       `----
      hint: remove it: resources are set with `upsun resources:set`

    error: unknown key `mount` in an application [U201]
       ,-[.upsun/config.yaml:5:5]
     5 |     mount:
       :     ^^^^^
       `----
      hint: did you mean `mounts`?

    error: `{defualt}` is not a placeholder [U351]
       ,-[.upsun/config.yaml:8:3]
     8 |   "https://{defualt}/a,b:100%":
       :   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       `----
      hint: there are `{default}` and `{all}`

    --- stderr
    2 errors, 1 warning in 1 file: Upsun would refuse this configuration
    "#);
}

#[test]
fn warnings_pass_unless_they_are_told_not_to() {
    let project = TestProject::new(WARNED);
    insta::assert_snapshot!(project.run(&["check"]).shown(), @r"
    code: 0
    --- stdout
    warning: the build hook goes on after a command that fails: only the last one counts [U402]
       ,-[.upsun/config.yaml:6:9]
     6 |         npm ci
       :         ^^^^^^
       `----
      hint: begin it with `set -e`

    --- stderr
    0 errors, 1 warning in 1 file
    ");
    insta::assert_snapshot!(project.run(&["check", "--strict", "--quiet"]).shown(), @r"
    code: 78
    --- stdout
    warning: the build hook goes on after a command that fails: only the last one counts [U402]
       ,-[.upsun/config.yaml:6:9]
     6 |         npm ci
       :         ^^^^^^
       `----
      hint: begin it with `set -e`

    --- stderr
    0 errors, 1 warning in 1 file: with `--strict`, warnings fail
    ");
    let quiet = project.run(&["check", "-q"]).expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn the_names_of_upsuns_own_command_do_the_same() {
    let project = TestProject::new(BROKEN);
    let ours = project.run(&["check"]).expect(78);
    assert_eq!(project.run(&["validate"]), ours);
    assert_eq!(project.run(&["app:config-validate", "-p", "abc"]), ours);
}

#[test]
fn json_is_one_document_with_every_field() {
    let project = TestProject::new(BROKEN);
    let result = project.run(&["check", "--format", "json"]).expect(78);
    assert_eq!(result.stderr, "");
    insta::assert_snapshot!(result.stdout, @r#"
    {
      "problems": [
        {
          "code": "U206",
          "class": "schema",
          "severity": "warning",
          "file": ".upsun/config.yaml",
          "line": 4,
          "column": 5,
          "message": "`size` is out of date in an application",
          "hint": "remove it: resources are set with `upsun resources:set`",
          "docs": "https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html"
        },
        {
          "code": "U201",
          "class": "schema",
          "severity": "error",
          "file": ".upsun/config.yaml",
          "line": 5,
          "column": 5,
          "message": "unknown key `mount` in an application",
          "hint": "did you mean `mounts`?",
          "docs": "https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html"
        },
        {
          "code": "U351",
          "class": "meaning",
          "severity": "error",
          "file": ".upsun/config.yaml",
          "line": 8,
          "column": 3,
          "message": "`{defualt}` is not a placeholder",
          "hint": "there are `{default}` and `{all}`",
          "docs": "https://docs.upsun.com/define-routes.html"
        }
      ]
    }
    "#);
    let clean = TestProject::new(GOOD)
        .run(&["check", "--format=json"])
        .expect(0);
    assert_eq!(document(&clean), serde_json::json!({ "problems": [] }));
}

#[test]
fn github_sees_lines_that_no_name_can_break() {
    let project = TestProject::new(BROKEN);
    insta::assert_snapshot!(project.run(&["check", "--format", "github"]).shown(), @r"
    code: 78
    --- stdout
    ::warning file=.upsun/config.yaml,line=4,col=5,endColumn=9,title=Upsun U206::`size` is out of date in an application%0Ahint: remove it: resources are set with `upsun resources:set`
    ::error file=.upsun/config.yaml,line=5,col=5,endColumn=10,title=Upsun U201::unknown key `mount` in an application%0Ahint: did you mean `mounts`?
    ::error file=.upsun/config.yaml,line=8,col=3,endColumn=31,title=Upsun U351::`{defualt}` is not a placeholder%0Ahint: there are `{default}` and `{all}`
    --- stderr
    2 errors, 1 warning in 1 file: Upsun would refuse this configuration
    ");
    let mut command = project.command(&["check", "--format", "github", "-q"]);
    let parent = project.root().parent().expect("a parent").to_owned();
    command.env("GITHUB_WORKSPACE", parent);
    let result = outcome(&mut command, &project.root()).expect(78);
    assert!(
        result
            .stdout
            .starts_with("::error file=repository/.upsun/config.yaml,line=5,"),
        "{}",
        result.stdout
    );
    assert_eq!(result.stdout.lines().count(), 2, "{}", result.stdout);
}

#[test]
fn sarif_names_the_rule_of_every_result() {
    let project = TestProject::new(BROKEN);
    let result = project.run(&["check", "--format", "sarif"]).expect(78);
    assert_eq!(result.stderr, "");
    let log = document(&result);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    for rule in rules {
        let help = rule["helpUri"].as_str().expect("a page");
        assert!(help.starts_with("https://docs.upsun.com/"), "{rule}");
    }
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), 3);
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("an index");
        let index = usize::try_from(index).expect("a small one");
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    assert_eq!(
        results[1]["locations"][0]["physicalLocation"],
        serde_json::json!({
            "artifactLocation": { "uri": ".upsun/config.yaml", "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": 5, "startColumn": 5, "endColumn": 10 },
        })
    );
}

#[test]
fn warnings_are_silenced_by_their_codes_and_errors_are_not() {
    let project = TestProject::new(WARNED);
    project.file(".upsun-local.yaml", "check:\n  ignore: [U402]\n");
    insta::assert_snapshot!(project.run(&["check", "--strict"]).shown(), @r"
    code: 0
    --- stdout
    --- stderr
    no problems in 1 file (1 warning silenced)
    ");
    project.file(".upsun-local.yaml", "check:\n  ignore: [U402, U4O1]\n");
    insta::assert_snapshot!(project.run(&["check"]).shown(), @r"
    code: 65
    --- stdout
    --- stderr
    error: .upsun-local.yaml:2: `U4O1` in `check.ignore` is not the code of a problem

    hint: did you mean `U401`?
    ");
    project.file(".upsun-local.yaml", "check: { ignore: U203 }\n");
    insta::assert_snapshot!(project.run(&["check"]).shown(), @r"
    code: 65
    --- stdout
    --- stderr
    error: .upsun-local.yaml:1: `U203` in `check.ignore` is always an error: a required key that is missing

    hint: only warnings can be silenced: Upsun would refuse this configuration
    ");
}

#[test]
fn the_repository_may_be_named_and_must_be_one() {
    let project = TestProject::new(BROKEN);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = project.command(&["check", "--dir"]);
    command.arg(project.root()).current_dir(elsewhere.path());
    assert_eq!(
        outcome(&mut command, &project.root()),
        project.run(&["check"])
    );
    let mut command = project.command(&["check"]);
    command.current_dir(elsewhere.path());
    insta::assert_snapshot!(outcome(&mut command, elsewhere.path()).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no `.upsun/` in `[REPO]` or above it

    hint: go into a repository that Upsun can deploy, or name one with `-C`
    ");
    let mut command = project.command(&["check", "-C"]);
    command.arg(elsewhere.path());
    insta::assert_snapshot!(outcome(&mut command, elsewhere.path()).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no `.upsun/` in `[REPO]`

    hint: `-C` takes the root of a repository that Upsun can deploy; see https://docs.upsun.com/create-apps.html
    ");
}

#[test]
fn nothing_that_stands_in_a_file_or_its_name_reaches_the_terminal_raw() {
    let text = "applications:\n  \"a\\e[31mb\\x9bc\\u202ed\":\n    type: \"nodejs:24\\e]0;x\\a\"\n    hooks: !include \"in\\e[2J.yaml\"\nx: \"\\x07\"\n";
    let project = TestProject::new(text);
    let odd = std::ffi::OsStr::from_bytes(b"b\x1b[31m\xc2\x9b\xff,:%.yaml");
    std::fs::write(project.root().join(".upsun").join(odd), "y: 1\n").expect("a file");
    std::fs::write(project.root().join("in\u{1b}[2J.yaml"), "biuld: x\n").expect("a file");
    std::fs::write(project.root().join(".upsun/nul.yaml"), "a: \u{1b}[31m\0\n").expect("a file");
    for format in ["text", "json", "sarif", "github"] {
        let result = project.run(&["check", "--format", format]).expect(78);
        let harmful = |char: char| {
            char.is_control() && char != '\n' || ('\u{202A}'..='\u{202E}').contains(&char)
        };
        let shown = result.shown();
        assert!(!shown.contains(harmful), "{format}: {shown:?}");
        assert!(shown.contains("U304"), "{format}: {shown}");
        assert!(shown.contains("biuld"), "{format}: {shown}");
    }
}

#[test]
fn a_commit_is_checked_whatever_is_checked_out() {
    let project = TestProject::new(BROKEN);
    commit(&project, "broken");
    project.file(".upsun/config.yaml", WARNED);
    commit(&project, "warned");
    project.file(".upsun/config.yaml", GOOD);
    insta::assert_snapshot!(project.run(&["check", "--at", "warned"]).shown(), @r"
    code: 0
    --- stdout
    warning: the build hook goes on after a command that fails: only the last one counts [U402]
       ,-[warned:.upsun/config.yaml:6:9]
     6 |         npm ci
       :         ^^^^^^
       `----
      hint: begin it with `set -e`

    --- stderr
    0 errors, 1 warning in 1 file
    ");
    project
        .run(&["check", "--at", "warned", "--strict"])
        .expect(78);
    let broken = ["check", "--at", "broken"];
    let words = project.run(&broken).expect(78).stdout;
    assert!(words.contains("[broken:.upsun/config.yaml:5:5]"), "{words}");
    let json = project.run(&[&broken[..], &["--format", "json"]].concat());
    let json = document(&json.expect(78));
    assert_eq!(json["problems"][1]["file"], "broken:.upsun/config.yaml");
    // Where they are shown beside the file, its path alone finds it.
    let github = project.run(&[&broken[..], &["--format", "github"]].concat());
    let github = github.expect(78).stdout;
    assert!(
        github.contains(" file=.upsun/config.yaml,line=5,"),
        "{github}"
    );
    let sarif = document(&project.run(&[&broken[..], &["--format", "sarif"]].concat()));
    let place = &sarif["runs"][0]["results"][1]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], ".upsun/config.yaml");
}

#[test]
fn a_commit_that_cannot_be_checked_is_told_apart() {
    let project = TestProject::new(GOOD);
    commit(&project, "first");
    git(&project.root(), &["rm", "-rq", "--cached", ".upsun"]);
    git(&project.root(), &["commit", "-q", "-m", "without"]);
    insta::assert_snapshot!(project.run(&["check", "--at", "HEAD"]).expect(78).stderr, @"
    error: there is no `.upsun/` at `HEAD`

    hint: Upsun deploys only commits that have `.upsun/`; check that the directory is committed
    ");
    let words = project.run(&["check", "--at", "nowhere"]).expect(64).stderr;
    assert!(words.contains("there is no commit `nowhere`"), "{words}");
}

#[test]
fn a_note_is_shown_and_lets_nothing_fail() {
    let project = TestProject::new(
        "applications:\n  app:\n    type: php:8.4\n    crons:\n      tidy: { spec: '*/19 * * * *', commands: { start: tidy } }\n",
    );
    insta::assert_snapshot!(project.run(&["check", "--strict"]).shown(), @r"
    code: 0
    --- stdout
    note: two runs of the cron `tidy` are 3 minutes apart: at :57 and at :00 [U363]
       ,-[.upsun/config.yaml:5:21]
     5 |       tidy: { spec: '*/19 * * * *', commands: { start: tidy } }
       :                     ^^^^^^^^^^^^^^
       `----
      hint: Upsun waits at least 5 minutes between two runs, so the second starts later; most crons need no change for that

    --- stderr
    no problems, 1 note in 1 file
    ");
    assert_eq!(
        project.run(&["-q", "check", "--strict"]).expect(0).stdout,
        ""
    );
    let json = document(&project.run(&["check", "--format", "json"]).expect(0));
    assert_eq!(json["problems"][0]["severity"], "note");
    let github = project.run(&["check", "--format", "github"]).expect(0);
    assert!(github.stdout.starts_with("::notice file="), "{github:?}");
    let sarif = document(&project.run(&["check", "--format", "sarif"]).expect(0));
    assert_eq!(sarif["runs"][0]["results"][0]["level"], "note");
    // It is no warning, so that only `check` speaks of it.
    let list = project.run(&["cron", "list"]).expect(0);
    assert_eq!(list.stderr, "");
    project.file(".upsun-local.yaml", "check: { ignore: [U363] }\n");
    let silenced = project.run(&["check"]).expect(0);
    assert_eq!(silenced.stdout, "");
}

#[test]
fn an_operation_may_have_nothing_to_stop_with() {
    let project = TestProject::new(
        "applications:\n  app:\n    type: nodejs:24\n    operations:\n      rebuild:\n        role: admin\n        commands: { start: npm run build, stop: null }\n",
    );
    let list = project.run(&["list", "--format", "json"]).expect(0);
    let list = document(&list);
    assert_eq!(list[0]["name"], "rebuild", "{list}");
    assert_eq!(list[0]["stop"], Json::Null, "{list}");
    let check = project.run(&["check"]).expect(0);
    assert!(!check.stdout.contains("error"), "{check:?}");
}

/// A script and a `.environment` whose lines end in CR LF.
fn with_carriage_returns() -> TestProject {
    let project = TestProject::new(
        "applications:\n  app:\n    type: nodejs:24\n    operations:\n      hello: { commands: { start: ./hello.sh } }\n",
    );
    project.file("hello.sh", "#!/bin/bash\r\necho hello\r\n");
    project.file(".environment", "export MODE=prod\r\n");
    project
}

#[test]
fn carriage_returns_in_scripts_are_told() {
    let project = with_carriage_returns();
    insta::assert_snapshot!(project.run(&["check"]).shown(), @r"
    code: 0
    --- stdout
    warning: lines of `.environment` end in CR LF, and each variable that it sets ends in CR [U410]
      at .environment:1:1
      hint: let Git store LF: add `* text=auto` to `.gitattributes`, and run `git add --renormalize .`

    warning: lines of `hello.sh`, which the operation `hello` runs, end in CR LF: there is no program `/bin/bash` with CR at the end of its name [U410]
       ,-[.upsun/config.yaml:5:35]
     5 |       hello: { commands: { start: ./hello.sh } }
       :                                   ^^^^^^^^^^
       `----
      hint: let Git store LF: add `* text=auto` to `.gitattributes`, and run `git add --renormalize .`

    --- stderr
    0 errors, 2 warnings in 1 file
    ");
    commit(&project, "first");
    let at = project.run(&["check", "--at", "first"]).expect(0);
    assert!(at.stderr.contains("2 warnings"), "{at:?}");
}

#[test]
fn carriage_returns_that_git_would_not_store_are_no_problem() {
    for (setting, attributes, expected) in [
        ("true", "", "no problems"),
        ("input", "", "no problems"),
        ("false", "", "2 warnings"),
        ("false", "* text=auto\n", "no problems"),
        ("true", "* -text\n", "2 warnings"),
    ] {
        let project = with_carriage_returns();
        project.file(".gitattributes", attributes);
        git(&project.root(), &["init", "-q"]);
        git(&project.root(), &["config", "core.autocrlf", setting]);
        let what = format!("{setting} {attributes}");
        for state in ["untracked", "committed"] {
            let check = project.run(&["check"]).expect(0);
            assert!(
                check.stderr.contains(expected),
                "{what}, {state}: {check:?}"
            );
            commit(&project, state);
        }
    }
}

#[test]
fn what_was_stored_with_carriage_returns_is_deployed_with_them() {
    let project = with_carriage_returns();
    commit(&project, "first");
    git(&project.root(), &["config", "core.autocrlf", "true"]);
    let check = project.run(&["check"]).expect(0);
    assert!(check.stderr.contains("2 warnings"), "{check:?}");
}

#[test]
fn the_format_of_platform_sh_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(".platform.app.yaml"), "name: app\n").expect("a file");
    let project = TestProject::new(GOOD);
    let mut command = project.command(&["check", "--dir"]);
    command.arg(folder.path());
    let stderr = outcome(&mut command, folder.path()).expect(64).stderr;
    assert!(stderr.contains("the format of Platform.sh"), "{stderr}");
    let mut command = project.command(&["check"]);
    command.current_dir(folder.path());
    let stderr = outcome(&mut command, folder.path()).expect(64).stderr;
    assert!(stderr.contains("the format of Platform.sh"), "{stderr}");
}
