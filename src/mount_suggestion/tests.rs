use super::*;
use crate::config::Config;
use crate::config::app::App;
use crate::event::Refusal;

/// Files of paths and stamps; a path that ends in `/` is a directory, one that ends in `=` a socket. Another stamp is
/// another file, one that begins with a known stamp the same file changed: `1` and `1+`.
fn files(list: &[(&str, &str)]) -> Files {
    let mut text = String::new();
    for (path, stamp) in list {
        let (mode, path) = match path.strip_suffix('/') {
            Some(path) => ("41ed", path),
            None => match path.strip_suffix('=') {
                Some(path) => ("c1ed", path),
                None => ("81a4", *path),
            },
        };
        let birth = stamp.trim_end_matches(['+', '~']);
        let modified = stamp.trim_end_matches('~');
        text.push_str(&format!(
            "{mode} 10 {stamp} {modified} {birth} 1 ./{path}\0"
        ));
        for parent in ancestors(path) {
            let is_listed = list.iter().any(|(other, _)| *other == format!("{parent}/"));
            if !is_listed {
                text.push_str(&format!("41ed 4096 1 1 1 1 ./{parent}\0"));
            }
        }
    }
    Files::parse(&text)
}

/// What `after` says of files: `-path` is gone, `+path` was added to, all others are made.
fn changed<'a>(before: &[(&'a str, &'a str)], after: &[&'a str]) -> Files {
    let mut all: BTreeMap<&str, &str> = before.iter().copied().collect();
    for path in after {
        match (path.strip_prefix('-'), path.strip_prefix('+')) {
            (Some(path), _) => {
                all.remove(path);
            }
            (_, Some(path)) => {
                all.insert(path, "1+");
            }
            _ => {
                all.insert(path, "2");
            }
        }
    }
    let after: Vec<(&str, &str)> = all.into_iter().collect();
    files(&after)
}

fn app(mounts: &str) -> Config {
    let text = format!("applications:\n  app:\n    type: nodejs:24\n    mounts: {{{mounts}}}\n");
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join(".upsun")).unwrap();
    std::fs::write(root.path().join(".upsun/config.yaml"), text).unwrap();
    crate::config::load(root.path()).config.unwrap()
}

fn of<'a>(config: &'a Config, is_tracked: &'a (dyn Fn(&str) -> bool + Sync)) -> Known<'a> {
    let app: &App = &config.apps["app"];
    Known::of(config, app, None, is_tracked)
}

fn with(before: &[(&str, &str)], after: &[&str], mounts: &str) -> Suggestion {
    let config = app(mounts);
    let (built, ended) = (files(before), changed(before, after));
    let listings = Listings {
        built: &built,
        begun: &built,
        ended: &ended,
    };
    suggest(&listings, &of(&config, &|_| false), &[])
}

fn mounts(suggestion: &Suggestion) -> Vec<(&str, &str)> {
    let mounts = suggestion.mounts.iter();
    mounts
        .map(|mount| (mount.path.as_str(), mount.source.as_ref()))
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
    assert_eq!(with(BUILD, &[], ""), Suggestion::default());
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
    let found = with(BUILD, &all, "");
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
        "",
    );
    assert_eq!(
        mounts(&found),
        [
            ("var/cache", "tmp"),
            ("var/data", "storage"),
            ("var/log", "instance"),
        ]
    );
    let found = with(BUILD, &["deep/er/and/a", "deep/er/b/c"], "");
    assert_eq!(mounts(&found), [("deep", "storage")]);
}

