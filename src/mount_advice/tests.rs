use super::place::{Question, parse, questions};
use super::*;

/// What is found in a container that has these files in `/app`; a path that ends in `/` is a directory.
fn found(path: &str, what: What, files: &[&str], is_relative: bool) -> Located {
    let is_directory = |wanted: &str| {
        let below = format!("{wanted}/");
        ["", "/app", "/etc"].contains(&wanted)
            || files
                .iter()
                .any(|file| format!("/app/{file}").starts_with(&below))
    };
    let looked_up = match what {
        What::Entry => path.rsplit_once('/').map_or("", |(parent, _)| parent),
        _ => path,
    };
    let mut directory = looked_up.to_owned();
    let mut rest = Vec::new();
    while !is_directory(&directory) {
        let (parent, name) = directory.rsplit_once('/').unwrap_or_default();
        rest.insert(0, name.to_owned());
        directory = parent.to_owned();
    }
    let below = format!("{directory}/");
    let files: Vec<String> = files
        .iter()
        .map(|file| format!("/app/{file}"))
        .filter_map(|file| file.strip_prefix(&below).map(str::to_owned))
        .filter(|file| !file.is_empty() && !file.ends_with('/'))
        .collect();
    Located {
        path: path.to_owned(),
        is_relative,
        is_file: rest.len() == 1 && files.contains(&rest[0]),
        directory,
        rest,
        is_read_only: true,
        files,
    }
}

fn candidate(complaint: Complaint, path: &str, what: What) -> Candidate {
    Candidate {
        complaint,
        path: path.to_owned(),
        what,
    }
}

/// An app like one of Laravel's, with a mount and with directories of its build.
const APP: &[&str] = &[
    "artisan",
    "bootstrap/app.php",
    "bootstrap/cache/.gitignore",
    "config/sync/.gitkeep",
    "data/kept/",
    "generated/all/.gitkeep",
    "generated/some/.gitkeep",
    "node_modules/.cache/babel/1",
    "node_modules/next/a.js",
    "public/index.php",
    "public/site.css",
    "storage/framework/views/.gitignore",
    "storage/logs/.gitignore",
    "var/x",
    "vendor/bin/drush",
];

const MOUNTS: &[&str] = &["var", "data/kept", "storage/logs"];

fn mounts() -> Vec<String> {
    MOUNTS.iter().map(|mount| (*mount).to_owned()).collect()
}

fn decided(complaint: Complaint, path: &str, what: What) -> Option<ReadOnlyWrite> {
    let mounts = mounts();
    let around = Around {
        mounts: &mounts,
        is_tracked: &|path| !path.starts_with("node_modules") && APP.contains(&path),
        under: &|below| {
            let below = format!("{below}/");
            let all = APP.iter().filter(|file| file.starts_with(&below));
            UnderMount {
                some_directories: all
                    .filter_map(|file| Some(file.rsplit_once('/')?.0.to_owned()))
                    .collect(),
                ..UnderMount::default()
            }
        },
    };
    decide(
        &candidate(complaint, path, what),
        &found(path, what, APP, false),
        &around,
    )
}

