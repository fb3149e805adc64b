use super::*;

/// Files of paths and stamps; a path that ends in `/` is a directory, one that ends in `=` a socket.
fn files(list: &[(&str, &str)]) -> Files {
    let mut text = String::new();
    for (path, stamp) in list {
        let (kind, path) = match path.strip_suffix('/') {
            Some(path) => ('d', path),
            None => match path.strip_suffix('=') {
                Some(path) => ('s', path),
                None => ('f', *path),
            },
        };
        text.push_str(&format!("{kind} 10 {stamp} 1 {path}\0"));
        for parent in ancestors(path) {
            text.push_str(&format!("d 4096 {stamp} 1 {parent}\0"));
        }
    }
    Files::parse(&text)
}

fn with(before: &[(&str, &str)], after: &[&str], mounts: &[&str]) -> Suggestion {
    let mut all: BTreeMap<&str, &str> = before.iter().copied().collect();
    for path in after {
        match path.strip_prefix('-') {
            Some(path) => {
                all.remove(path);
            }
            None => {
                all.insert(path, "2");
            }
        }
    }
    let after: Vec<(&str, &str)> = all.into_iter().collect();
    let mounts: Vec<String> = mounts.iter().map(|&path| path.to_owned()).collect();
    suggest(&files(before), &files(&after), &mounts, &[])
}

fn mounts(suggestion: &Suggestion) -> Vec<(&str, &str)> {
    let mounts = suggestion.mounts.iter();
    mounts
        .map(|mount| (mount.path.as_str(), mount.source))
        .collect()
}

const BUILD: &[(&str, &str)] = &[
    ("package.json", "1"),
    ("src/index.js", "1"),
    ("src/pages/a.js", "1"),
    ("node_modules/next/a.js", "1"),
    ("node_modules/next/b.js", "1"),
    ("data/.gitkeep", "1"),
];

#[test]
fn nothing_written_needs_nothing() {
    assert_eq!(with(BUILD, &[], &[]), Suggestion::default());
}

#[test]
fn new_directories_are_suggested_at_their_top_with_the_source_that_fits() {
    let all = [
        ".next/BUILD_ID",
        ".next/cache/webpack/1",
        ".next/server/app.js",
        ".cache/x/y",
        "logs/a",
        "node_modules/.cache/babel/1",
        "empty/",
        ".pm2/rpc.sock=",
        "out/a.log",
        "out/b.pid",
    ];
    let found = with(BUILD, &all, &[]);
    assert_eq!(
        mounts(&found),
        [
            (".cache", "tmp"),
            (".next", "storage"),
            (".pm2", "instance"),
            ("empty", "storage"),
            ("logs", "instance"),
            ("node_modules/.cache", "tmp"),
            ("out", "instance"),
        ]
    );
    assert_eq!(found.elsewhere, []);
    let next = &found.mounts[1];
    assert_eq!((next.files, next.bytes, next.hides), (3, 30, 0));
}

#[test]
fn results_caches_and_logs_side_by_side_are_kept_apart() {
    let found = with(
        BUILD,
        &["var/cache/a", "var/log/b", "var/data/c", "var/data/d/e"],
        &[],
    );
    assert_eq!(
        mounts(&found),
        [
            ("var/cache", "tmp"),
            ("var/data", "storage"),
            ("var/log", "instance"),
        ]
    );
    let found = with(BUILD, &["deep/er/and/a", "deep/er/b/c"], &[]);
    assert_eq!(mounts(&found), [("deep", "storage")]);
}

#[test]
fn what_a_mount_would_hide_is_told() {
    let found = with(BUILD, &["src/pages/new.js", "top.txt", "package.json"], &[]);
    assert_eq!(found.mounts, []);
    let hides = Reason::Hides {
        directory: "src/pages".to_owned(),
        files: 1,
    };
    let expected = [
        ("/app/package.json", Reason::FileAtTop),
        ("/app/src/pages/new.js", hides),
        ("/app/top.txt", Reason::FileAtTop),
    ];
    let found: Vec<_> = found
        .elsewhere
        .into_iter()
        .map(|one| (one.path, one.reason))
        .collect();
    assert_eq!(found, expected.map(|(path, why)| (path.to_owned(), why)));
}

#[test]
fn a_directory_that_was_made_anew_or_only_waited_for_files_is_a_mount() {
    let before = [
        ("public/a", "1"),
        ("public/b", "1"),
        ("public/sub/c", "1"),
        ("public/sub/d", "1"),
        ("public/e", "1"),
        ("data/.gitkeep", "1"),
    ];
    let after = [
        "public/a",
        "public/b",
        "-public/sub/c",
        "public/sub/d",
        "public/new",
        "data/x",
    ];
    let found = with(&before, &after, &[]);
    assert_eq!(mounts(&found), [("data", "storage"), ("public", "storage")]);
    assert_eq!((found.mounts[0].hides, found.mounts[1].hides), (0, 5));
}

#[test]
fn mounts_that_are_there_are_left_alone_and_not_mounted_over() {
    let found = with(
        BUILD,
        &["data/x", "var/kept/y", "var/z", "var/new/z"],
        &["data", "var/kept"],
    );
    assert_eq!(mounts(&found), [("var/new", "storage")]);
    assert_eq!(found.elsewhere.len(), 1, "{found:?}");
    assert_eq!(found.elsewhere[0].path, "/app/var/z");
}

#[test]
fn what_programs_do_without_is_no_reason_for_a_mount() {
    let found = with(
        BUILD,
        &[
            "src/__pycache__/a.pyc",
            "lib/__pycache__/b.pyc",
            ".npm/_logs/a-debug-0.log",
        ],
        &[],
    );
    assert_eq!(found, Suggestion::default());
}

#[test]
fn a_cache_that_the_build_filled_may_be_hidden() {
    let before = [
        (".npm/_cacache/a", "1"),
        (".npm/_cacache/b", "1"),
        ("vendor/cache/c", "1"),
        ("vendor/lib.php", "1"),
    ];
    let found = with(&before, &[".npm/_npx/x", "vendor/cache/d"], &[]);
    assert_eq!(mounts(&found), [(".npm", "tmp"), ("vendor/cache", "tmp")]);
    assert_eq!(found.mounts[0].hides, 2);
}

#[test]
fn what_is_outside_is_told() {
    let outside = ["/var/tmp/x".to_owned()];
    let found = suggest(&Files::default(), &Files::default(), &[], &outside);
    assert_eq!(found.elsewhere[0].reason, Reason::OutsideApp);
}

#[test]
fn names_of_any_kind_and_broken_lists_do_no_harm() {
    let text = "f 1 2.3 4 a b\nc\0f x\0\0f 1 2 3 d/e\0";
    let files = Files::parse(text);
    let names: Vec<&str> = files.0.keys().map(String::as_str).collect();
    assert_eq!(names, ["a b\nc", "d/e"]);
}
