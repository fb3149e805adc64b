//! Which files decide what Git lists, besides those of the work tree.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::super::listing::{Listing, os_path};
use super::{Git, answer};

/// Where Git looks for attributes of all repositories, as it is usually built.
const ATTRIBUTES: [&str; 2] = ["/etc/gitattributes", "/usr/local/etc/gitattributes"];

/// Notes the files besides those of the work tree that decide what Git lists. Returns whether there may be attributes
/// in one of them.
pub(super) fn find(
    git: &Git,
    place: &Path,
    places: Option<Vec<u8>>,
    config: Option<Vec<u8>>,
    listing: &mut Listing,
) -> bool {
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
        return true;
    };
    let mut attributes: Vec<PathBuf> = ATTRIBUTES.map(PathBuf::from).to_vec();
    attributes.push(exclude.with_file_name("attributes"));
    listing.watches.extend([index, exclude]);
    if let Ok(below) = real.strip_prefix(&top) {
        for above in below.ancestors().skip(1) {
            let above = top.join(above);
            listing.watches.push(above.join(".gitignore"));
            attributes.push(above.join(".gitattributes"));
            // A repository in between would answer instead.
            let inner = above.join(".git");
            if above != top {
                listing.watches.push(inner);
            }
        }
    } else {
        listing.is_reusable = false;
    }
    attributes.extend(find_config(git, place, &config, listing));
    let has_attributes = attributes.iter().any(|path| path.exists());
    listing.watches.extend(attributes);
    has_attributes
}

/// Finds the files of the configuration. Returns the user's file of attributes.
fn find_config(git: &Git, place: &Path, config: &[u8], listing: &mut Listing) -> Option<PathBuf> {
    let home = git.variable("HOME").map(PathBuf::from);
    let settings = git
        .variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(home.as_ref()?.join(".config")))
        .map(|folder| folder.join("git"));
    let mut files: HashSet<PathBuf> = HashSet::from(["/etc/gitconfig".into()]);
    files.extend(home.map(|home| home.join(".gitconfig")));
    files.extend(settings.as_ref().map(|folder| folder.join("config")));
    let (mut own_excludes, mut own_attributes) = (false, false);
    let mut parts = config.split(|byte| *byte == 0);
    while let (Some(_scope), Some(origin), Some(setting)) =
        (parts.next(), parts.next(), parts.next())
    {
        if let Some(path) = origin.strip_prefix(b"file:") {
            files.insert(place.join(os_path(path)));
        }
        let setting = setting.to_ascii_lowercase();
        own_excludes |= setting.starts_with(b"core.excludesfile");
        own_attributes |= setting.starts_with(b"core.attributesfile");
    }
    listing.watches.extend(files);
    let mut named = |is_set: bool, key: &str, usual: &str| {
        if !is_set {
            return settings.as_ref().map(|folder| folder.join(usual));
        }
        match answer(git.start(place, &["config", "-z", "--type=path", key])) {
            // What a relative path is relative to depends on the command.
            Ok(path) if path.starts_with(b"/") => {
                let path = path.strip_suffix(b"\0").unwrap_or(&path);
                Some(PathBuf::from(os_path(path)))
            }
            _ => {
                listing.is_reusable = false;
                None
            }
        }
    };
    let excludes = named(own_excludes, "core.excludesFile", "ignore");
    let attributes = named(own_attributes, "core.attributesFile", "attributes");
    listing.watches.extend(excludes);
    attributes
}
