//! Reads what an operation prints, in passing, for the one thing worth explaining: a write that the
//! read-only file system refused.

use crate::event::{ReadOnlyWrite, Refusal};
use crate::mount_advice;

/// How much of an operation's last output is kept to look at, in bytes.
const KEEP: usize = 64 * 1024;

/// The wordings of EROFS: libc's, which shells, Python, PHP, Ruby and Go print, and Node's.
const WORDINGS: [&str; 2] = ["Read-only file system", "EROFS"];

/// Also in lower case, as Go and Rust print it.
const LOWER: &str = "read-only file system";

/// Node's recursive `mkdir` hides EROFS: it looks whether the directory is there after all, and reports that
/// it is not. No other cause is likely for a directory of the app that lies on no mount.
const NODE_MKDIR: &str = "ENOENT: no such file or directory, mkdir '";

/// Wordings of EROFS without any path: PHP's `mkdir(): Read-only file system`, and what SQLite makes of it.
const UNNAMED: [&str; 3] = [
    "(): Read-only file system",
    "unable to open database file",
    "attempt to write a readonly database",
];

/// Wordings of ENOSPC.
const FULL: [&str; 2] = ["No space left on device", "ENOSPC"];

/// The last part of an operation's output, without the cost of keeping all of it.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// Takes note of more output. Large pieces cost no more than small ones.
    pub(super) fn push(&mut self, piece: &[u8]) {
        if piece.len() >= KEEP {
            self.bytes.clear();
            self.bytes.extend_from_slice(&piece[piece.len() - KEEP..]);
            return;
        }
        // Twice the size before cutting, so that cutting is rare.
        if self.bytes.len() + piece.len() > 2 * KEEP {
            let cut = self.bytes.len() - KEEP.min(self.bytes.len());
            self.bytes.drain(..cut);
        }
        self.bytes.extend_from_slice(piece);
    }

    /// Whether the output says that something was killed, by a shell or a runtime that then ended with a code of its own.
    pub(super) fn speaks_of_a_kill(&self) -> bool {
        let text = String::from_utf8_lossy(&self.bytes);
        text.lines()
            .any(|line| line.contains("Killed") || line.contains("SIGKILL"))
    }

    /// The refused write that the output speaks of last, if it does. `mounts` are the app's, relative to
    /// its root; a path on one of them is not what failed.
    pub(super) fn refused_write(&self, mounts: &[String]) -> Option<ReadOnlyWrite> {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines: Vec<&str> = text.lines().collect();
        // The first refusal is the cause; what follows is usually its consequence.
        let named = lines.iter().enumerate().find_map(|(at, line)| {
            if line.contains(NODE_MKDIR) {
                let advice = mount_advice::of(&in_app(path_in(line)?), mounts);
                return Some(advice).filter(|advice| advice.cause == Refusal::NoMount);
            }
            if !speaks_of_read_only(line) {
                return None;
            }
            let following = || lines.iter().skip(at + 1).take(8);
            let path = path_in(line).or_else(|| following().find_map(|line| node_path(line)))?;
            Some(mount_advice::of(&in_app(path), mounts))
        });
        let without_path = |cause| ReadOnlyWrite {
            path: None,
            mount: None,
            source: None,
            cause,
        };
        let any = |words: &[&str]| {
            let has = |line: &&&str| words.iter().any(|word| line.contains(word));
            lines.iter().find(has).is_some()
        };
        named
            .or_else(|| any(&FULL).then(|| without_path(Refusal::DiskFull)))
            .or_else(|| any(&UNNAMED).then(|| without_path(Refusal::Unnamed)))
    }
}

fn speaks_of_read_only(line: &str) -> bool {
    WORDINGS.iter().any(|wording| line.contains(wording)) || line.contains(LOWER)
}

/// The absolute path of one that may be relative to the app's root.
fn in_app(path: String) -> String {
    if path.starts_with('/') {
        path
    } else {
        format!("/app/{}", path.trim_start_matches("./"))
    }
}

/// The path that a line about a read-only file system names.
fn path_in(line: &str) -> Option<String> {
    // Quoted: node `open '/app/.next/trace'`, python `[Errno 30] …: '/app/x'`, coreutils `cannot touch 'x'`,
    // `touch: cannot touch ‘x’`, ruby `@ rb_sysopen - /app/x`, php `mkdir(): Read-only file system` has none.
    for (open, close) in [
        ('\'', '\''),
        ('"', '"'),
        ('‘', '’'),
        ('`', '\''),
        ('`', '`'),
    ] {
        let mut rest = line;
        let mut last = None;
        while let Some(start) = rest.find(open) {
            let after = &rest[start + open.len_utf8()..];
            let Some(end) = after.find(close) else { break };
            // Typographic quotes are coreutils', and hold a path whatever it looks like.
            if looks_like_a_path(&after[..end]) || (open == '‘' && end > 0) {
                last = Some(after[..end].to_owned());
            }
            rest = &after[end + close.len_utf8()..];
        }
        if last.is_some() {
            return last;
        }
    }
    // dash: `/bin/dash: 1: cannot create build/x: Read-only file system`; bash: `bash: x: Read-only file system`.
    for marker in [
        "fopen(",
        "file_put_contents(",
        "mkdir(",
        "cannot create directory ",
        "cannot create ",
        "rb_sysopen - ",
        "open ",
        "mkdir ",
        "unlink ",
        "rename ",
    ] {
        if let Some(at) = line.rfind(marker) {
            let rest = &line[at + marker.len()..];
            let end = rest.find([':', ')', ',']).unwrap_or(rest.len());
            let path = rest[..end].split(" (").next().unwrap_or_default().trim();
            if looks_like_a_path(path) {
                return Some(path.to_owned());
            }
        }
    }
    let before = line
        .split(": Read-only file system")
        .next()
        .filter(|before| before.len() < line.len())?;
    let path = before.rsplit(": ").next()?.trim();
    looks_like_a_path(path).then(|| path.to_owned())
}

