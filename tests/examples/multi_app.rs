//! `examples/multi-app`.

use crate::{example, without};

#[test]
fn an_operation_of_two_apps_asks_which_one_and_both_see_one_mount() {
    let project = example("multi-app");
    let which = project.run(&["run", "report"]).expect(64);
    assert!(which.stderr.contains("upsun-local run report --app shop"));
    assert!(which.stderr.contains("upsun-local run report --app office"));

    let order = ["run", "order", "--variable", "env:WHAT=two teapots"];
    assert_eq!(
        project.run(&order).expect(0).stdout,
        "order 1: two teapots\n"
    );
    assert_eq!(
        project
            .run(&["run", "report", "--app", "shop"])
            .expect(0)
            .stdout,
        "1 to pack\n  1  two teapots\n"
    );
    project
        .run(&["run", "pack-now", "--role", "contributor"])
        .expect(77);
    let packed = project.run(&["run", "pack-now", "--worker", "packer"]);
    assert_eq!(packed.expect(0).stdout, "packed 1: two teapots\n");
    assert_eq!(
        project
            .run(&["run", "report", "--app", "office"])
            .expect(0)
            .stdout,
        "1 orders, 1 of them packed\n"
    );
    // The office may look at its own files, not change them.
    let write = ["exec", "--app", "office", "--", "touch", "report.js"];
    assert!(
        project
            .run(&write)
            .expect(1)
            .stderr
            .contains("Read-only file system")
    );
}

#[test]
fn a_mount_without_the_source_path_of_the_other_app_is_empty() {
    let project = example("multi-app");
    project.run(&["run", "order"]).expect(0);
    let report = || {
        project
            .run(&["run", "report", "--app", "office"])
            .expect(0)
            .stdout
    };
    assert_eq!(report(), "1 orders, 0 of them packed\n");
    // Both mounts have the line; that of the shop says what is the default for `/orders`.
    without(&project, "source_path:");
    assert_eq!(report(), "0 orders, 0 of them packed\n");
}
