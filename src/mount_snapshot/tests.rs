use super::*;

/// Directories end with a slash, and `-> x` is a link's target.
fn index(files: &[(&str, &str)]) -> Index {
    let entry = |(path, content): &(&str, &str)| {
        let kind = match (path.strip_suffix('/'), content.strip_prefix("-> ")) {
            (Some(_), _) => Kind::Directory,
            (None, Some(target)) => Kind::Link {
                target: target.to_owned(),
            },
            _ => Kind::File {
                size: content.len() as u64,
                content: crate::project::hash(content.as_bytes()),
            },
        };
        let entry = Entry {
            kind,
            mode: 0o644,
            stat: Stat::default(),
        };
        (path.trim_end_matches('/').to_owned(), entry)
    };
    Index(files.iter().map(entry).collect())
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content.as_bytes())
            .unwrap();
    }
    tar.into_inner().unwrap()
}

/// What files of one archive are found to hold.
fn held(files: &[(&str, &str)]) -> Index {
    let listing = Listing {
        index: index(files),
        unread: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        lost_mounts: Vec::new(),
    };
    read(archive(files).as_slice(), listing).unwrap().0
}

fn taken(index: Index) -> Taken {
    Taken {
        taken_at: "2026-01-01T00:00:00Z".into(),
        mounts: vec!["data".into()],
        index,
    }
}

#[test]
fn what_came_went_and_changed_is_told_by_content() {
    let before = index(&[
        ("data/", ""),
        ("data/a", "1"),
        ("data/b", "x"),
        ("data/c", "same"),
        ("data/l", "-> a"),
    ]);
    let now = index(&[
        ("data/", ""),
        ("data/a", "2"),
        ("data/c", "same"),
        ("data/l", "-> b"),
        ("data/new/", ""),
        ("data/new/f", ""),
    ]);
    let told: Vec<String> = compare(&before, &now)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "M /data/a",
            "D /data/b",
            "M /data/l",
            "A /data/new/",
            "A /data/new/f"
        ]
    );
    assert_eq!(compare(&now, &now), []);
    assert_eq!(before.size(), (3, 6));
}

