//! What of the repository gets into a build.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::engine::{app, operations_of};
use crate::support::TestProject;

const LIST: &str = "find . -mindepth 1 ! -path './.upsun*' ! -path './.git*' -printf '%P %y %m %l\\n' | LC_ALL=C sort";

fn git(project: &TestProject, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.org"])
        .args(arguments)
        .current_dir(project.root())
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn symbolic_links_and_permissions_to_execute_are_kept() {
    let project = TestProject::on_engine(&app(&operations_of(&[("list", LIST)])));
    project
        .file("bin/tool", "#!/bin/sh\n")
        .file("plain", "x")
        .file("empty", "");
    let path = |name: &str| project.root().join(name);
    std::fs::set_permissions(path("bin/tool"), PermissionsExt::from_mode(0o775)).unwrap();
    std::fs::set_permissions(path("plain"), PermissionsExt::from_mode(0o600)).unwrap();
    symlink("plain", path("to-file")).unwrap();
    symlink("../bin", path("bin/up")).unwrap();
    symlink("/nowhere/at all", path("dangling")).unwrap();
    let outcome = project.run(&["run", "list"]).expect(0);
    assert_eq!(
        outcome.stdout,
        "bin d 755 \nbin/tool f 755 \nbin/up l 777 ../bin\ndangling l 777 /nowhere/at all\nempty f 644 \nplain f 644 \nto-file l 777 plain\n"
    );
}

#[test]
fn any_name_that_linux_takes_gets_there() {
    let names: [&[u8]; 8] = [
        b"with space",
        b"new\nline",
        "ünï→🎉".as_bytes(),
        b"not \xff utf-8",
        b"-rf",
        b"quote'\"",
        b"back\\slash",
        b"$dollar",
    ];
    let project = TestProject::on_engine(&app(&operations_of(&[(
        "list",
        "find . -maxdepth 1 -type f ! -name '.upsun*' -printf '%f\\0'",
    )])));
    for name in names {
        let path = project.root().join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(path, "").unwrap();
    }
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    project.file(&long, "");
    let output = project.command(&["run", "list"]).output().unwrap();
    let mut found: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    found.retain(|name| !name.is_empty());
    found.sort_unstable();
    let mut expected = names.to_vec();
    expected.sort_unstable();
    assert_eq!(
        found,
        expected,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_git_ignores_is_not_there_with_git_and_without() {
    for with_git in [true, false] {
        let project = TestProject::on_engine(&app(&operations_of(&[("list", LIST)])));
        project
            .file(".gitignore", "*.log\n/node_modules/\n!kept.log\n")
            .file("a.log", "")
            .file("kept.log", "")
            .file("node_modules/x/index.js", "")
            .file("lib/node_modules/y", "")
            .file("lib/.gitignore", "secret\n")
            .file("lib/secret", "");
        if with_git {
            git(&project, &["init", "--quiet"]);
        }
        let outcome = project.run(&["run", "list"]).expect(0);
        let names: Vec<&str> = outcome
            .stdout
            .lines()
            .filter(|line| line.contains(" f ") && !line.starts_with('.'))
            .map(|line| line.split(' ').next().unwrap())
            .collect();
        let expected = ["kept.log", "lib/.gitignore", "lib/node_modules/y"];
        assert_eq!(names, expected, "with Git: {with_git}");
    }
}

#[test]
fn a_file_that_is_tracked_although_it_is_ignored_is_there() {
    let project = TestProject::on_engine(&app(&operations_of(&[("list", "ls")])));
    project
        .file(".gitignore", "*.log\n")
        .file("forced.log", "")
        .file("other.log", "");
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "--force", "forced.log"]);
    assert_eq!(
        project.run(&["run", "list"]).expect(0).stdout,
        "forced.log\n"
    );
}

#[test]
fn a_file_that_is_deleted_but_still_tracked_is_not_there() {
    let project = TestProject::on_engine(&app(&operations_of(&[("list", "ls")])));
    project.file("one", "").file("two", "");
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "-m", "all"]);
    std::fs::remove_file(project.root().join("one")).unwrap();
    assert_eq!(project.run(&["run", "list"]).expect(0).stdout, "two\n");
}

#[test]
fn source_root_is_the_app_and_nothing_above_it_is_there() {
    let project = TestProject::on_engine(&app(&format!(
        "source: {{ root: /apps/front end }}\n{}",
        operations_of(&[("list", "pwd; ls -A; cat index")])
    )));
    project
        .file("apps/front end/index", "inside\n")
        .file("apps/other/index", "")
        .file("secret", "");
    let outcome = project.run(&["run", "list"]).expect(0);
    assert_eq!(outcome.stdout, "/app\nindex\ninside\n");
}

#[test]
fn a_source_root_that_is_not_there_is_an_error_of_the_configuration() {
    let project = TestProject::on_engine(&app(&format!(
        "source: {{ root: missing }}\n{}",
        operations_of(&[("list", "ls")])
    )));
    let outcome = project.run(&["run", "list"]).expect(78);
    assert!(outcome.stderr.contains("missing"), "{}", outcome.stderr);
}

