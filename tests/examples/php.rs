//! `examples/php`.

use crate::{example, without};

#[test]
fn the_cache_is_emptied_and_filled_again_and_the_pages_are_served() {
    let project = example("php");
    project
        .run(&["run", "cache-rebuild", "--role", "viewer"])
        .expect(77);
    let rebuilt = project.run(&["run", "cache-rebuild"]).expect(0);
    assert_eq!(
        rebuilt.stdout,
        "cleared 0 entries\nwarmed cup\nwarmed spoon\nwarmed teapot\n"
    );
    let stats = || project.run(&["run", "cache-stats"]).expect(0).stdout;
    assert_eq!(stats(), "hits: 0\nmisses: 3\n");
    project.run(&["up"]).expect(0);
    let page = |path: &str| {
        let url = format!("http://localhost{path}");
        let curl = ["exec", "--", "curl", "-si", &url];
        project.run(&curl).expect(0).stdout
    };
    assert!(
        page("/cup").ends_with("cup: 4.00 EUR\n"),
        "{}",
        page("/cup")
    );
    let all = page("/pages/all.txt");
    assert!(all.contains("Cache-Control: max-age=300"), "{all}");
    assert!(all.ends_with("teapot: 25.00 EUR\n"), "{all}");
    assert!(stats().starts_with("hits: 1\n"), "{}", stats());
}

#[test]
fn without_its_mount_the_list_cannot_be_written() {
    let project = example("php");
    without(&project, "mounts:");
    let failed = project.run(&["run", "cache-rebuild"]).expect(1);
    assert!(
        failed.shown().contains("Read-only file system"),
        "{}",
        failed.shown()
    );
}