#[test]
fn what_is_in_a_closed_directory_is_neither_gone_nor_new() {
    let open = index(&[("data/", ""), ("data/d/", ""), ("data/d/a", "1")]);
    let mut closed = index(&[("data/", ""), ("data/d/", "")]);
    closed.0.get_mut("data/d").unwrap().kind = Kind::LockedDirectory;
    let told = |before, now| -> Vec<String> {
        compare(before, now)
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(told(&open, &closed), ["M /data/d/"]);
    assert_eq!(told(&closed, &open), ["M /data/d/"]);
    assert_eq!(blocked(&open, &closed), ["data/d"]);
    assert_eq!(blocked(&closed, &closed), [""; 0]);
    // Nothing is deleted of which it is not known whether it was there.
    let put_back = PutBack::new(&closed, &open, &[], &[]);
    assert_eq!(put_back.lists(&closed)[1..3], [b"", b""]);
}

#[test]
fn a_name_stays_on_its_line() {
    let added = compare(&index(&[]), &index(&[("data/a\nD \u{1b}/b", "")]));
    assert_eq!(added[0].to_string(), "A /data/a\\nD \\u{1b}/b");
}

#[test]
fn only_what_differs_is_put_back() {
    let before = index(&[
        ("data/", ""),
        ("data/changed", "1"),
        ("data/d/", ""),
        ("data/d/gone", "2"),
        ("data/l", "-> a"),
        ("data/same", "3"),
        ("data/touched", "4"),
    ]);
    let mut now = index(&[
        ("data/", ""),
        ("data/changed", "one"),
        ("data/d/", ""),
        ("data/l", "-> b"),
        ("data/n/", ""),
        ("data/n/ew", ""),
        ("data/same", "3"),
        ("data/touched", "4"),
    ]);
    now.0.get_mut("data/touched").unwrap().stat.modified = "5.0".to_owned();
    assert!(!is_same(&before, &now));
    let put_back = PutBack::new(&before, &now, &["data".to_owned()], &[]);
    let [open, delete, directories, set] = put_back.lists(&before);
    // Whoever may not write there is let in.
    assert_eq!(open, b"./data\0./data/d\0./data/n\0");
    assert_eq!(delete, b"./data/l\0./data/n/ew\0");
    assert_eq!(directories, b"./data/n\0");
    assert_eq!(set, b"");
    let all = archive(&[
        ("./data/changed", "1"),
        ("./data/d/gone", "2"),
        ("./data/same", "3"),
        ("./data/touched", "4"),
    ]);
    let mut out = Vec::new();
    put_back
        .write(&before, std::io::Cursor::new(all), &mut out)
        .unwrap();
    let mut written: Vec<String> = tar::Archive::new(out.as_slice())
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    written.sort();
    assert_eq!(
        written,
        [
            "data",
            "data/changed",
            "data/d",
            "data/d/gone",
            "data/l",
            "data/touched"
        ]
    );
    assert!(PutBack::new(&before, &before, &[], &[]).is_nothing());
}

#[test]
fn what_replaced_a_directory_is_deleted_and_not_opened() {
    let before = index(&[
        ("data/", ""),
        ("data/locked", "1"),
        ("data/tree/", ""),
        ("data/tree/sub/", ""),
        ("data/tree/sub/f", "2"),
    ]);
    let replaced = |content: &str| {
        let mut now = index(&[("data/", ""), ("data/locked", "1"), ("data/tree", content)]);
        for entry in now.0.values_mut() {
            entry.mode = match entry.kind {
                Kind::Link { .. } => 0,
                Kind::Directory => 0o755,
                _ => 0o444,
            };
        }
        let put_back = PutBack::new(&before, &now, &["data".to_owned()], &[]);
        put_back.lists(&before)
    };
    for content in ["-> nowhere", "-> /etc", "-> locked", "-> .", "a file"] {
        let [open, delete, directories, _] = replaced(content);
        assert_eq!(open, b"./data/locked\0", "{content}");
        assert_eq!(delete, b"./data/tree\0", "{content}");
        assert_eq!(directories, b"", "{content}");
    }
}

#[test]
fn what_became_another_name_of_a_file_is_not_written_through() {
    let before = index(&[("data/a", "1"), ("data/b", "2")]);
    let mut now = index(&[("data/a", "1"), ("data/b", "1")]);
    for entry in now.0.values_mut() {
        entry.mode = 0o644;
        entry.stat.links = 2;
    }
    now.0.get_mut("data/b").unwrap().stat.inode = 7;
    let put_back = PutBack::new(&before, &now, &[], &[]);
    assert_eq!(put_back.lists(&before)[1], b"./data/b\0");
}

#[test]
fn files_that_became_one_file_are_put_back_as_two() {
    let large = "x".repeat(100_000);
    for content in ["1", &large] {
        let mut before = index(&[("data/a", content), ("data/b", content), ("data/c", "3")]);
        for (inode, entry) in before.0.values_mut().enumerate() {
            entry.stat.inode = inode as u64 + 1;
            entry.stat.links = 1;
        }
        let mut now = before.clone();
        let mut link = |path: &str, inode| {
            let stat = &mut now.0.get_mut(path).unwrap().stat;
            (stat.inode, stat.links) = (inode, 2);
        };
        link("data/a", 1);
        link("data/b", 1);
        assert_eq!(unlike(&before, &now), ["data/b"]);
        assert_eq!(compare(&before, &now)[0].to_string(), "M /data/b");
        assert!(!is_same(&before, &now));
        // Also when only its time tells of it: that of the other name must stay.
        for modified in ["", "5.0"] {
            modified.clone_into(&mut now.0.get_mut("data/b").unwrap().stat.modified);
            let put_back = PutBack::new(&before, &now, &[], &[]);
            let [_, delete, _, set] = put_back.lists(&before);
            assert_eq!(delete, b"./data/b\0");
            assert_eq!(set, b"");
        }
        // Those that were one before may be another one together.
        let mut before = now.clone();
        for entry in before.0.values_mut() {
            entry.stat.inode += 7;
        }
        assert!(is_same(&before, &now));
    }
}

#[test]
fn names_of_any_bytes_and_length_are_put_back() {
    let long = format!("data/{}\\xff", "x".repeat(300));
    let before = index(&[("data/\\xfe", "1"), (&long, "-> ./to//\\xff/")]);
    let put_back = PutBack::new(&before, &index(&[]), &[], &[]);
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..8].copy_from_slice(b"./data/\xfe");
    header.set_size(1);
    header.set_cksum();
    tar.append(&header, b"1".as_slice()).unwrap();
    let all = std::io::Cursor::new(tar.into_inner().unwrap());
    let mut out = Vec::new();
    put_back.write(&before, all, &mut out).unwrap();
    let mut written = tar::Archive::new(out.as_slice());
    let mut entries = written.entries().unwrap();
    let link = entries.next().unwrap().unwrap();
    assert!(link.path_bytes().ends_with(b"xxx\xff"));
    assert_eq!(
        link.link_name_bytes().unwrap().as_ref(),
        b"./to//\xff/".as_slice()
    );
    let file = entries.next().unwrap().unwrap();
    assert_eq!(file.path_bytes().as_ref(), b"data/\xfe".as_slice());
}

