use std::io::{Seek, SeekFrom};

use super::*;

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        match (path.strip_suffix('/'), content.strip_prefix("-> ")) {
            (Some(_), _) => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                tar.append_data(&mut header, path, std::io::empty())
                    .unwrap();
            }
            (None, Some(target)) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                tar.append_link(&mut header, path, target).unwrap();
            }
            _ => {
                header.set_size(content.len() as u64);
                tar.append_data(&mut header, path, content.as_bytes())
                    .unwrap();
            }
        }
    }
    tar.into_inner().unwrap()
}

fn index(files: &[(&str, &str)]) -> Index {
    Index::of_archive(archive(files).as_slice()).unwrap()
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
        ("./data/", ""),
        ("./data/a", "1"),
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
fn a_long_name_and_a_damaged_archive() {
    let long = format!("data/{}", "x".repeat(300));
    assert_eq!(compare(&index(&[]), &index(&[(&long, "1")]))[0].path, long);
    let mut whole = archive(&[("data/a", &"1".repeat(5000))]);
    whole.truncate(2000);
    assert!(Index::of_archive(whole.as_slice()).is_err());
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
            .keep("a", file, &taken(index(&[("data/a", content)])))
            .unwrap();
    }
    let (found, mut file) = store.open("a").unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    assert_eq!(Index::of_archive(file).unwrap(), found.index);
    assert_eq!(found.index, index(&[("data/a", "2")]));
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
    for name in ["", "../a", "a/b", ".hidden", "a b", &"x".repeat(101)] {
        assert!(matches!(store.open(name), Err(Error::Name(_))), "{name}");
    }
}
