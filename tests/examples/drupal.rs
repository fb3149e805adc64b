//! `examples/drupal`, as far as it goes without Packagist: its packages are not built here.

use crate::example;

#[test]
fn its_operation_is_listed_planned_and_denied() {
    let project = example("drupal");
    // `settings.php` names it, and Drupal cannot make it at run time.
    assert!(project.root().join("config/sync").is_dir());
    let list = project.run(&["list", "--format", "plain", "--no-header"]);
    assert_eq!(
        list.expect(0).stdout,
        "drupal\tclear-rebuild\tvendor/bin/drush cache:rebuild\t\tadmin\n"
    );
    let plan = project
        .run(&["run", "clear-rebuild", "--dry-run"])
        .expect(0);
    assert!(plan.stdout.contains("build.flavor: composer"));
    assert!(plan.stdout.contains("/app/web/sites/default/files"));
    project
        .run(&["run", "clear-rebuild", "--role", "contributor"])
        .expect(77);
}
