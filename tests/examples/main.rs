//! Every example, run end to end as its README tells it.

#[path = "../support/mod.rs"]
mod support;

mod decoupled;
mod dev;
mod django;
mod drupal;
mod gatsby;
mod multi_app;
mod nextjs;
mod php;
mod pm2;
mod suggested;
mod tutorials;
mod worker;

use std::path::Path;

use support::TestProject;

const EXAMPLES: [&str; 9] = [
    "nextjs",
    "gatsby",
    "pm2",
    "django",
    "multi-app",
    "worker",
    "decoupled",
    "php",
    "drupal",
];

/// A copy of an example, of what Git has of it, as a project of its own.
fn example(name: &str) -> TestProject {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    let config = std::fs::read_to_string(from.join(".upsun/config.yaml")).expect("a configuration");
    let project = TestProject::in_folder(name, &config).with_engine();
    copy(&from, &project.root());
    project
}

fn copy(from: &Path, to: &Path) {
    const MADE: [&str; 4] = ["node_modules", ".next", "public", ".cache"];
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if MADE.iter().any(|made| name == *made) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().expect("a type").is_dir() {
            std::fs::create_dir_all(&target).expect("a directory");
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Removes the lines of the configuration from one that starts with `first` to before the next one that is
/// indented no deeper.
fn without(project: &TestProject, first: &str) {
    let path = project.root().join(".upsun/config.yaml");
    let text = std::fs::read_to_string(&path).expect("a configuration");
    let mut inside = None;
    let kept: String = text
        .lines()
        .filter(|line| {
            let depth = line.len() - line.trim_start().len();
            if line.trim_start().starts_with(first) {
                inside = Some(depth);
                return false;
            }
            if inside.is_some_and(|start| depth <= start && !line.trim().is_empty()) {
                inside = None;
            }
            inside.is_none()
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert_ne!(kept, text, "`{first}` stands in the configuration");
    std::fs::write(path, kept).expect("a configuration");
}

#[test]
fn no_example_has_a_problem() {
    for name in EXAMPLES {
        let project = example(name);
        let checked = project.run(&["check", "--strict"]).expect(0);
        assert!(checked.shown().contains("no problems"), "{name}");
    }
}

/// A lock file with addresses in it would take everybody to the registry of whoever made it.
#[test]
fn lock_files_name_no_registry() {
    for name in EXAMPLES {
        let lock = example(name).root().join("package-lock.json");
        if let Ok(text) = std::fs::read_to_string(lock) {
            assert!(!text.contains("\"resolved\""), "{name}");
        }
    }
}