#[test]
fn a_mount_is_as_small_as_it_may_be_and_has_the_source_that_fits() {
    use What::{Directory, Entry, Unknown};
    for (path, what, mount, source, cause) in [
        // What is not there hides nothing.
        (
            "/app/.next",
            Directory,
            Some(".next"),
            Some("storage"),
            Refusal::NoMount,
        ),
        (
            "/app/.next/trace",
            Unknown,
            Some(".next"),
            Some("storage"),
            Refusal::NoMount,
        ),
        (
            "/app/.cache/a/b",
            Directory,
            Some(".cache"),
            Some("tmp"),
            Refusal::NoMount,
        ),
        (
            "/app/work/cache/prod",
            Directory,
            Some("work/cache"),
            Some("tmp"),
            Refusal::NoMount,
        ),
        (
            "/app/work/data/logs",
            Unknown,
            Some("work"),
            Some("storage"),
            Refusal::NoMount,
        ),
        (
            "/app/.pm2/pm2.log",
            Entry,
            Some(".pm2"),
            Some("instance"),
            Refusal::NoMount,
        ),
        (
            "/app/storage/exports",
            Directory,
            Some("storage/exports"),
            Some("storage"),
            Refusal::NoMount,
        ),
        (
            "/app/public/uploads/images",
            Directory,
            Some("public/uploads"),
            Some("storage"),
            Refusal::NoMount,
        ),
        (
            "/app/vendor/x/f",
            Unknown,
            Some("vendor/x"),
            Some("storage"),
            Refusal::NoMount,
        ),
        // Directories that only wait for files.
        (
            "/app/bootstrap/cache",
            Directory,
            Some("bootstrap/cache"),
            Some("tmp"),
            Refusal::NoMount,
        ),
        (
            "/app/bootstrap/cache/services.php",
            Entry,
            Some("bootstrap/cache"),
            Some("tmp"),
            Refusal::NoMount,
        ),
        (
            "/app/config/sync/a.yml",
            Entry,
            Some("config/sync"),
            Some("storage"),
            Refusal::NoMount,
        ),
        // A cache that the build filled is made again.
        (
            "/app/node_modules/.cache/x",
            Entry,
            Some("node_modules/.cache"),
            Some("tmp"),
            Refusal::NoMount,
        ),
        // The app's own files are never hidden.
        ("/app/public/storage", Entry, None, None, Refusal::Hides),
        (
            "/app/public/sitemap.xml",
            Unknown,
            None,
            None,
            Refusal::Hides,
        ),
        (
            "/app/bootstrap/app.php",
            Unknown,
            None,
            None,
            Refusal::Hides,
        ),
        ("/app/bootstrap/sedXYZ", Entry, None, None, Refusal::Hides),
        ("/app/vendor", Directory, None, None, Refusal::Hides),
        ("/app/node_modules/x", Entry, None, None, Refusal::Hides),
        // Mounts that are there.
        ("/app/data/f.txt", Unknown, None, None, Refusal::HoldsMount),
        (
            "/app/data/other",
            Unknown,
            Some("data/other"),
            Some("storage"),
            Refusal::NoMount,
        ),
        ("/app/var/x", Unknown, None, None, Refusal::OnMount),
        // Where mounts do not help.
        ("/app/out.txt", Unknown, None, None, Refusal::FileAtTop),
        ("/app/sedccpA2o", Entry, None, None, Refusal::FileAtTop),
        ("/app/.bashrc", Unknown, None, None, Refusal::FileAtTop),
        ("/app/.env", Unknown, None, None, Refusal::FileAtTop),
        ("/app/artisan", Unknown, None, None, Refusal::FileAtTop),
        ("/etc/x", Unknown, None, None, Refusal::OutsideApp),
    ] {
        let advice = decided(Complaint::ReadOnly, path, what).unwrap_or_else(|| panic!("{path}"));
        let found = (
            advice.mount.as_deref(),
            advice.source.as_deref(),
            advice.cause,
        );
        assert_eq!(found, (mount, source, cause), "{path}");
        assert_eq!(advice.path.as_deref(), Some(path));
    }
}

#[test]
fn what_a_mount_would_hide_is_told_and_what_has_to_be_made_on_it() {
    let advice = decided(Complaint::ReadOnly, "/app/public/s.xml", What::Entry).unwrap();
    let hides = advice.hides.unwrap();
    assert_eq!((hides.directory.as_str(), hides.files), ("public", 2));
    assert_eq!(hides.some, ["public/index.php", "public/site.css"]);
    let advice = decided(
        Complaint::ReadOnly,
        "/app/node_modules/.cache/x",
        What::Entry,
    );
    assert_eq!(advice.unwrap().hides.unwrap().files, 1);
    let advice = decided(Complaint::ReadOnly, "/app/generated/x", What::Entry).unwrap();
    assert_eq!(advice.mount.as_deref(), Some("generated"));
    assert_eq!(advice.directories, ["generated/all", "generated/some"]);
}

