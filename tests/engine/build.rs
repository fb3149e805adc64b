//! Builds: what is in them, when there is a new one, when the earlier one is reused, what a failed one leaves.

use crate::engine::{app, containers, docker, operations_of, volumes};
use crate::support::{Outcome, TestProject};

/// A build that leaves a time in a file, so that two builds are told apart.
fn stamped(more: &str) -> String {
    app(&format!(
        "hooks: {{ build: 'date +%s.%N >stamp' }}\n{more}{}",
        operations_of(&[("stamp", "cat stamp")])
    ))
}

#[track_caller]
fn stamp(project: &TestProject) -> String {
    project.run(&["run", "stamp"]).expect(0).stdout
}

fn was_built(outcome: &Outcome) -> bool {
    outcome.stderr.contains("Building app")
}

#[test]
fn a_build_is_reused_until_something_it_depends_on_changes() {
    let project = TestProject::on_engine(&stamped(""));
    project.file("tracked", "1");
    let first = stamp(&project);
    assert_eq!(stamp(&project), first);
    project.run(&["down"]).expect(0);
    let again = project.run(&["run", "stamp"]).expect(0);
    assert!(
        again.stderr.contains("Reusing the build"),
        "{}",
        again.stderr
    );
    assert_eq!(again.stdout, first);

    project.file("tracked", "2");
    let second = stamp(&project);
    assert_ne!(second, first);
    // Back to the tree of before: its build is still there.
    project.file("tracked", "1");
    assert_eq!(stamp(&project), first);
    project.file(
        ".upsun/config.yaml",
        &stamped("variables: { env: { built_in: x } }\n"),
    );
    assert_ne!(stamp(&project), first);
}

#[test]
fn an_edit_of_the_configuration_alone_builds_nothing_when_the_app_is_the_whole_repository() {
    let project = TestProject::on_engine(&stamped(""));
    let first = stamp(&project);
    let list = [("stamp", "cat stamp"), ("another", "echo edited")];
    let config = "hooks: { build: 'date +%s.%N >stamp' }\n";
    project.file(
        ".upsun/config.yaml",
        &app(&format!("{config}{}", operations_of(&list))),
    );
    let edited = project.run(&["run", "another"]).expect(0);
    assert_eq!(edited.stdout, "edited\n");
    assert!(!was_built(&edited), "{}", edited.stderr);
    assert_eq!(stamp(&project), first);
}

#[test]
fn what_upsun_does_not_build_again_for_is_not_built_again_for_here() {
    let rooted = |more: &str| stamped(&format!("source: {{ root: code }}\n{more}"));
    let project = TestProject::on_engine(&rooted(""));
    project.file("code/index", "");
    let first = stamp(&project);
    for change in [
        "access: { ssh: admin }\n",
        "crons: { c: { spec: '*/10 * * * *', commands: { start: 'true' } } }\n",
        "web: { commands: { start: 'sleep 1000' }, locations: { '/': { root: public } } }\n",
        "workers: { w: { commands: { start: 'sleep 1000' } } }\n",
    ] {
        project.file(".upsun/config.yaml", &rooted(change));
        let outcome = project.run(&["run", "stamp"]).expect(0);
        assert_eq!(outcome.stdout, first, "{change}: {}", outcome.stderr);
    }
    let list = [("stamp", "cat stamp"), ("another", "true")];
    project.file(
        ".upsun/config.yaml",
        &app(&format!(
            "source: {{ root: code }}\nhooks: {{ build: 'date +%s.%N >stamp', deploy: 'true', post_deploy: 'true' }}\n{}",
            operations_of(&list)
        )),
    );
    assert_eq!(stamp(&project), first);
    project.file("elsewhere", "not of this app");
    assert_eq!(stamp(&project), first);
}

#[test]
fn an_operation_that_was_edited_is_what_runs_next() {
    let config = |script| {
        app(&format!(
            "source: {{ root: code }}\n{}",
            operations_of(&[("say", script)])
        ))
    };
    let project = TestProject::on_engine(&config("echo one"));
    project.file("code/index", "");
    assert_eq!(project.run(&["run", "say"]).expect(0).stdout, "one\n");
    project.file(".upsun/config.yaml", &config("echo two"));
    let edited = project.run(&["run", "say"]).expect(0);
    assert_eq!(edited.stdout, "two\n");
    assert!(
        edited.stderr.contains("Reusing the build"),
        "{}",
        edited.stderr
    );
    assert_eq!(containers(&project).len(), 1);
}

#[test]
fn rebuild_builds_although_nothing_changed() {
    let project = TestProject::on_engine(&stamped(""));
    let first = stamp(&project);
    let again = project.run(&["run", "stamp", "--rebuild"]).expect(0);
    assert_ne!(again.stdout, first);
    assert_eq!(stamp(&project), again.stdout);
    // The old build goes beside the work.
    assert_eq!(volumes(&project, "built").len(), 1);
    project.run(&["up", "--rebuild"]).expect(0);
    assert_ne!(stamp(&project), again.stdout);
}

