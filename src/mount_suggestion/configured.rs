//! Directories that an app is configured to have. A program that swallows the error of a directory which is not there, as
//! SQLite and many frameworks do, names no path, but the path stands in its configuration.

use std::collections::BTreeSet;

use super::is_likely_file;

/// Prints where a variable or a small text file of the app speaks of a path in the app's directory. What packages bring
/// is left out.
pub const LOOK: &str = r"cd /app || exit 1
{ env
  find . -maxdepth 6 \( -name node_modules -o -name vendor -o -name .git -o -name .venv \) -prune \
    -o -type f -size -256k -print0 | head -z -n 5000 \
    | xargs -0r grep -hIE '/app/|PLATFORM_APP_DIR|kernel.project_dir'
} 2>/dev/null | LC_ALL=C grep -aoE '(^|[^A-Za-z0-9_.-])(/app|[$][{]?PLATFORM_APP_DIR[}]?|%kernel.project_dir%)/[A-Za-z0-9_./@+-]+' \
  | LC_ALL=C sort -u | head -n 500; :";

/// How many are tried.
const MOST: usize = 50;

/// The directories, absolute, of what [`LOOK`] printed.
pub fn directories(printed: &str) -> Vec<String> {
    const ROOTS: [&str; 4] = [
        "%kernel.project_dir%/",
        "${PLATFORM_APP_DIR}/",
        "$PLATFORM_APP_DIR/",
        "/app/",
    ];
    let rest = |line: &str| {
        let found = ROOTS.iter().find_map(|root| line.split_once(root));
        found.map(|(_, rest)| rest.to_owned())
    };
    let all: BTreeSet<String> = printed
        .lines()
        .filter_map(rest)
        .filter_map(|path| directory(&path))
        .collect();
    all.into_iter().take(MOST).collect()
}

fn directory(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = path
        .trim_end_matches('.')
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return None;
    }
    let is_directory = path.ends_with('/');
    if parts
        .last()
        .is_some_and(|name| !is_directory && is_likely_file(name))
    {
        parts.pop();
    }
    (!parts.is_empty()).then(|| format!("/app/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stands_for_its_directory() {
        for (printed, expected) in [
            ("//app/data/app.db", Some("/app/data")),
            ("\"/app/config/sync", Some("/app/config/sync")),
            ("'/app/var/cache/", Some("/app/var/cache")),
            ("=/app/.cache", Some("/app/.cache")),
            ("\"%kernel.project_dir%/var/up.d/", Some("/app/var/up.d")),
            ("=${PLATFORM_APP_DIR}/tmp/x.pid", Some("/app/tmp")),
            ("=$PLATFORM_APP_DIR/logs", Some("/app/logs")),
            // The end of a sentence.
            ("(/app/data.", Some("/app/data")),
            // At the top is no directory to make.
            ("\"/app/index.php", None),
            ("\"/app/../etc", None),
            ("\"/app/./", None),
        ] {
            let found = directories(printed);
            assert_eq!(found.first().map(String::as_str), expected, "{printed}");
        }
    }

    #[test]
    fn each_is_tried_once_and_not_too_many_are() {
        let mut printed = "=/app/a/x.db\n\"/app/a/y.db\n".repeat(3);
        assert_eq!(directories(&printed), ["/app/a"]);
        for number in 0..500 {
            printed.push_str(&format!("=/app/{number}/x\n"));
        }
        assert_eq!(directories(&printed).len(), MOST);
    }
}