#[test]
fn what_a_mount_hides_of_the_build_is_told_when_it_is_missed() {
    let all = [
        "storage/framework/views/.gitignore",
        "storage/logs/.gitignore",
        "storage/x",
    ];
    let mounts = ["storage".to_owned()];
    let around = Around {
        mounts: &mounts,
        is_tracked: &|_| false,
        under: &|_| UnderMount {
            files: 4,
            some_files: [
                "storage/logs/.gitignore",
                "storage/manifest.json",
                "storage/logs/built.txt",
            ]
            .map(str::to_owned)
            .to_vec(),
            some_directories: [
                "storage/framework",
                "storage/framework/views",
                "storage/logs",
            ]
            .map(str::to_owned)
            .to_vec(),
        },
    };
    let look = |path: &str, files: &[&str]| {
        let complaint = candidate(Complaint::Missing, path, What::Entry);
        decide(&complaint, &found(path, What::Entry, files, false), &around)
    };
    // The mount is empty.
    let advice = look("/app/storage/framework/down", &["storage/"]).unwrap();
    assert_eq!(advice.cause, Refusal::HiddenByMount);
    assert_eq!(advice.mount.as_deref(), Some("storage"));
    assert_eq!(
        advice.directories,
        ["storage/framework/views", "storage/logs"]
    );
    let built = advice.hides.unwrap();
    assert_eq!((built.files, built.directory.as_str()), (3, "storage"));
    assert_eq!(
        built.some,
        ["storage/manifest.json", "storage/logs/built.txt"]
    );
    // A file beside them that the build made wants no directory.
    let advice = look("/app/storage/manifest.json/x", &["storage/"]).unwrap();
    assert_eq!(advice.cause, Refusal::HiddenByMount);
    assert_eq!(advice.directories, [""; 0]);
    // It has the directory, or the build has none either.
    assert_eq!(look("/app/storage/framework/down", &all), None);
    assert_eq!(look("/app/storage/other/down", &["storage/"]), None);
    assert_eq!(look("/app/elsewhere/down", &["storage/"]), None);
}

#[test]
fn a_directory_that_was_looked_for_in_vain_is_one_below_the_app() {
    use What::{Directory, Entry, Unknown};
    for (path, what, expected) in [
        ("/app/tmp/x/a.db", Entry, Some("/app/tmp/x")),
        ("/app/tmp/x/a.db", Unknown, Some("/app/tmp/x")),
        ("/app/tmp", Directory, Some("/app/tmp")),
        // Only a file is missing.
        ("/app/config/x.yml", Entry, None),
        ("/app/config/x.yml", Unknown, None),
        ("/etc/none/x", Entry, None),
    ] {
        let found = found(path, what, APP, false).missing_directory(what);
        assert_eq!(found.as_deref(), expected, "{path}");
    }
}

#[test]
fn what_cannot_be_so_is_not_believed() {
    let around = Around {
        mounts: &[],
        is_tracked: &|_| false,
        under: &|_| UnderMount::default(),
    };
    let decide = |what: What, found: &Located| {
        decide(&candidate(Complaint::ReadOnly, "x", what), found, &around)
    };
    // Its directory can be written.
    let mut at = found("/app/out", What::Directory, APP, false);
    at.is_read_only = false;
    assert_eq!(decide(What::Directory, &at), None);
    // The kernel would have said that the directory is not there, so this is relative to another one.
    let at = found("/app/sites/default/x", What::Entry, APP, true);
    assert_eq!(decide(What::Entry, &at), None);
    let at = found("/nowhere/at/all", What::Entry, APP, false);
    assert_eq!(decide(What::Entry, &at), None);
    let mut at = found("/app/x", What::Directory, APP, false);
    at.rest = vec!["..".to_owned(), "x".to_owned()];
    assert_eq!(decide(What::Directory, &at), None);
}

#[test]
fn what_is_not_found_is_said_to_be_unnamed() {
    let around = Around {
        mounts: &[],
        is_tracked: &|_| false,
        under: &|_| UnderMount::default(),
    };
    for (output, cause) in [
        ("mkdir(): Read-only file system", Some(Refusal::Unnamed)),
        (
            "touch: cannot touch 'x': Read-only file system",
            Some(Refusal::Unnamed),
        ),
        ("unable to open database file", Some(Refusal::Unnamed)),
        ("No space left on device", Some(Refusal::DiskFull)),
        ("The directory /app/x is not writable", None),
        ("open '/app/x': No such file or directory", None),
        ("all good", None),
    ] {
        let advice = of(&messages::read(output), &[], &around);
        assert_eq!(advice.map(|advice| advice.cause), cause, "{output}");
    }
}

