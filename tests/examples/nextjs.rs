//! `examples/nextjs`.

use crate::{example, without};

#[test]
fn a_next_build_writes_its_mount_and_is_served() {
    let project = example("nextjs");
    project
        .run(&["run", "next-build", "--role", "contributor"])
        .expect(77);
    let built = project.run(&["run", "next-build"]).expect(0);
    assert!(
        built.stdout.contains("Compiled successfully"),
        "{}",
        built.stdout
    );
    let id = project
        .run(&["exec", "--", "cat", ".next/BUILD_ID"])
        .expect(0)
        .stdout;
    assert!(!id.is_empty());
    // The web process notices the build within a second or so.
    let fetch = "for try in $(seq 100); do curl -sf http://localhost:8888/ && exit; sleep 0.2; done; exit 1";
    let page = project.run(&["exec", "--", "sh", "-c", fetch]).expect(0);
    assert!(page.stdout.contains("<html"), "{}", page.stdout);
}

#[test]
fn without_its_mount_the_hint_names_the_folder_of_the_build() {
    let project = example("nextjs");
    without(&project, "/.next:");
    let failed = project.run(&["run", "next-build"]);
    assert_ne!(failed.code, 0);
    assert!(failed.stderr.contains("\"/.next\":"), "{}", failed.stderr);
}
