//! What users get is what the tests run. Cargo builds a dependency of the tests' own with more features than the binary
//! asks for, for the binary too: what works only with those fails at users alone.

use std::collections::BTreeSet;
use std::process::Command;

/// Features that only tests want, and that change nothing for the rest.
const FOR_TESTS: [&str; 1] = ["test-util"];

/// The direct dependencies, each with its features.
fn dependencies(edges: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--all-features"])
        .args(["--depth", "1", "--prefix", "none", "--format", "{p} {f}"])
        .args(edges)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .skip(1)
        .filter(|line| !line.is_empty() && !line.starts_with('['))
        .map(|line| {
            let line = line.trim_end_matches(" (*)");
            let (package, features) = line.rsplit_once(' ').unwrap_or((line, ""));
            let features: Vec<&str> = features
                .split(',')
                .filter(|feature| !FOR_TESTS.contains(feature))
                .collect();
            format!("{package} {}", features.join(","))
        })
        .collect()
}

#[test]
fn no_dependency_of_the_binary_has_more_features_in_tests() {
    let of_users = dependencies(&["--edges", "no-dev"]);
    let of_tests = dependencies(&[]);
    assert!(of_users.len() > 30, "{of_users:?}");
    let lacking: Vec<&String> = of_users.difference(&of_tests).collect();
    assert_eq!(lacking, [""; 0], "they have more in tests");
}