#[test]
fn the_repository_is_never_written_to() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ build: 'echo changed >file; touch made' }}\n{}",
        operations_of(&[("list", "ls; cat file")])
    )));
    project.file("file", "original\n");
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "."]);
    let before = std::fs::metadata(project.root().join(".git/index"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(
        project.run(&["run", "list"]).expect(0).stdout,
        "file\nmade\nchanged\n"
    );
    let text = std::fs::read_to_string(project.root().join("file")).unwrap();
    assert_eq!(text, "original\n");
    let mut names: Vec<_> = std::fs::read_dir(project.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".git", ".upsun", ".upsun-local.yaml", "file"]);
    let after = std::fs::metadata(project.root().join(".git/index"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after);
}

/// Where links of any kind lead.
const LINKS: &[(&str, &str)] = &[
    ("to-shared", "../../shared"),
    ("to-file", "../../shared/settings.json"),
    ("deep/up", "../../../shared/settings.json"),
    ("far", "../../../../../../../../etc/hostname"),
    ("absolute", "/shared/settings.json"),
    ("root", "/"),
    ("itself", "itself"),
    ("odd", "./a//b/."),
    ("dangling", "nowhere"),
    ("inside", "file"),
    ("through-mount", "data/../../outside"),
    ("on-mount", "data/x"),
];

#[test]
fn links_that_lead_anywhere_are_copied_as_they_are() {
    let list = "find . -type l -printf '%P %l\\n' | LC_ALL=C sort; cat inside; cat to-file || true; echo y >data/x; cat on-mount";
    let project = TestProject::on_engine(&app(&format!(
        "source: {{ root: apps/web }}\nmounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[
            ("list", list),
            ("spoil", "rm -r data/links/* && echo z >data/x")
        ])
    )));
    project
        .file("shared/settings.json", "{}")
        .file("apps/web/file", "inside\n")
        .file("apps/web/deep/x", "");
    let links = project.root().join("links");
    std::fs::create_dir_all(links.join("links/deep")).unwrap();
    for (name, target) in LINKS {
        symlink(target, project.root().join("apps/web").join(name)).unwrap();
        symlink(target, links.join("links").join(name)).unwrap();
    }
    let mut expected: Vec<String> = LINKS
        .iter()
        .map(|(name, target)| format!("{name} {target}\n"))
        .collect();
    expected.sort();
    let expected = expected.concat();
    let outcome = project.run(&["run", "list"]).expect(0);
    assert_eq!(outcome.stdout, format!("{expected}inside\ny\n"));
    assert!(
        outcome.stderr.contains("to-file: No such file"),
        "{}",
        outcome.stderr
    );

    // The same on a mount, in a snapshot, and in the copy that `--undo` makes.
    let links = links.display().to_string();
    project
        .run(&[
            "mount", "upload", "--mount", "data", "--local", &links, "-y",
        ])
        .expect(0);
    let look = "find data/links -type l -printf '%P %l\\n' | LC_ALL=C sort";
    let on_mount = || {
        let exec = ["exec", "--", "sh", "-c", look];
        project.run(&exec).expect(0).stdout
    };
    assert_eq!(on_mount(), expected);
    project.run(&["mount", "snapshot"]).expect(0);
    let undone = project.run(&["run", "spoil", "--undo"]).expect(0);
    assert!(
        undone.stderr.contains("D /data/links/"),
        "{}",
        undone.stderr
    );
    assert_eq!(on_mount(), expected);
    project.run(&["run", "spoil"]).expect(0);
    project.run(&["mount", "restore", "-y"]).expect(0);
    assert_eq!(on_mount(), expected);
}

#[test]
fn the_build_has_what_git_would_deploy() {
    let project = TestProject::on_engine(&app(&operations_of(&[
        ("script", "./run.sh"),
        ("load", "head -c 42 models/m.bin"),
    ])));
    // A stand-in for Git LFS.
    let clean = "printf 'version https://git-lfs.github.com/spec/v1\\\\noid sha256:%s\\\\n' \
                 $(sha256sum | cut -d' ' -f1)";
    let config = format!("[core]\n\tautocrlf = true\n[filter \"lfs\"]\n\tclean = \"{clean}\"\n");
    let user = project.root().join("../gitconfig");
    std::fs::write(&user, config).unwrap();
    project
        .file("run.sh", "#!/bin/sh\r\necho hello from script\r\n")
        .file(".gitattributes", "*.bin filter=lfs -text\n")
        .file("models/m.bin", &"content ".repeat(1000));
    let path = project.root().join("run.sh");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    git(&project, &["init", "--quiet"]);
    let run = |words: &[&str]| {
        let mut command = project.command(words);
        command.env("GIT_CONFIG_GLOBAL", &user);
        crate::support::outcome(&mut command, &project.root()).expect(0)
    };
    let loaded = run(&["run", "load"]);
    assert_eq!(loaded.stdout, "version https://git-lfs.github.com/spec/v1");
    assert_eq!(run(&["run", "script"]).stdout, "hello from script\n");
    let note = "`models/m.bin` is in Git LFS: the app gets the pointer";
    assert!(loaded.stderr.contains(note), "{}", loaded.stderr);
}
