//! Files made to do harm: an error that names the place, and nothing else happens.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;

use super::super::soundness;
use super::{Repo, list, one};

const APP: &str = "applications:\n  app:\n    type: nodejs:24\n";

#[test]
fn aliases_of_aliases_are_stopped_early() {
    let mut text = "x0: &x0 [a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*x{}", level - 1); 9].join(", ");
        let _ = writeln!(text, "x{level}: &x{level} [{aliases}]");
    }
    // Written out it would have more values than any machine could hold.
    let loaded = one(&(text + APP)).load();
    insta::assert_snapshot!(list(&loaded), @r"error U106 .upsun/config.yaml:6:5: the configuration is too large: with aliases and includes written out it has more than 750,000 values or 48 MiB of text (aliases that repeat aliases grow quickly: write the values out)");
}

#[test]
fn a_large_text_cannot_be_repeated_without_end() {
    let text = format!(
        ".x: &x \"{}\"\n{APP}    variables:\n      env:\n        A: [{}]\n",
        "x".repeat(1 << 20),
        ["*x"; 200].join(", ")
    );
    insta::assert_snapshot!(list(&one(&text).load()), @r"error U106 .upsun/config.yaml:7:193: the configuration is too large: with aliases and includes written out it has more than 750,000 values or 48 MiB of text (aliases that repeat aliases grow quickly: write the values out)");
}

#[test]
fn workers_cannot_multiply_an_application() {
    let mut text = format!("{APP}    variables:\n      env:\n");
    for index in 0..3000 {
        let _ = writeln!(text, "        V{index}: x");
    }
    text += "    workers:\n";
    for index in 0..3000 {
        let _ = writeln!(text, "      w{index}: {{ commands: {{ start: x }} }}");
    }
    insta::assert_snapshot!(list(&one(&text).load()), @r"error U106 .upsun/config.yaml:2:3: with what its workers take over this application is too large");
}

#[test]
fn deep_nesting_ends_at_a_limit() {
    let text = format!(
        "{APP}    variables: {}1{}\n",
        "{a: ".repeat(5000),
        "}".repeat(5000)
    );
    insta::assert_snapshot!(list(&one(&text).load()), @r"error U105 .upsun/config.yaml:4:260: nested more than 64 levels deep (no configuration needs this: look for brackets that are never closed)");
    let mut text = APP.to_owned();
    for level in 0..1000 {
        let _ = writeln!(text, "{}k:", " ".repeat(4 + level));
    }
    insta::assert_snapshot!(list(&one(&text).load()), @r"error U105 .upsun/config.yaml:66:67: nested more than 64 levels deep (no configuration needs this: look for brackets that are never closed)");
    let mut text = ".a0: &a0 {k: 1}\n".to_owned();
    for level in 1..100 {
        let _ = writeln!(text, ".a{level}: &a{level} {{k: *a{}}}", level - 1);
    }
    insta::assert_snapshot!(list(&one(&(text + APP)).load()), @r"error U105 .upsun/config.yaml:64:16: with its aliases written out this is nested more than 64 levels deep (aliases that repeat aliases grow quickly: write the values out)");
}