/// Node prints the error as an object over several lines: `path: '/app/.next'`.
fn node_path(line: &str) -> Option<String> {
    let rest = line.trim().strip_prefix("path: ")?.trim_end_matches(',');
    let path = rest.trim_matches(['\'', '"']);
    looks_like_a_path(path).then(|| path.to_owned())
}

fn looks_like_a_path(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 4096
        && !text.contains(['\n', '\0'])
        && (text.contains('/') || text.contains('.') || !text.contains(' '))
        && !text.contains("  ")
        // PHP names the function.
        && !text.ends_with("()")
        && !["EROFS", "Error"].contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(output: &str) -> Option<ReadOnlyWrite> {
        let mut tail = Tail::default();
        tail.push(output.as_bytes());
        tail.refused_write(&["var".to_owned()])
    }

    fn path_of(output: &str) -> Option<(String, Option<String>)> {
        refused(output).map(|write| (write.path.unwrap_or_default(), write.mount))
    }

    #[test]
    fn a_refusal_that_names_no_path_is_one_all_the_same() {
        for (output, cause) in [
            (
                "Warning: mkdir(): Read-only file system in /app/bin/x.php on line 19",
                Refusal::Unnamed,
            ),
            (
                "sqlite3.OperationalError: unable to open database file",
                Refusal::Unnamed,
            ),
            (
                "Error: attempt to write a readonly database",
                Refusal::Unnamed,
            ),
            (
                "head: error writing 'standard output': No space left on device",
                Refusal::DiskFull,
            ),
            (
                "Error: ENOSPC: no space left on device, write",
                Refusal::DiskFull,
            ),
        ] {
            let write = refused(output).unwrap_or_else(|| panic!("{output}"));
            assert_eq!((write.path, write.cause), (None, cause), "{output}");
        }
    }

    fn expect(output: &str, path: &str, mount: Option<&str>) {
        assert_eq!(
            path_of(output),
            Some((path.to_owned(), mount.map(str::to_owned))),
            "{output}"
        );
    }

    #[test]
    fn each_language_has_its_own_wording() {
        expect(
            "Error: EROFS: read-only file system, mkdir '/app/.next'",
            "/app/.next",
            Some(".next"),
        );
        expect(
            "EROFS: read-only file system, open '/app/.next/trace'\n",
            "/app/.next/trace",
            Some(".next"),
        );
        expect(
            "OSError: [Errno 30] Read-only file system: 'static/site.css'",
            "/app/static/site.css",
            Some("static"),
        );
        expect(
            "/bin/dash: 1: cannot create out.txt: Read-only file system",
            "/app/out.txt",
            None,
        );
        expect(
            "bash: line 1: logs/a: Read-only file system",
            "/app/logs/a",
            Some("logs"),
        );
        expect(
            "touch: cannot touch 'cache/x': Read-only file system",
            "/app/cache/x",
            Some("cache"),
        );
        expect(
            "mkdir: cannot create directory ‘tmp data’: Read-only file system",
            "/app/tmp data",
            Some("tmp data"),
        );
        expect(
            "PHP Warning:  file_put_contents(/app/web/x.txt): Failed to open stream: Read-only file system in /app/a.php on line 3",
            "/app/web/x.txt",
            Some("web"),
        );
        expect(
            "open /app/data/db: read-only file system",
            "/app/data/db",
            Some("data"),
        );
        expect(
            "Read-only file system @ rb_sysopen - /app/log/dev.log (Errno::EROFS)",
            "/app/log/dev.log",
            Some("log"),
        );
    }

    #[test]
    fn node_may_print_the_path_on_a_line_of_its_own() {
        expect(
            "  errno: -30,\n  code: 'EROFS',\n  syscall: 'mkdir',\n  path: '/app/.cache'\n}",
            "/app/.cache",
            Some(".cache"),
        );
    }

    #[test]
    fn node_hides_the_refusal_of_a_recursive_mkdir() {
        expect(
            "Error: ENOENT: no such file or directory, mkdir '/app/.next'\n    at ignore-listed frames {\n",
            "/app/.next",
            Some(".next"),
        );
        for elsewhere in ["/app/var/a/b", "/tmp/a/b"] {
            let output = format!("Error: ENOENT: no such file or directory, mkdir '{elsewhere}'\n");
            assert_eq!(path_of(&output), None, "{output}");
        }
    }

    #[test]
    fn outside_the_app_no_mount_helps_and_ordinary_output_says_nothing() {
        expect(
            "touch: cannot touch '/etc/x': Read-only file system",
            "/etc/x",
            None,
        );
        assert_eq!(path_of("all good\n"), None);
        assert_eq!(
            path_of("we talk about a read-only file system here\n"),
            None
        );
    }

    #[test]
    fn only_the_end_of_a_long_output_is_kept() {
        let mut tail = Tail::default();
        for _ in 0..100 {
            tail.push(&[b'x'; 8192]);
        }
        tail.push(b"\nbash: line 1: logs/a: Read-only file system\n");
        assert!(tail.bytes.len() <= 2 * KEEP);
        assert!(tail.refused_write(&[]).is_some());
    }
}
