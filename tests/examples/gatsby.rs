//! `examples/gatsby`.

use crate::{example, without};

/// A backend that needs no server: the content is in the address itself.
const OWL: &str = r#"env:CONTENT_URL=data:application/json,[{"id":"owl","name":"Tawny owl","latin":"Strix aluco","text":"Hunts by ear."}]"#;

#[test]
fn a_gatsby_build_of_a_viewer_writes_its_mounts() {
    let project = example("gatsby");
    project
        .run(&["exec", "--role", "viewer", "--", "true"])
        .expect(77);
    let build = ["run", "gatsby-build", "--role", "viewer"];
    let built = project.run(&build).expect(0);
    assert!(built.stdout.contains("Done building"), "{}", built.stdout);
    let read =
        |page: &str| project.run(&["exec", "--", "cat", &format!("public/{page}/index.html")]);
    assert!(read("wren").expect(0).stdout.contains("Eurasian wren"));

    // The next build has other content, and what it kept from this one.
    let other = project
        .run(&[&build[..], &["--variable", OWL]].concat())
        .expect(0);
    assert!(!other.stderr.contains("Building"), "{}", other.stderr);
    assert!(read("owl").expect(0).stdout.contains("Hunts by ear."));
    read("wren").expect(1);
}

#[test]
fn without_its_cache_the_hint_names_its_folder() {
    let project = example("gatsby");
    without(&project, "/.cache:");
    let failed = project.run(&["run", "gatsby-build"]).expect(1);
    assert!(failed.stderr.contains("\"/.cache\":"), "{}", failed.stderr);
}