#[test]
fn a_damaged_archive_is_found_before_anything_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::of(directory.path(), "local", "app");
    let long = format!("data/{}", "x".repeat(300));
    let files = [(long.as_str(), "1"), ("data/a", "2222")];
    let whole = archive(&files);
    let keep = |bytes: &[u8]| {
        let file = store.begin().unwrap();
        std::io::Write::write_all(&mut file.as_file(), bytes).unwrap();
        store.keep("a", file, &taken(held(&files))).unwrap();
        store.open_whole("a").map(|_| ())
    };
    keep(&whole).unwrap();
    let mut other = whole.clone();
    let at = other.iter().rposition(|byte| *byte == b'2').unwrap();
    other[at] = b'3';
    for damaged in [&whole[..whole.len() / 2], &other, b""] {
        let found = keep(damaged).unwrap_err();
        assert!(matches!(found, Error::Damaged { .. }), "{found}");
    }
    std::fs::remove_file(store.archive("a")).unwrap();
    let missing = store.open_whole("a").unwrap_err().to_string();
    assert!(missing.contains("a.tar: No such file"), "{missing}");
}

#[test]
fn a_file_that_the_archive_lacks_is_told_and_left_alone() {
    let listing = Listing {
        index: index(&[("data/a", "1"), ("data/b", "2")]),
        unread: vec!["data/a".to_owned(), "data/b".to_owned()],
        lost_mounts: Vec::new(),
    };
    let (before, missing) = read(archive(&[("data/a", "1")]).as_slice(), listing).unwrap();
    assert_eq!(missing, ["data/b"]);
    let now = index(&[("data/a", "1"), ("data/b", "3")]);
    assert_eq!(unlike(&before, &now), [""; 0]);
    assert!(PutBack::new(&before, &now, &[], &[]).is_nothing());
}

#[test]
fn a_snapshot_is_kept_found_replaced_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::of(directory.path(), "local", "app");
    assert_eq!(store.names().unwrap(), [""; 0]);
    assert!(matches!(store.open("a"), Err(Error::Unknown { .. })));
    for content in ["1", "2"] {
        let bytes = archive(&[("data/a", content)]);
        let file = store.begin().unwrap();
        std::io::Write::write_all(&mut file.as_file(), &bytes).unwrap();
        store
            .keep("a", file, &taken(held(&[("data/a", content)])))
            .unwrap();
    }
    let (found, _) = store.open_whole("a").unwrap();
    assert_eq!(found.index, held(&[("data/a", "2")]));
    assert_eq!(store.names().unwrap(), ["a"]);
    // Another container and another environment have snapshots of their own.
    assert!(
        Store::of(directory.path(), "local", "app--w")
            .open("a")
            .is_err()
    );
    assert!(
        Store::of(directory.path(), "main", "app")
            .open("a")
            .is_err()
    );
    store.remove("a").unwrap();
    assert!(matches!(store.remove("a"), Err(Error::Unknown { .. })));
    // An archive that was not kept leaves nothing.
    drop(store.begin().unwrap());
    assert_eq!(
        std::fs::read_dir(store.archive("a").parent().unwrap())
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn names_are_nothing_but_names() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::of(directory.path(), "local", "app");
    for name in ["", "../a", "a/b", ".hidden", "a b"] {
        assert!(matches!(store.open(name), Err(Error::Name(_))), "{name}");
    }
    let long = store.open(&"x".repeat(101)).unwrap_err().to_string();
    assert!(long.ends_with("has 101"), "{long}");
}

