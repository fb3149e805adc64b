//! Which files decide what Git lists, besides those of the work tree.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::super::listing::{Listing, os_path};
use super::{Git, answer};

/// Notes the files besides those of the work tree that decide what Git lists.
pub(super) fn find(
    git: &Git,
    place: &Path,
    places: Option<Vec<u8>>,
    config: Option<Vec<u8>>,
    listing: &mut Listing,
) {
    let known = places.and_then(|said| {
        let lines: Vec<&[u8]> = said
            .strip_suffix(b"\n")?
            .split(|byte| *byte == b'\n')
            .collect();
        // A path with a line break gives more.
        <[&[u8]; 3]>::try_from(lines)
            .ok()
            .map(|[index, exclude, top]| {
                (
                    place.join(os_path(index)),
                    place.join(os_path(exclude)),
                    PathBuf::from(os_path(top)),
                )
            })
    });
    let (Some((index, exclude, top)), Some(config), Ok(real)) =
        (known, config, place.canonicalize())
    else {
        listing.is_reusable = false;
        return;
    };
    listing.watches.extend([index, exclude]);
    if let Ok(below) = real.strip_prefix(&top) {
        for above in below.ancestors().skip(1) {
            let above = top.join(above);
            listing.watches.push(above.join(".gitignore"));
            // Another repository in between would be asked instead.
            let inner = above.join(".git");
            if above != top {
                listing.watches.push(inner);
            }
        }
    } else {
        listing.is_reusable = false;
    }
    find_config(git, place, &config, listing);
}

fn find_config(git: &Git, place: &Path, config: &[u8], listing: &mut Listing) {
    let home = git.variable("HOME").map(PathBuf::from);
    let settings = git
        .variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(home.as_ref()?.join(".config")))
        .map(|folder| folder.join("git"));
    let mut files: HashSet<PathBuf> = HashSet::from(["/etc/gitconfig".into()]);
    files.extend(home.map(|home| home.join(".gitconfig")));
    files.extend(settings.as_ref().map(|folder| folder.join("config")));
    let mut own_excludes = false;
    let mut parts = config.split(|byte| *byte == 0);
    while let (Some(_scope), Some(origin), Some(setting)) =
        (parts.next(), parts.next(), parts.next())
    {
        if let Some(path) = origin.strip_prefix(b"file:") {
            files.insert(place.join(os_path(path)));
        }
        own_excludes |= setting
            .to_ascii_lowercase()
            .starts_with(b"core.excludesfile");
    }
    listing.watches.extend(files);
    if own_excludes {
        let path = git.start(place, &["config", "-z", "--type=path", "core.excludesFile"]);
        match answer(path) {
            // What a relative path is relative to depends on the command.
            Ok(path) if path.starts_with(b"/") => {
                let path = path.strip_suffix(b"\0").unwrap_or(&path);
                listing.watches.push(PathBuf::from(os_path(path)));
            }
            _ => listing.is_reusable = false,
        }
    } else {
        listing
            .watches
            .extend(settings.map(|folder| folder.join("ignore")));
    }
}