#[test]
fn what_a_mount_would_hide_is_told() {
    let found = with(BUILD, &["src/pages/new.js", "top.txt", "package.json"], "");
    assert_eq!(found.mounts, []);
    let hides = Reason::Hides {
        directory: "src/pages".to_owned(),
        files: 1,
        some: vec!["src/pages/a.js".to_owned()],
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
    let found = with(&before, &after, "");
    assert_eq!(mounts(&found), [("data", "storage"), ("public", "storage")]);
    assert_eq!((found.mounts[0].hides, found.mounts[1].hides), (0, 4));
}

#[test]
fn mounts_that_are_there_are_left_alone_and_not_mounted_over() {
    let found = with(
        BUILD,
        &["data/x", "var/kept/y", "var/z", "var/new/z"],
        "data: {source: storage}, var/kept: {source: tmp}",
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
        "",
    );
    assert_eq!((found.mounts, found.elsewhere), (Vec::new(), Vec::new()));
    assert!(found.wrote);
}

#[test]
fn a_cache_that_the_build_filled_may_be_hidden() {
    let before = [
        (".npm/_cacache/a", "1"),
        (".npm/_cacache/b", "1"),
        ("vendor/cache/c", "1"),
        ("vendor/lib.php", "1"),
    ];
    let found = with(&before, &[".npm/_npx/x", "vendor/cache/d"], "");
    assert_eq!(mounts(&found), [(".npm", "tmp"), ("vendor/cache", "tmp")]);
    assert_eq!(found.mounts[0].hides, 2);
}

#[test]
fn directories_that_wait_for_files_keep_their_parents_from_becoming_mounts() {
    let before = [
        ("bootstrap/cache/.gitignore", "1"),
        ("storage/framework/views/.gitignore", "1"),
        ("storage/framework/sessions/.gitignore", "1"),
        ("storage/logs/.gitignore", "1"),
        ("made/by/hook/", "1"),
        ("made/at/", "1"),
        ("plain/.gitkeep", "1"),
    ];
    let after = [
        "bootstrap/cache/packages.php",
        "storage/framework/views/1.php",
        "storage/logs/laravel.log",
        "storage/exports/x.csv",
        "made/at/x",
        "plain/new/x",
    ];
    let found = with(&before, &after, "");
    assert_eq!(
        mounts(&found),
        [
            ("bootstrap/cache", "tmp"),
            ("made/at", "storage"),
            ("plain", "storage"),
            ("storage/exports", "storage"),
            ("storage/framework/views", "storage"),
            ("storage/logs", "instance"),
        ]
    );
    // What is written beside them can be on no mount.
    let found = with(&before, &["storage/framework/down"], "");
    assert_eq!(found.mounts, []);
    assert!(
        matches!(&found.elsewhere[0].reason, Reason::Hides { directory, files: 2, .. } if directory == "storage/framework"),
        "{found:?}"
    );
}

#[test]
fn a_cache_is_not_widened_to_what_is_around_it() {
    let found = with(
        BUILD,
        &["var/cache/prod/a.php", "var/cache/prod/b/c.php"],
        "",
    );
    assert_eq!(mounts(&found), [("var/cache", "tmp")]);
    let found = with(BUILD, &["var/log/prod/a", "var/log/b"], "");
    assert_eq!(mounts(&found), [("var/log", "instance")]);
    let found = with(BUILD, &["a/b/c", "a/d/e"], "");
    assert_eq!(mounts(&found), [("a", "storage")]);
}

#[test]
fn smaller_and_larger_mounts_are_there_to_be_tried() {
    fn layouts(found: &Suggestion) -> Vec<Vec<(String, &str)>> {
        let all = found.alternatives.iter();
        all.map(|mounts| {
            let mounts = mounts.iter();
            mounts
                .map(|mount| (mount.path.clone(), mount.source.as_ref()))
                .collect()
        })
        .collect()
    }
    let place = |path: &str, source| (path.to_owned(), source);
    let found = with(BUILD, &["out/a/x", "out/b/y"], "");
    assert_eq!(mounts(&found), [("out", "storage")]);
    assert_eq!(
        layouts(&found),
        [vec![place("out/a", "storage"), place("out/b", "storage")]]
    );
    // Nothing can be renamed from the cache into the rest.
    let found = with(BUILD, &["var/cache/a", "var/data/b"], "");
    assert_eq!(layouts(&found), [vec![place("var", "storage")]]);
    // Placeholders may be hidden at last.
    let found = with(&[("data/a/.gitkeep", "1")], &["data/b/x"], "");
    assert_eq!(mounts(&found), [("data/b", "storage")]);
    assert_eq!(layouts(&found), [vec![place("data", "storage")]]);
    // Code may not.
    let found = with(BUILD, &["src/new/x"], "");
    assert_eq!(layouts(&found), [] as [Vec<(String, &str)>; 0]);
}

#[test]
fn what_is_hidden_is_told_by_name() {
    let before = [("vendor/cache/a", "1"), ("vendor/cache/b", "1")];
    let found = with(&before, &["vendor/cache/c"], "");
    assert_eq!(found.mounts[0].hides, 2);
    assert_eq!(found.mounts[0].hidden, ["vendor/cache/a", "vendor/cache/b"]);
}

#[test]
fn what_is_only_changed_is_not_made_anew() {
    let before = [("conf/settings.txt", "1"), ("conf/old", "1")];
    for after in [
        ["+conf/settings.txt", "conf/new"],
        ["-conf/old", "conf/new"],
    ] {
        let found = with(&before, &after, "");
        assert_eq!(found.mounts, [], "{after:?}");
    }
    let found = with(&[("conf/old", "1")], &["-conf/old"], "");
    assert_eq!(found.mounts, []);
    let hides = &found.elsewhere[0].reason;
    assert!(matches!(hides, Reason::Hides { files: 1, .. }), "{found:?}");
}

#[test]
fn a_cache_of_the_repository_is_not_hidden() {
    let config = app("");
    let before = [("src/cache/index.js", "1"), ("src/a", "1")];
    let (built, ended) = (files(&before), changed(&before, &["src/cache/x"]));
    let listings = Listings {
        built: &built,
        begun: &built,
        ended: &ended,
    };
    let found = suggest(&listings, &of(&config, &|_| true), &[]);
    assert_eq!(found.mounts, []);
    let found = suggest(&listings, &of(&config, &|_| false), &[]);
    assert_eq!(mounts(&found), [("src/cache", "tmp")]);
}

#[test]
fn what_was_made_and_removed_and_a_directory_that_was_changed_are_told() {
    let before = [("src/", "1"), ("src/a", "1"), ("lib/", "1"), ("lib/a", "1")];
    let after = [
        ("src/", "1+"),
        ("src/a", "1"),
        ("lib/", "1~"),
        ("lib/a", "1"),
    ];
    let config = app("");
    let (built, ended) = (files(&before), files(&after));
    let listings = Listings {
        built: &built,
        begun: &built,
        ended: &ended,
    };
    let found = suggest(&listings, &of(&config, &|_| false), &[]);
    assert_eq!(found.mounts, []);
    let found: Vec<_> = found
        .elsewhere
        .into_iter()
        .map(|one| (one.path, one.reason))
        .collect();
    let expected = [
        ("/app/lib".to_owned(), Reason::OfBuild),
        ("/app/src".to_owned(), Reason::MadeAndRemoved),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_new_mount_never_shows_the_files_of_another_one() {
    let room = |there: &str, path: &str| {
        let config = app(there);
        of(&config, &|_| false).room(path, "storage")
    };
    let other = |name: &str| Room::Other(name.to_owned());
    for (there, path, expected) in [
        ("uploads: {source: storage}", "out", Room::Own),
        (
            "uploads: {source: storage, source_path: out}",
            "out",
            other("out-2"),
        ),
        (
            "uploads: {source: storage, source_path: out/deep}",
            "out",
            other("out-2"),
        ),
        (
            "uploads: {source: storage, source_path: out}",
            "out/deep",
            other("out-deep"),
        ),
        (
            "a: {source: storage, source_path: out}, b: {source: storage, source_path: out-2}",
            "out",
            other("out-3"),
        ),
        (
            "uploads: {source: instance, source_path: out}",
            "out",
            Room::Own,
        ),
        (
            "all: {source: storage, source_path: ''}",
            "out",
            Room::Nowhere("all".to_owned()),
        ),
        ("var/cache: {source: storage}", "var", Room::Own),
        (
            "var/cache: {source: storage, source_path: var}",
            "var",
            other("var-2"),
        ),
    ] {
        assert_eq!(room(there, path), expected, "{path} beside {there}");
    }
    let found = with(
        BUILD,
        &["out/a"],
        "uploads: {source: storage, source_path: out}",
    );
    assert_eq!(found.mounts[0].source_path.as_deref(), Some("out-2"));
    let found = with(BUILD, &["out/a"], "all: {source: storage, source_path: ''}");
    assert_eq!(found.mounts, []);
    assert!(
        matches!(found.elsewhere[0].reason, Reason::Shown { .. }),
        "{found:?}"
    );
}

#[test]
fn a_mount_may_hold_another_one_of_its_own_source() {
    let found = with(BUILD, &["var/b"], "var/kept: {source: storage}");
    assert_eq!(mounts(&found), [("var", "storage")]);
    let found = with(BUILD, &["var/b"], "var/kept: {source: tmp}");
    assert_eq!(found.mounts, []);
    let holds = Reason::HoldsMount {
        directory: "var".to_owned(),
    };
    assert_eq!(found.elsewhere[0].reason, holds);
}

#[test]
fn a_mount_beside_others_is_not_put_around_them() {
    let there = "var/kept: {source: storage}, var/log: {source: storage}";
    let before = [("var/kept/x", "1"), ("var/log/.gitignore", "1")];
    let found = with(&before, &["var/exports/a.csv"], there);
    assert_eq!(mounts(&found), [("var/exports", "storage")]);
    // Right beside them there is no other way, and what is on them is not hidden.
    let found = with(&before, &["var/a.csv"], there);
    assert_eq!(mounts(&found), [("var", "storage")]);
    assert_eq!(
        (found.mounts[0].hides, &found.mounts[0].hidden),
        (0, &Vec::new())
    );
}

#[test]
fn a_file_of_the_repository_is_not_hidden_although_it_was_made_anew() {
    let config = app("");
    let before = [("conf/app.php", "1"), ("made/a", "1")];
    let (built, ended) = (
        files(&before),
        changed(&before, &["conf/app.php", "made/a"]),
    );
    let listings = Listings {
        built: &built,
        begun: &built,
        ended: &ended,
    };
    let is_tracked = |path: &str| path == "conf/app.php";
    let found = suggest(&listings, &of(&config, &is_tracked), &[]);
    assert_eq!(mounts(&found), [("made", "storage")]);
    let Reason::Hides { some, files: 1, .. } = &found.elsewhere[0].reason else {
        panic!("{found:?}");
    };
    assert_eq!(some, &["conf/app.php"]);
}

#[test]
fn a_name_that_no_mount_can_have_spoils_no_other() {
    let found = with(BUILD, &["bad\u{FFFD}/x", "out/\u{FFFD}", "od\u{7}d/x"], "");
    assert_eq!(mounts(&found), [("out", "storage")]);
    let reasons: Vec<_> = found.elsewhere.iter().map(|one| &one.reason).collect();
    assert_eq!(reasons, [&Reason::Name, &Reason::Name]);
}

#[test]
fn what_the_app_wrote_before_is_its_own() {
    let config = app("");
    let built = files(&[("src/a", "1")]);
    let begun = files(&[("src/a", "1"), ("own/x", "2"), ("both/x", "2")]);
    let ended = files(&[
        ("src/a", "1"),
        ("own/x", "2"),
        ("both/x", "2"),
        ("both/y", "3"),
    ]);
    let listings = Listings {
        built: &built,
        begun: &begun,
        ended: &ended,
    };
    let found = suggest(&listings, &of(&config, &|_| false), &[]);
    let writers: Vec<_> = found
        .mounts
        .iter()
        .map(|one| (one.path.as_str(), one.writer))
        .collect();
    assert_eq!(writers, [("both", Writer::Operation), ("own", Writer::App)]);
}

#[test]
fn what_is_only_refused_with_the_mounts_is_added_when_nothing_is_hidden() {
    let config = app("data: {source: storage}");
    let built = files(BUILD);
    let ended = changed(BUILD, &["lnk", "pub/f"]);
    let another = |path: &str, mount: Option<&str>| {
        let refused = ReadOnlyWrite {
            path: Some(path.to_owned()),
            mount: mount.map(str::to_owned),
            ..ReadOnlyWrite::of(Refusal::NoMount)
        };
        let known = of(&config, &|_| false);
        let listings = Listings {
            built: &built,
            begun: &built,
            ended: &ended,
        };
        let found = suggest_another(&refused, &[], &listings, &known);
        found.map(|mount| (mount.path, mount.source))
    };
    let mount = |path: &str, source: &'static str| Some((path.to_owned(), source.into()));
    assert_eq!(
        another("/app/later/x", Some("later")),
        mount("later", "storage")
    );
    assert_eq!(
        another("/app/src/__pycache__/a.pyc", None),
        mount("src/__pycache__", "tmp")
    );
    assert_eq!(another("/app/src/pages/b.js", None), None);
    assert_eq!(another("/app/package.json", None), None);
    assert_eq!(another("/app/data/x", Some("data")), None);
    // What the operation made a file or a link is no directory.
    assert_eq!(another("/app/lnk", Some("lnk")), None);
    assert_eq!(another("/app/lnk/x", Some("lnk")), None);
    assert_eq!(
        another("/app/pub/f/x/y", Some("pub")),
        mount("pub", "storage")
    );
}

#[test]
fn what_is_outside_is_told() {
    let outside = ["/var/tmp/x".to_owned()];
    let config = app("");
    let none = Files::default();
    let listings = Listings {
        built: &none,
        begun: &none,
        ended: &none,
    };
    let found = suggest(&listings, &of(&config, &|_| false), &outside);
    assert_eq!(found.elsewhere[0].reason, Reason::OutsideApp);
}

#[test]
fn names_of_any_kind_and_broken_lists_do_no_harm() {
    let text = "81a4 1 2.3 2 1 4 ./a b\nc\081a4 x\0\0x 1\081a4 1 2 2 - 3 ./d/e\0";
    let files = Files::parse(text);
    let names: Vec<&str> = files.0.keys().map(String::as_str).collect();
    assert_eq!(names, ["a b\nc", "d/e"]);
}