fn asked(path: &str, what: What, script: &str) -> Vec<(String, String)> {
    let candidates = [candidate(Complaint::ReadOnly, path, what)];
    let all = questions(&candidates, script).into_iter();
    all.map(|question| (question.path, question.looked_up))
        .collect()
}

#[test]
fn relative_paths_are_looked_for_where_the_script_may_have_been() {
    let pair = |path: &str, looked_up: &str| (path.to_owned(), looked_up.to_owned());
    let cases = [
        (
            "/app//a/./b",
            What::Entry,
            "",
            vec![pair("/app/a/b", "/app/a")],
        ),
        (
            "config/../b2",
            What::Entry,
            "",
            vec![pair("/app/config/../b2", "/app/config/..")],
        ),
        (
            "./x",
            What::Entry,
            "set -e; date",
            vec![pair("/app/x", "/app")],
        ),
        (
            "x",
            What::Entry,
            "cd web && date > x",
            vec![pair("/app/x", "/app"), pair("/app/web/x", "/app/web")],
        ),
        (
            "x",
            What::Directory,
            "make -C sub",
            vec![pair("/app/x", "/app/x"), pair("/app/sub/x", "/app/sub/x")],
        ),
        ("x", What::Entry, "cd \"$HOME\"; date > x", vec![]),
        ("x", What::Entry, "cd -; date > x", vec![]),
        (
            "/app/x",
            What::Entry,
            "cd \"$HOME\"",
            vec![pair("/app/x", "/app")],
        ),
    ];
    for (path, what, script, expected) in cases {
        assert_eq!(asked(path, what, script), expected, "{path} in {script}");
    }
}

const TABLE: &str = "\
22 1 0:20 / / ro,relatime - overlay overlay rw\n\
23 22 0:21 / /tmp rw,nosuid - tmpfs tmpfs rw\n\
24 22 8:1 /v /app ro,relatime - ext4 /dev/sda rw\n\
25 24 8:1 /m /app/my\\040data rw,relatime - ext4 /dev/sda rw\n";

fn answered(questions: &[Question], records: &[&str]) -> Vec<(Candidate, Located)> {
    let printed: String = records.iter().map(|record| format!("{record}\0")).collect();
    parse(questions, &format!("{printed}{TABLE}"))
}

#[test]
fn what_was_looked_up_is_read_with_the_mounts() {
    let candidates = [
        candidate(Complaint::ReadOnly, "/app/web/x", What::Entry),
        candidate(Complaint::ReadOnly, "/app/my data/a/b", What::Directory),
    ];
    let questions = questions(&candidates, "");
    let records = [
        "/app/web",
        "",
        "d",
        "./index.php",
        "./a b\nc",
        "",
        "/app/my data",
        "a/b",
        "-",
        "",
    ];
    let found = answered(&questions, &records);
    let [(_, web), (_, data)] = &found[..] else {
        panic!("{found:?}");
    };
    assert!(web.is_read_only && web.rest.is_empty());
    assert_eq!(web.files, ["index.php", "a b\nc"]);
    assert!(!data.is_read_only);
    assert_eq!(data.rest, ["a", "b"]);
    // What is cut off says nothing.
    assert_eq!(parse(&questions, "/app/web\0"), []);
}

#[test]
fn a_path_that_two_directories_could_explain_explains_nothing() {
    let candidates = [candidate(Complaint::ReadOnly, "x", What::Entry)];
    let questions = questions(&candidates, "cd web && date > x");
    let both = ["/app", "", "d", "", "/app/web", "", "d", ""];
    assert_eq!(answered(&questions, &both), []);
    let one = ["/app", "", "d", "", "/tmp", "", "d", ""];
    assert_eq!(answered(&questions, &one).len(), 2);
}
