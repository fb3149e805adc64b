//! `examples/multi-app`.

use crate::example;

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
}
