//! Files that are larger than any disk, and take no room.

use std::os::unix::fs::MetadataExt;

use crate::support::TestProject;

const CONFIG: &str = r#"
applications:
  app:
    type: nodejs:24
    build: { flavor: none }
    mounts:
      data: { source: storage }
    operations:
      make: { commands: { start: "truncate -s 10T data/hole && printf here | dd of=data/hole bs=1M seek=1048576 conv=notrunc status=none" } }
      spoil: { commands: { start: "truncate -s 9T data/hole && printf x | dd of=data/hole conv=notrunc status=none" } }
      show: { commands: { start: "stat -c '%s %b' data/hole && dd if=data/hole bs=1M skip=1048576 count=1 status=none | head -c 4" } }
"#;

fn project() -> TestProject {
    let project = TestProject::on_engine(CONFIG);
    let settings = format!(
        "project: {}\ntests:\n  it is undone: {{ operation: spoil }}\n",
        project.id
    );
    project.file(".upsun-local.yaml", &settings);
    project
}

fn shown(project: &TestProject) -> (u64, u64, String) {
    let shown = project.run(&["run", "show"]).expect(0).stdout;
    let mut words = shown.split_whitespace();
    let mut number = || {
        words
            .next()
            .and_then(|word| word.parse().ok())
            .expect("a number")
    };
    let (size, blocks) = (number(), number());
    (size, blocks, words.next().unwrap_or_default().to_owned())
}

/// Ten terabytes, of which next to nothing is there.
#[track_caller]
fn expect_hole(project: &TestProject) {
    let (size, blocks, text) = shown(project);
    assert_eq!((size, text.as_str()), (10 << 40, "here"));
    assert!(blocks * 512 < 1 << 20, "{blocks} blocks");
}

#[test]
fn ten_terabytes_of_nothing_are_kept_undone_and_put_back() {
    let project = project();
    project.run(&["run", "make"]).expect(0);
    project.run(&["run", "spoil", "--undo"]).expect(0);
    expect_hole(&project);
    project.run(&["mount", "snapshot"]).expect(0);
    project.run(&["run", "spoil"]).expect(0);
    let differences = project.run(&["mount", "diff"]).expect(0).stdout;
    assert_eq!(differences, "M /data/hole\n");
    project.run(&["mount", "restore", "--yes"]).expect(0);
    expect_hole(&project);
    project.run(&["test", "it is undone"]).expect(0);
    expect_hole(&project);
}

#[test]
fn a_download_has_holes_and_names_what_is_no_file() {
    let project = project();
    project.run(&["run", "make"]).expect(0);
    project
        .run(&[
            "exec",
            "--",
            "/bin/sh",
            "-c",
            "cd data && mkfifo pipe && echo 1 >one && ln one two && ln pipe again",
        ])
        .expect(0);
    let to = project.root().join("../download");
    let directory = to.to_str().expect("text");
    // Over an earlier one it is the same.
    for _ in 0..2 {
        let done = project
            .run(&["mount", "download", "-m", "data", "--target", directory])
            .expect(0);
        assert!(
            done.stderr.contains("are not copied: they are named pipes"),
            "{}",
            done.stderr
        );
        assert!(done.stderr.contains("`/data/pipe`"), "{}", done.stderr);
    }
    let found = |name: &str| to.join(name).symlink_metadata();
    let hole = found("hole").expect("a file");
    assert_eq!(hole.len(), 10 << 40);
    assert!(hole.blocks() * 512 < 1 << 20, "{} blocks", hole.blocks());
    assert_eq!(
        found("one").expect("a file").ino(),
        found("two").expect("a file").ino()
    );
    assert!(found("pipe").is_err() && found("again").is_err());
}