#[test]
fn what_is_forgotten_of_an_environment_is_of_all_its_containers() {
    let directory = tempfile::tempdir().unwrap();
    let stores = [("local", "app"), ("local", "app--w"), ("main", "app")]
        .map(|(environment, container)| Store::of(directory.path(), environment, container));
    for store in &stores {
        for name in [BEFORE_RUN, "mine"] {
            let file = store.begin().unwrap();
            store.keep(name, file, &taken(index(&[]))).unwrap();
        }
    }
    Store::remove_everywhere(directory.path(), "local", BEFORE_RUN);
    let left = stores.map(|store| store.names().unwrap().len());
    assert_eq!(left, [1, 1, 2]);
}

/// Files with holes, as an index has them once they are read.
fn read_sparse(files: &[super::members::tests::Sparse<'_>]) -> (Index, Vec<u8>) {
    let bytes = super::members::tests::archive(files);
    let names: Vec<(&str, &str)> = files.iter().map(|(name, _, _)| (*name, "x")).collect();
    let listing = Listing {
        index: index(&names),
        unread: names.iter().map(|(name, _)| (*name).to_owned()).collect(),
        lost_mounts: Vec::new(),
    };
    let (mut index, missing) = read(bytes.as_slice(), listing).unwrap();
    assert_eq!(missing, [""; 0]);
    for entry in index.0.values_mut() {
        "1000000000.123456789".clone_into(&mut entry.stat.modified);
    }
    (index, bytes)
}

#[test]
fn ten_terabytes_of_nothing_are_read_and_found_whole() {
    let (index, bytes) = read_sparse(&[("data/hole", 10 << 40, &[(1 << 40, b"here")])]);
    let Kind::File { size, .. } = &index.0["data/hole"].kind else {
        panic!("{index:?}");
    };
    assert_eq!(*size, 10 << 40);
    assert!(is_whole(bytes.as_slice(), &index).unwrap());
    let (other, _) = read_sparse(&[("data/hole", 10 << 40, &[(2 << 40, b"here")])]);
    assert!(!is_same(&index, &other));
}

#[cfg(target_os = "linux")]
#[test]
fn holes_are_put_back_as_holes() {
    use std::os::unix::fs::MetadataExt;

    let piece = [b'x'; 4096];
    let (before, bytes) = read_sparse(&[
        ("data/end", 9 << 30, &[(8192, &piece), (4 << 30, &piece)]),
        ("data/nothing", 10 << 40, &[]),
        ("data/last", (1 << 30) + 4, &[(1 << 30, b"last")]),
    ]);
    let put_back = PutBack::new(&before, &index(&[]), &[], &[]);
    let mut out = Vec::new();
    put_back
        .write(&before, std::io::Cursor::new(bytes), &mut out)
        .unwrap();
    assert!(out.len() < 1 << 20, "{}", out.len());
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    // In the place of a longer one, as it is put back.
    std::fs::write(directory.path().join("data/last"), [1; 100]).unwrap();
    let archive = directory.path().join("archive");
    std::fs::write(&archive, out).unwrap();
    let unpacked = std::process::Command::new("tar")
        .args([
            "--extract",
            "--preserve-permissions",
            "--overwrite",
            "--file",
        ])
        .arg(&archive)
        .arg("--directory")
        .arg(directory.path())
        .status()
        .unwrap();
    assert!(unpacked.success());
    for (name, size) in [
        ("end", 9 << 30),
        ("nothing", 10 << 40),
        ("last", (1 << 30) + 4),
    ] {
        let found = std::fs::metadata(directory.path().join("data").join(name)).unwrap();
        assert_eq!(found.len(), size, "{name}");
        assert!(
            found.blocks() * 512 <= 64 * 1024,
            "{name}: {} blocks",
            found.blocks()
        );
    }
    let file = std::fs::File::open(directory.path().join("data/end")).unwrap();
    let at = |offset: u64| {
        let mut bytes = [0; 2];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, offset).unwrap();
        bytes
    };
    assert_eq!(
        [at(8191), at(12287), at(4 << 30)],
        [*b"\0x", *b"x\0", *b"xx"]
    );
}
