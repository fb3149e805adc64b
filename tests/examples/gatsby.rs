//! `examples/gatsby`.

use crate::{example, without};

#[test]
fn a_gatsby_build_of_a_viewer_writes_its_mounts() {
    let project = example("gatsby");
    let built = project
        .run(&["run", "gatsby-build", "--role", "viewer"])
        .expect(0);
    assert!(built.stdout.contains("Done building"), "{}", built.stdout);
    let page = project
        .run(&["exec", "--", "cat", "public/index.html"])
        .expect(0);
    assert!(page.stdout.contains("<html"), "{}", page.stdout);
}

#[test]
fn without_its_mounts_the_hint_names_a_folder() {
    let project = example("gatsby");
    without(&project, "mounts:");
    let failed = project.run(&["run", "gatsby-build"]);
    assert_ne!(failed.code, 0);
    assert!(
        failed.stderr.contains("\"/.cache\":") || failed.stderr.contains("\"/public\":"),
        "{}",
        failed.stderr
    );
}