#[test]
fn a_rebuild_that_fails_leaves_the_old_build() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ build: 'set -e; test ! -e $PLATFORM_CACHE_DIR/broken; echo built >made' }}\n{}",
        operations_of(&[("look", "cat made")])
    )));
    project.run(&["run", "look"]).expect(0);
    let cache = volumes(&project, "cache").remove(0);
    let image = docker(&[
        "inspect",
        "--format",
        "{{.Config.Image}}",
        &crate::engine::container(&project),
    ]);
    let mounted = format!("{cache}:/cache");
    docker(&[
        "run",
        "--rm",
        "-v",
        &mounted,
        image.trim(),
        "touch",
        "/cache/broken",
    ]);
    let before = crate::engine::container(&project);
    project.run(&["run", "look", "--rebuild"]).expect(1);
    assert_eq!(crate::engine::container(&project), before);
    let after = project.run(&["run", "look"]).expect(0);
    assert_eq!(after.stdout, "built\n");
    assert!(!was_built(&after), "{}", after.stderr);
}

#[test]
fn a_failed_build_hook_leaves_nothing_that_counts_as_built() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks:\n  build: |\n    echo working; echo broken >&2\n    touch half; test -e fixed\n{}",
        operations_of(&[("ok", "ls half")])
    )));
    for _ in 0..2 {
        let failed = project.run(&["run", "ok"]).expect(1);
        assert_eq!(failed.stdout, "");
        for said in [
            "working",
            "broken",
            "error: the build of `app` failed: `hooks.build` ended with code 1",
        ] {
            assert!(failed.stderr.contains(said), "{}", failed.stderr);
        }
        assert!(was_built(&failed), "{}", failed.stderr);
        assert_eq!(volumes(&project, "build"), [""; 0]);
        assert_eq!(volumes(&project, "built"), [""; 0]);
        assert_eq!(containers(&project), [""; 0]);
    }
    project.file("fixed", "");
    assert_eq!(project.run(&["run", "ok"]).expect(0).stdout, "half\n");
}

#[test]
fn a_failed_build_does_not_touch_what_runs() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ build: 'test ! -e broken' }}\nmounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[("ok", "true")])
    )));
    project.run(&["up"]).expect(0);
    let before = crate::engine::container(&project);
    project.file("broken", "");
    project.run(&["up"]).expect(1);
    assert_eq!(crate::engine::container(&project), before);
}

#[test]
fn hooks_run_in_dash_and_only_their_last_command_decides() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ build: 'false; pwd >where; id -un >>where; echo ${{CI:-unset}} >>where' }}\n{}",
        operations_of(&[("look", "cat where")])
    )));
    let outcome = project.run(&["run", "look"]).expect(0);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[..2], ["/app", "web"]);
    assert_ne!(lines[2], "unset");
}

#[test]
fn the_cache_directory_is_kept_between_builds_and_not_deployed() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ build: 'echo x >>$PLATFORM_CACHE_DIR/runs; wc -l <$PLATFORM_CACHE_DIR/runs >count; echo $PLATFORM_CACHE_DIR >where; echo left >/tmp/left' }}\n{}",
        operations_of(&[(
            "look",
            "cat count; if [ -e \"$(cat where)/runs\" ]; then echo deployed; fi; ls /tmp"
        )])
    )));
    assert_eq!(project.run(&["run", "look"]).expect(0).stdout, "1\n");
    project.file("changed", "");
    assert_eq!(project.run(&["run", "look"]).expect(0).stdout, "2\n");
    // All environments share it.
    let other = project
        .run(&["run", "look", "-e", "other", "--rebuild"])
        .expect(0);
    assert_eq!(other.stdout, "3\n");
}

#[test]
fn the_last_three_builds_are_kept() {
    let project = TestProject::on_engine(&stamped(""));
    let mut stamps = Vec::new();
    for version in 0..5 {
        project.file("version", &version.to_string());
        stamps.push(stamp(&project));
        let kept = volumes(&project, "build").len();
        assert!(kept <= 4, "{kept}");
    }
    assert!(volumes(&project, "build").len() <= 4);
    assert_eq!(
        volumes(&project, "build").len(),
        volumes(&project, "built").len()
    );
    for version in [4, 3, 2] {
        project.file("version", &version.to_string());
        assert_eq!(stamp(&project), stamps[version], "version {version}");
    }
    project.file("version", "0");
    assert_ne!(stamp(&project), stamps[0]);
}

