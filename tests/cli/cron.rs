//! `cron`.

use crate::support::TestProject;

#[test]
fn crons_are_listed_with_their_h_resolved_and_their_next_time() {
    let project = TestProject::new(
        "
applications:
  app:
    type: nodejs:24
    timezone: Europe/Berlin
    crons:
      tidy: {spec: 'H 3 * * *', commands: {start: node tidy.js}}
      old: {spec: '0 0 31 2 *', cmd: node old.js}
",
    );
    let list = ["cron", "list", "--format", "tsv", "--no-header"];
    let shown = project.run(&list).expect(0).stdout;
    let rows: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(rows.len(), 2, "{shown}");
    // By name.
    assert_eq!(
        rows[0],
        ["app", "old", "0 0 31 2 *", "never", "node old.js"]
    );
    let minute: u32 = rows[1][2]
        .strip_suffix(" 3 * * *")
        .and_then(|minute| minute.parse().ok())
        .expect("a minute instead of the H");
    assert!(
        rows[1][3].contains(&format!(" 03:{minute:02} CE")),
        "{shown}"
    );
    assert_eq!(project.run(&list).expect(0).stdout, shown, "the same again");
}

fn two_apps() -> TestProject {
    TestProject::new(
        "
applications:
  shop:
    type: nodejs:24
    crons:
      tidy: {spec: 'H 3 * * *', commands: {start: node tidy.js}}
      mail: {spec: 'H * * * *', commands: {start: node mail.js}}
  blog:
    type: nodejs:24
    crons:
      tidy: {spec: 'H 3 * * *', commands: {start: node tidy.js}}
",
    )
}

#[test]
fn a_cron_that_is_not_there_is_a_usage_error() {
    let project = two_apps();
    insta::assert_snapshot!(project.run(&["cron", "run", "mial"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no cron `mial`

    hint: did you mean `mail`? `upsun-local cron list` shows all
    ");
    project
        .run(&["cron", "run", "mail", "--app", "blog"])
        .expect(64);
}

#[test]
fn a_cron_of_two_apps_is_not_guessed() {
    let project = two_apps();
    insta::assert_snapshot!(project.run(&["cron", "run", "tidy"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: the cron `tidy` is defined more than once; say which one you mean:
      upsun-local cron run tidy --app shop
      upsun-local cron run tidy --app blog
    ");
}

#[test]
fn a_viewer_may_not_run_a_cron() {
    let project = two_apps();
    insta::assert_snapshot!(project.run(&["cron:run", "mail", "--role", "viewer"]).shown(), @r"
    code: 77
    --- stdout
    --- stderr
    error: the role `viewer` may not run the cron `mail` on `shop`: it needs `contributor`

    hint: try `--role contributor`
    ");
}

#[test]
fn there_is_nothing_to_stay_for_without_crons() {
    let project = TestProject::new("applications: { app: { type: 'nodejs:24' } }\n");
    insta::assert_snapshot!(project.run(&["up", "--crons"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: `--crons` has nothing to run: no crons are defined

    hint: see https://docs.upsun.com/create-apps/image-properties/crons.html
    ");
}