#[test]
fn includes_stay_inside_the_repository() {
    let repo = Repo::new(&[(
        ".upsun/config.yaml",
        "applications:\n  app:\n    type: nodejs:24\n    hooks:\n      build: !include {type: string, path: ../../etc/passwd}\n      deploy: !include {type: string, path: /etc/passwd}\n      post_deploy: !include {type: string, path: link}\n",
    )]);
    symlink("/etc/passwd", repo.path().join("link")).unwrap();
    insta::assert_snapshot!(list(&repo.load()), @r"
    error U114 .upsun/config.yaml:5:14: `../../etc/passwd` leads outside the repository (`!include` reaches only what is committed: move it into the repository)
    error U114 .upsun/config.yaml:6:15: `/etc/passwd` leads outside the repository (`!include` reaches only what is committed: move it into the repository)
    error U114 .upsun/config.yaml:7:20: `link` leads outside the repository (`!include` reaches only what is committed: move it into the repository)
    ");
}

#[test]
fn includes_that_include_themselves_are_stopped() {
    let repo = Repo::new(&[
        (
            ".upsun/config.yaml",
            "applications:\n  app: !include a.yaml\n",
        ),
        ("a.yaml", "type: nodejs:24\nhooks: !include b.yaml\n"),
        ("b.yaml", "build: !include a.yaml\n"),
    ]);
    insta::assert_snapshot!(list(&repo.load()), @r"error U115 .upsun/config.yaml:2:8: these includes form a cycle: `a.yaml`, `b.yaml` includes `a.yaml` again (a file cannot include itself, not even through another file)");
}

#[test]
fn includes_in_a_long_row_are_stopped_for_what_they_are() {
    let mut files: Vec<(String, String)> = (0..20)
        .map(|index| {
            (
                format!("f{index}.yaml"),
                format!("a: !include f{}.yaml\n", index + 1),
            )
        })
        .collect();
    let config = format!("{APP}    variables: !include f0.yaml\n");
    files.push((".upsun/config.yaml".to_owned(), config));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    insta::assert_snapshot!(list(&Repo::new(&files).load()), @"error U105 .upsun/config.yaml:4:16: more than 16 files include each other in a row (let the first of them include the others itself)");
}

#[test]
fn devices_and_pipes_are_not_waited_for() {
    let repo = Repo::new(&[(
        ".upsun/config.yaml",
        "applications:\n  app: !include zero\n  b: !include pipe\n",
    )]);
    symlink("/dev/zero", repo.path().join("zero")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(repo.path().join("pipe"))
        .status();
    assert!(made.unwrap().success());
    insta::assert_snapshot!(list(&repo.load()), @r"
    error U114 .upsun/config.yaml:2:8: `zero` leads outside the repository (`!include` reaches only what is committed: move it into the repository)
    error U113 .upsun/config.yaml:3:6: `pipe` cannot be used in `!include`: it is not a regular file
    ");
}

#[test]
fn control_characters_do_not_reach_messages() {
    let loaded = one("applications:\n  \"a\\e[31m\\u202eb\":\n    type: nodejs:24\n").load();
    insta::assert_snapshot!(list(&loaded), @r"error U304 .upsun/config.yaml:2:3: `a�[31m�b` is not a name for an application (a name is made of lowercase letters, digits, `-` and `_`)");
    let loaded = one("a: \u{1b}[31m\n").load();
    insta::assert_snapshot!(list(&loaded), @r"error U102 .upsun/config.yaml:1:4: an escape character is not allowed in a YAML file (remove it; inside double quotes it can be written as an escape such as `\x1b`)");
}

#[test]
fn what_is_no_directory_of_files_is_named() {
    let repo = Repo::new(&[("README.md", "")]);
    insta::assert_snapshot!(list(&repo.load()), @r"error U101 .upsun:1:1: there is no directory `.upsun` (run this in a repository with an `.upsun` directory, or name one)");
    let repo = Repo::new(&[(".upsun", "")]);
    insta::assert_snapshot!(list(&repo.load()), @r"error U101 .upsun:1:1: `.upsun` cannot be read: it is a file, not a directory (make it a directory with a file such as `config.yaml` in it)");
    let repo = Repo::new(&[(".upsun/config.yaml/x", "")]);
    insta::assert_snapshot!(list(&repo.load()), @r"error U101 .upsun/config.yaml:1:1: `.upsun/config.yaml` cannot be read: it is a directory, not a file (only files at the first level of `.upsun` are read: rename it)");
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let repo = one(APP);
    let file = std::fs::File::create(repo.path().join(".upsun/large.yaml")).unwrap();
    // More than any machine could hold, were it read.
    file.set_len(1 << 42).unwrap();
    insta::assert_snapshot!(list(&repo.load()), @"error U101 .upsun/large.yaml:1:1: `.upsun/large.yaml` cannot be read: it is larger than 16 MiB (split it into several files)");
}

#[test]
fn links_between_files_stay_inside_the_repository() {
    let repo = one(APP);
    symlink("/etc/hostname", repo.path().join(".upsun/out.yaml")).unwrap();
    symlink("round.yaml", repo.path().join(".upsun/round.yaml")).unwrap();
    symlink("nowhere", repo.path().join(".upsun/dangling.yaml")).unwrap();
    symlink("config.yaml", repo.path().join(".upsun/same.yml")).unwrap();
    insta::assert_snapshot!(list(&repo.load()), @r"
    error U101 .upsun/dangling.yaml:1:1: `.upsun/dangling.yaml` cannot be read: there is no such file (remove the link, or let it lead to a file of the repository)
    error U101 .upsun/out.yaml:1:1: `.upsun/out.yaml` cannot be read: it leads outside the repository (Upsun sees only what is in the repository: replace the link by the file)
    error U101 .upsun/round.yaml:1:1: `.upsun/round.yaml` cannot be read: it is a symbolic link that leads to itself (Upsun sees only what is in the repository: replace the link by the file)
    warning U126 .upsun/same.yml:2:3: the application `app` is also in .upsun/config.yaml:2, and this later file replaces it entirely (files are read in the order of their names; keep one of the two)
    ");
}

#[test]
fn names_of_files_are_told_without_their_control_characters() {
    let repo = one(APP);
    for name in ["a\u{1b}.yaml", "a\u{7}.yaml"] {
        std::fs::write(repo.path().join(".upsun").join(name), "typ: 1\n").unwrap();
    }
    let loaded = repo.load();
    insta::assert_snapshot!(list(&loaded), @r"
    error U121 .upsun/a�.yaml:1:1: unknown top-level key `typ` (the top-level keys are `applications`, `services`, `routes`)
    error U121 .upsun/a�.yaml�:1:1: unknown top-level key `typ` (the top-level keys are `applications`, `services`, `routes`)
    ");
    // Both texts are kept, although their names look the same.
    assert_eq!(loaded.texts.len(), 3);
}

#[test]
fn many_errors_are_counted_and_not_all_listed() {
    let mut text = APP.to_owned();
    for index in 0..2_000 {
        let _ = writeln!(text, "    unknown{index}: x");
    }
    let loaded = one(&text).load();
    assert_eq!(loaded.problems.len(), 501);
    let last = loaded.problems.last().unwrap();
    assert_eq!(
        (last.code, &*last.message),
        ("U100", "and 1500 more errors")
    );
}

/// What would take forever if each part of it were held against each other part.
#[test]
fn long_lists_of_anything_take_a_moment() {
    let lines =
        |count: usize, line: &dyn Fn(usize) -> String| -> String { (0..count).map(line).collect() };
    let keys = |indent: &str| lines(15_000, &|index| format!("{indent}k{index}: 1\n"));
    let texts = [
        format!(
            ".a: &a\n{}{APP}    variables:\n      env:\n        <<: *a\n{}",
            keys("  "),
            lines(15_000, &|index| format!("        j{index}: 1\n")),
        ),
        format!(
            "{APP}    variables:\n      env:\n{}    workers:\n      w:\n        commands: {{ start: x }}\n        variables:\n          env:\n{}",
            keys("        "),
            keys("            "),
        ),
        format!(
            "{{ applications: {{ {} }} }}\n",
            lines(5_000, &|index| format!(
                "a{index}: {{ type: \"nodejs:24\", timezone: \"ä\" }}, "
            ))
        ),
        format!(
            "{APP}    hooks:\n      deploy: |\n{}",
            lines(10_000, &|_| "        next build; source x\n".to_owned())
        ),
        format!("{APP}    hooks: {{ build: '{}' }}\n", "(".repeat(300_000)),
        format!(
            "{APP}    crons: {{ a: {{ spec: '{}* * * * *', commands: {{ start: x }} }} }}\n",
            "*,".repeat(300_000)
        ),
        format!(
            "{APP}routes:\n  \"https://{{default}}/\": {{ type: redirect, to: \"https://x{}\" }}\n",
            "/a".repeat(300_000)
        ),
        format!(
            "{APP}routes:\n{}",
            lines(5_000, &|index| format!(
                "  \"https://r{index}.x/\": {{ type: redirect, to: \"https://r{}.x/\" }}\n",
                (index + 1) % 5_000
            ))
        ),
        format!(
            "applications:\n{}",
            lines(500, &|index| format!(
                "  a{index}: {{ type: \"nodejs:24\", relationships: {{ {} }} }}\n",
                lines(100, &|other| format!(
                    "r{other}: \"a{}:http\", ",
                    (index + other) % 500
                ))
            ))
        ),
    ];
    for text in texts {
        // A square of these numbers would take so long that the tests' runner gives it up.
        one(&text).load();
    }
}

/// The parser may point at blanks at the end of a line, which are not part of what is shown of it.
#[test]
fn a_mistake_in_blanks_at_the_end_of_a_line_is_told() {
    for text in [
        "*",
        "&",
        "@",
        "%",
        "k: @",
        "k: *",
        "%a\n*]@",
        "- %",
        "a: b: ",
        "a: : ",
        "\"a\" b",
        "[a",
        "? ",
        "%[? \n*]@@op:i#1b\\\t2\"\"(+a\"",
        "\"\\",
        "k: |9",
        "%YAML",
        "--- %",
    ] {
        for blanks in ["", " ", "\t", "\r", "\u{a0}", "\u{2003}", " \u{2003}\t "] {
            for end in ["", "\n", "\nb: c\n"] {
                soundness::check(format!("{text}{blanks}{end}").as_bytes());
            }
        }
    }
}
