//! `examples/decoupled`.

use crate::example;
use crate::support::TestProject;

/// The title of each article on the page that was made last.
fn titles(project: &TestProject) -> Vec<String> {
    let page = project.run(&[
        "exec",
        "--app",
        "frontend",
        "--",
        "cat",
        ".next/server/app/index.html",
    ]);
    let page = page.expect(0).stdout;
    let titles = page.split("<h2>").skip(1);
    titles
        .map(|rest| rest.split('<').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_second_build_pulls_from_the_backend_of_the_same_environment() {
    let project = example("decoupled");
    project
        .run(&["run", "next-build", "--role", "contributor"])
        .expect(77);
    let built = project.run(&["run", "next-build"]).expect(0);
    assert!(
        built.stdout.contains("Compiled successfully"),
        "{}",
        built.stdout
    );
    assert_eq!(titles(&project), ["The first issue"]);
    project
        .run(&["run", "write-article", "--variable", "env:TITLE=Tea"])
        .expect(0);
    project.run(&["run", "next-build"]).expect(0);
    assert_eq!(titles(&project), ["The first issue", "Tea"]);

    let path = project.root().join(".upsun/config.yaml");
    let config = std::fs::read_to_string(&path).expect("a configuration");
    let relationship =
        "    relationships:\n      api:\n        service: backend\n        endpoint: http\n";
    assert!(config.contains(relationship));
    project.file(".upsun/config.yaml", &config.replace(relationship, ""));
    let broken = project.run(&["run", "next-build"]).expect(1);
    assert!(broken.shown().contains("ENOTFOUND"), "{}", broken.shown());
}
