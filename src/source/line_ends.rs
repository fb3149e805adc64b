//! Whether Git would store a file with other line ends than it has in the work tree.

use std::path::Path;

use super::git::Git;

/// Whether Git would store the text at a path, which has lines that end in CR LF, with lines that end in LF: by its
/// attributes, or by `core.autocrlf` of this user. Where Git does not answer, it would not.
pub(crate) fn are_converted(root: &Path, path: &Path) -> bool {
    let git = Git::of_process();
    let path = path.as_os_str().to_string_lossy();
    let ask = |arguments: &[&str]| {
        let output = git.command(root, arguments).output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(said)
    };
    let listing = [
        "ls-files", "--eol", "--cached", "--others", "-z", "--", &path,
    ];
    let Some(said) = ask(&listing) else {
        return false;
    };
    let Some(line_ends) = said.split('\0').next().and_then(read) else {
        return false;
    };
    let automatic = || ask(&["config", "core.autocrlf"]);
    line_ends.are_converted(automatic)
}

/// What `ls-files --eol` says of a file: `i/lf    w/crlf  attr/text=auto`, a tab, its path.
#[derive(Debug, PartialEq, Eq)]
struct LineEnds<'a> {
    index: &'a str,
    attributes: &'a str,
}

fn read(line: &str) -> Option<LineEnds<'_>> {
    let (ends, _) = line.split_once('\t')?;
    let (index, rest) = ends.strip_prefix("i/")?.split_once(' ')?;
    let (_, attributes) = rest.split_once("attr/")?;
    Some(LineEnds {
        index: index.trim(),
        attributes: attributes.trim(),
    })
}

impl LineEnds<'_> {
    fn are_converted(&self, automatic: impl FnOnce() -> Option<String>) -> bool {
        // Git keeps CR LF that is stored already, unless an attribute says that the file is a text.
        let is_stored = matches!(self.index, "crlf" | "mixed");
        let mut attributes = self.attributes.split_whitespace();
        match attributes.next() {
            Some("-text") => false,
            Some("text=auto") => !is_stored,
            Some(_) => true,
            None => {
                let is_automatic =
                    |value: String| matches!(value.trim(), "true" | "input" | "yes" | "on" | "1");
                !is_stored && automatic().is_some_and(is_automatic)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_converts_by_attribute_or_setting_what_it_did_not_store_that_way() {
        let table = [
            ("i/lf    w/crlf  attr/                 \tx", "true", true),
            ("i/lf    w/crlf  attr/                 \tx", "input", true),
            ("i/lf    w/crlf  attr/                 \tx", "false", false),
            ("i/crlf  w/crlf  attr/                 \tx", "true", false),
            ("i/mixed w/crlf  attr/                 \tx", "true", false),
            ("i/      w/crlf  attr/                 \tx", "true", true),
            ("i/      w/crlf  attr/                 \tx", "", false),
            ("i/lf    w/crlf  attr/text=auto        \tx", "", true),
            ("i/crlf  w/crlf  attr/text=auto        \tx", "", false),
            ("i/crlf  w/crlf  attr/text             \tx", "", true),
            ("i/lf    w/crlf  attr/text eol=crlf    \tx", "", true),
            ("i/lf    w/crlf  attr/-text            \tx", "true", false),
        ];
        for (line, setting, expected) in table {
            let read = read(line).unwrap();
            let converted = read.are_converted(|| Some(setting.to_owned()));
            assert_eq!(converted, expected, "{line}: {setting}");
        }
        assert_eq!(read("nothing"), None);
    }
}