#[test]
fn a_build_is_mounted_read_only_and_nothing_else_is_mounted() {
    let project = TestProject::on_engine(&stamped(""));
    stamp(&project);
    let volume = &volumes(&project, "build")[0];
    let id = crate::engine::container(&project);
    let mounts = docker(&[
        "inspect",
        &id,
        "--format",
        "{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}\n{{end}}",
    ]);
    assert_eq!(mounts.trim(), format!("volume {volume} /app false"));
}

/// Packages of four languages for `dependencies`, each with a command of its own; all but Node's and Python's come from
/// the repository itself.
const FOUR_LANGUAGES: &str = "
      nodejs: { cowsay: 1.6.0 }
      python3: { pyjokes: '==0.8.3' }
      ruby: { '/app/said-by-ruby-1.0.0.gem': '*' }
      php:
        require: { 'upsun-local/said-by-php': '*' }
        repositories:
          - { type: path, url: /app/php, options: { symlink: false } }
          - { packagist.org: false }
";

/// Builds and runs an app with dependencies of all four languages, of which its runtime's image has one.
fn has_all_four(runtime: &str) {
    let project = TestProject::on_engine(&format!(
        "applications:
  app:
    type: '{runtime}'
    build: {{ flavor: none }}
    dependencies: {FOUR_LANGUAGES}
    hooks: {{ build: 'cowsay node said it > said; pyjokes > /dev/null && echo python said it >> said; said-by-ruby >> said; said-by-php >> said' }}
    operations: {{ show: {{ commands: {{ start: 'cat said; cowsay once more; pyjokes > /dev/null && echo python once more; said-by-ruby; said-by-php' }} }} }}
"
    ));
    let gem = include_bytes!("../../fixtures/dependencies/said-by-ruby-1.0.0.gem");
    std::fs::write(project.root().join("said-by-ruby-1.0.0.gem"), gem).expect("a file");
    project.file(
        "php/composer.json",
        r#"{ "name": "upsun-local/said-by-php", "version": "1.0.0", "bin": ["said-by-php"] }"#,
    );
    project.file(
        "php/said-by-php",
        "#!/usr/bin/env php\n<?php echo \"php said it\\n\";\n",
    );
    let shown = project.run(&["run", "show"]).expect(0);
    for said in [
        "node said it",
        "python said it",
        "ruby said it",
        "< once more >",
        "python once more",
    ] {
        assert!(shown.stdout.contains(said), "{said}: {}", shown.stdout);
    }
    assert_eq!(shown.stdout.matches("php said it").count(), 2);
    assert!(
        !shown.stderr.contains("is not emulated"),
        "{}",
        shown.stderr
    );
}

#[test]
fn dependencies_of_four_languages_stand_side_by_side_in_php() {
    has_all_four("php:8.4");
}

#[test]
fn dependencies_of_four_languages_stand_side_by_side_in_python() {
    has_all_four("python:3.14");
}

#[test]
fn node_26_has_the_tools_that_its_image_lost() {
    let project = TestProject::on_engine(
        "applications:
  app:
    type: nodejs:26
    build: { flavor: none }
    hooks: { build: 'corepack --version; yarn --version; bun --version; bunx --version' }
    operations: { show: { commands: { start: 'yarn --version; corepack --version; bun --version; ! command -v pnpm' } } }
",
    );
    let shown = project.run(&["run", "show"]).expect(0);
    let versions: Vec<&str> = shown.stdout.lines().collect();
    assert!(
        versions.len() == 3 && versions[0].starts_with("1.22."),
        "{versions:?}"
    );
    assert!(
        !shown.stderr.contains("is missing in the container"),
        "{}",
        shown.stderr
    );
}

#[test]
fn a_release_that_is_no_longer_served_is_said_with_the_version_to_move_to() {
    let project = TestProject::on_engine(
        "applications:
  app:
    type: nodejs:24
    build: { flavor: none }
    operations: { show: { commands: { start: 'true' } } }
",
    );
    let tag = format!("{}/old-node:1", project.id);
    let dockerfile = "FROM node:24-bookworm
RUN rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* && mkdir /nowhere \\
    && echo 'deb file:/nowhere buster main' >/etc/apt/sources.list \\
    && printf 'VERSION_CODENAME=buster\\n' >/etc/os-release
";
    project.file("old/Dockerfile", dockerfile);
    let context = project.root().join("old");
    docker(&["build", "--tag", &tag, &context.to_string_lossy()]);
    project.user_settings(&format!("images: {{ 'nodejs:24': '{tag}' }}\n"));
    let failed = project.run(&["run", "show"]).expect(73);
    docker(&["rmi", &tag]);
    assert!(
        failed.stderr.contains("the release `buster` of the image's system is no longer served by its distribution: move to `nodejs:24` or newer"),
        "{}",
        failed.stderr
    );
    assert!(
        !failed.stderr.contains("company proxy"),
        "{}",
        failed.stderr
    );
}
