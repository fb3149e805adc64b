//! What `upsun-local` runs in containers works with other coreutils than GNU's: those of uutils, as in Ubuntu from 25.10 on.

use crate::engine::{app, docker, operations_of};
use crate::support::TestProject;

#[test]
fn the_coreutils_of_uutils_do_all_that_is_asked_of_them() {
    let operations = operations_of(&[
        (
            "show",
            "ls --version | head -n 1; cat seen; find data -printf '%p %y %m %U\\n' | sort",
        ),
        (
            "fill",
            "mkdir -p data/d/e; echo x >data/d/e/f; ln -s d data/l; mkfifo data/p",
        ),
        (
            "spoil",
            "rm -r data/d; echo changed >data/new; chmod 700 data",
        ),
        (
            "need",
            "mkdir -p cache/y && echo y >cache/y/z && cat cache/y/z",
        ),
        ("temporary", "mktemp -p /app/seen-by"),
    ]);
    let config = app(&format!(
        "hooks: {{ build: 'set -e; mkdir -p made seen-by; cat source >>made/x; cp made/x seen' }}
mounts: {{ data: {{ source: storage }}, own: {{ source: instance }} }}
{operations}"
    ));
    let cached = "{ flavor: none, caches: { made: { watch: [lock] } } }";
    let project = TestProject::on_engine(&config.replace("{ flavor: none }", cached));
    // The same for each run, as the image that is made from it stays.
    let tag = "upsun-local-tests/uutils:1";
    project.file(
        "image/Dockerfile",
        "FROM ubuntu:25.10\nCOPY --from=node:24-bookworm /usr/local/ /usr/local/\n",
    );
    let context = project.root().join("image");
    docker(&["build", "--tag", tag, &context.to_string_lossy()]);
    std::fs::remove_dir_all(&context).expect("the image's directory");
    project.user_settings(&format!("images: {{ 'nodejs:24': '{tag}' }}\n"));
    project.file("lock", "1");
    project.file("source", "first\n");
    project.run(&["run", "fill"]).expect(0);
    let show = || project.run(&["run", "show"]).expect(0);
    let first = show();
    assert!(
        first.stdout.starts_with("ls (uutils coreutils)"),
        "{}",
        first.stdout
    );
    assert!(
        first.stdout.contains("data/d/e/f f 644 10000"),
        "{}",
        first.stdout
    );

    let undone = project.run(&["run", "spoil", "--undo"]).expect(0);
    assert!(undone.stderr.contains("D /data/d/e/f"), "{}", undone.stderr);
    assert_eq!(show().stdout, first.stdout);
    project.run(&["mount", "snapshot", "one"]).expect(0);
    project.run(&["run", "spoil"]).expect(0);
    project.run(&["mount", "restore", "one", "--yes"]).expect(0);
    assert_eq!(show().stdout, first.stdout);

    let needed = project.run(&["run", "need", "--suggest-mounts"]).expect(0);
    assert!(
        needed.stderr.contains("with this mount it passes"),
        "{}",
        needed.stderr
    );
    let temporary = project.run(&["run", "temporary"]).expect(1);
    assert!(
        temporary.stderr.contains("\"/seen-by\""),
        "{}",
        temporary.stderr
    );

    project.file("source", "second\n");
    let second = show();
    assert!(
        second.stderr.contains("Restored the build cache `made`"),
        "{}",
        second.stderr
    );
    assert!(
        second.stdout.contains("first\nsecond\n"),
        "{}",
        second.stdout
    );
}
