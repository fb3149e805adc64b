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
