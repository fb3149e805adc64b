//! `examples/nextjs`.

use crate::support::TestProject;
use crate::{example, without};

/// Waits until the web process serves a page that holds a text: it takes up a new build after a moment.
fn served(project: &TestProject, text: &str) -> String {
    let script = r#"
        for try in $(seq 300); do
            page=$(curl -s "http://localhost:$PORT/")
            case $page in *"$1"*) printf '%s' "$page"; exit 0 ;; esac
            sleep 0.2
        done
        printf '%s' "$page"
        exit 1"#;
    project
        .run(&["exec", "--", "sh", "-c", script, "sh", text])
        .expect(0)
        .stdout
}

fn build_id(project: &TestProject) -> String {
    let id = project.run(&["exec", "--", "cat", ".next/BUILD_ID"]);
    id.expect(0).stdout
}

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
    let first = build_id(&project);
    assert!(!first.is_empty());
    let page = served(&project, "from 0 notices");
    assert!(page.contains("There are no notices yet"), "{page}");

    // What it is for: the same container makes the pages anew from what is on a mount.
    project.file("../notices/coffee.txt", "Coffee machine\nIt works again.\n");
    let upload = ["mount", "upload", "--mount", "/notices", "--local"];
    project
        .run(&[&upload[..], &["../notices"]].concat())
        .expect(0);
    let again = project.run(&["run", "next-build"]).expect(0);
    assert!(!again.stderr.contains("Building"), "{}", again.stderr);
    assert_ne!(build_id(&project), first);
    let page = served(&project, "from 1 notices");
    assert!(page.contains("<h2>Coffee machine</h2>"), "{page}");
}

#[test]
fn without_its_mount_the_hint_names_the_folder_of_the_build() {
    let project = example("nextjs");
    without(&project, "/.next:");
    let failed = project.run(&["run", "next-build"]).expect(1);
    assert!(
        failed.stderr.contains("it wrote to `/app/.next`"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("\"/.next\":"), "{}", failed.stderr);
}
