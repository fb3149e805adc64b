//! Ways to plant a program into a repository.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Planted, make_executable};

/// Settings of Git that name programs.
pub(super) fn settings(program: &str) -> String {
    format!(
        r#"[core]
	fsmonitor = {program}
	hooksPath = {program}.hooks
	pager = {program}
	editor = {program}
	askPass = {program}
	sshCommand = {program}
	gitProxy = {program}
	alternateRefsCommand = {program}
	untrackedCache = true
	splitIndex = true
[filter "evil"]
	clean = {program} filter
	smudge = {program} filter
	required = true
[filter "long"]
	process = {program}
	required = true
[diff]
	external = {program}
[diff "evil"]
	command = {program}
	textconv = {program}
[merge]
	verifySignatures = true
[merge "evil"]
	driver = {program}
[gpg]
	program = {program}
[log]
	showSignature = true
[pager]
	ls-files = {program}
	status = {program}
	diff = {program}
	config = {program}
[alias]
	ls-files = !{program}
	rev-parse = !{program}
	status = !{program}
	cat-file = !{program}
[gc]
	auto = 1
	recentObjectsHook = {program}
[credential]
	helper = !{program}
[uploadpack]
	packObjectsHook = {program}
[sequence]
	editor = {program}
[interactive]
	diffFilter = {program}
[trace2]
	normalTarget = {program}
[submodule]
	recurse = true
[hook "evil"]
	event = post-index-change
	command = {program}
"#
    )
}

pub(super) fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).unwrap_or_default();
    fs::write(path, before + text).expect("the attack can be planted");
}

/// Plants settings, hooks, attributes and alternates into a directory of Git's.
pub(super) fn into(planted: &Planted, git: &Path) {
    let program = planted.program();
    append(&git.join("config"), &settings(&program));
    let script = fs::read_to_string(&program).expect("the attack can be planted");
    let hooks = [
        "fsmonitor-watchman",
        "post-checkout",
        "post-index-change",
        "post-merge",
        "pre-auto-gc",
        "pre-commit",
        "pre-push",
        "reference-transaction",
    ];
    let own = Path::new(&program).with_extension("hooks");
    for directory in [git.join("hooks"), own] {
        fs::create_dir_all(&directory).expect("the attack can be planted");
        for hook in hooks {
            fs::write(directory.join(hook), &script).expect("the attack can be planted");
            make_executable(&directory.join(hook));
        }
    }
    fs::create_dir_all(git.join("info")).expect("the attack can be planted");
    let attributes = "* filter=evil diff=evil merge=evil\nnew filter=long\n";
    fs::write(git.join("info/attributes"), attributes).expect("the attack can be planted");
    planted
        .project
        .file("in/.gitattributes", "* filter=evil diff=evil\n");
    // A repository of its own, which Git asks for what it has.
    let other = planted.beside("alternate");
    if !other.exists() {
        planted.git("", &["init", "-q", "--bare", &other.display().to_string()]);
    }
    fs::create_dir_all(git.join("objects/info")).expect("the attack can be planted");
    let objects = format!("{}\n", other.join("objects").display());
    fs::write(git.join("objects/info/alternates"), objects).expect("the attack can be planted");
}

/// Makes the repository a partial clone of a program.
pub(super) fn promise(planted: &Planted) {
    for (key, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "o"),
        ("remote.o.url", &format!("ext::{}", planted.program())),
        ("remote.o.promisor", "true"),
        ("remote.o.partialCloneFilter", "blob:none"),
        ("protocol.ext.allow", "always"),
    ] {
        planted.git("", &["config", key, value]);
    }
}

/// Removes an object.
pub(super) fn lose(planted: &Planted, name: &str) {
    let id = planted.git("", &["rev-parse", name]);
    let path = format!(".git/objects/{}/{}", &id[..2], &id[2..]);
    fs::remove_file(planted.root().join(path)).expect("the attack can be planted");
}

/// Makes the repository's index need a directory that only a remote has.
pub(super) fn lack_directory(planted: &Planted) {
    let sparse = [
        "sparse-checkout",
        "set",
        "--cone",
        "--sparse-index",
        "in",
        ".upsun",
    ];
    planted.git("", &sparse);
    let list = planted.git("", &["ls-files", "--sparse"]);
    assert!(
        list.lines().any(|line| line == "out/"),
        "no sparse index: {list}"
    );
    promise(planted);
    lose(planted, "HEAD:out");
}

/// Commits a copy of a directory of Git's as the folder `site`, with a project in it.
pub(super) fn embed(planted: &Planted, git: &str) {
    let site = planted.root().join("site");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(planted.root().join(git))
        .arg(&site)
        .status();
    assert!(copied.expect("the attack can be planted").success());
    append(&site.join("config"), "[core]\nbare = false\nworktree = .\n");
    // Empty directories are not committed.
    fs::write(site.join("refs/keep"), "").expect("the attack can be planted");
    for name in [
        ".upsun/config.yaml",
        ".upsun-local.yaml",
        "package.json",
        "in/a",
    ] {
        let text =
            fs::read_to_string(planted.root().join(name)).expect("the attack can be planted");
        planted.project.file(&format!("site/{name}"), &text);
    }
}
