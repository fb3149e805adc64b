//! Keeps the end of a command's output, which is searched for an explanation if the command fails.

use crate::layout::PACKAGES_DIRECTORY;

/// How much of the end of the output is kept, in bytes.
const KEEP: usize = 64 * 1024;

/// The end of a command's output.
#[derive(Debug, Default)]
pub struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// Appends output. Large pieces cost as little as small ones.
    pub fn push(&mut self, piece: &[u8]) {
        if piece.len() >= KEEP {
            self.bytes.clear();
            self.bytes.extend_from_slice(&piece[piece.len() - KEEP..]);
            return;
        }
        // Cut only when the buffer has twice the size, so that cutting is rare.
        if self.bytes.len() + piece.len() > 2 * KEEP {
            let cut = self.bytes.len() - KEEP.min(self.bytes.len());
            self.bytes.drain(..cut);
        }
        self.bytes.extend_from_slice(piece);
    }

    /// Whether the output says that a process was killed. The shell or runtime that printed this ended with another
    /// exit code.
    pub(super) fn speaks_of_a_kill(&self) -> bool {
        let text = String::from_utf8_lossy(&self.bytes);
        text.lines()
            .any(|line| line.contains("Killed") || line.contains("SIGKILL"))
    }

    /// Whether the output says that a connection to a service failed.
    pub(super) fn speaks_of_a_service(&self) -> bool {
        const REFUSED: [&str; 7] = [
            "ECONNREFUSED",
            "onnection refused",
            "onnection to server",
            "could not translate host name",
            "getaddrinfo",
            "not known",
            "name resolution",
        ];
        // The host names of relationships, and the usual ports of databases.
        const SERVICES: [&str; 6] = [".internal", "5432", "3306", "6379", "27017", "9200"];
        let text = String::from_utf8_lossy(&self.bytes);
        let has = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
        text.lines()
            .any(|line| has(line, &REFUSED) && has(line, &SERVICES))
    }

    /// Whether the output says that the packages that earlier builds downloaded cannot be used.
    pub(super) fn speaks_of_kept_packages(&self) -> bool {
        // In lower case. npm, pip, Composer, Yarn, uv and the kernel use these words.
        const UNUSABLE: [&str; 10] = [
            "eacces",
            "eperm",
            "enotdir",
            "eexist",
            "erofs",
            "permission denied",
            "not permitted",
            "not a directory",
            "not writable",
            "corrupt",
        ];
        let text = String::from_utf8_lossy(&self.bytes).to_lowercase();
        // npm names its log, which is in that directory, whenever it fails.
        let mut lines = text.lines();
        let is_named =
            lines.any(|line| line.contains(PACKAGES_DIRECTORY) && !line.contains("_logs"));
        is_named && UNUSABLE.iter().any(|word| text.contains(word))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_was_not_found_is_told_from_other_servers() {
        for (text, expected) in [
            (
                "psql: error: connection to server at \"127.0.0.1\", port 5432 failed: Connection refused",
                true,
            ),
            ("Error: getaddrinfo ENOTFOUND database.internal", true),
            ("Error: connect ECONNREFUSED 127.0.0.1:3306", true),
            ("connection refused\nport 3306", false),
            ("curl: (7) Connection refused by example.com:443", false),
            ("listening on 5432", false),
        ] {
            let mut tail = Tail::default();
            tail.push(text.as_bytes());
            assert_eq!(tail.speaks_of_a_service(), expected, "{text}");
        }
    }

    #[test]
    fn kept_packages_that_cannot_be_used_are_told_from_other_failures() {
        for (text, expected) in [
            (
                "npm error code EACCES\nnpm error path /var/cache/upsun-local/npm/_cacache/tmp/x",
                true,
            ),
            (
                "error: failed to open file `/var/cache/upsun-local/uv/sdists-v9/.git`: Permission denied",
                true,
            ),
            (
                "npm error code EACCES\nnpm error path /srv/x\nnpm error A complete log of this run can be found in: \
                 /var/cache/upsun-local/npm/_logs/x.log",
                false,
            ),
            (
                "Stored in directory: /var/cache/upsun-local/pip/wheels/d6\nerror: subprocess-exited-with-error",
                false,
            ),
        ] {
            let mut tail = Tail::default();
            tail.push(text.as_bytes());
            assert_eq!(tail.speaks_of_kept_packages(), expected, "{text}");
        }
    }

    #[test]
    fn only_the_end_of_a_long_output_is_kept() {
        let mut tail = Tail::default();
        for _ in 0..100 {
            tail.push(&[b'x'; 8192]);
        }
        tail.push(b"\nbash: line 1: logs/a: Read-only file system\n");
        assert!(tail.bytes.len() <= 2 * KEEP);
        assert!(tail.text().ends_with("Read-only file system\n"));
        tail.push(&vec![b'y'; 3 * KEEP]);
        assert_eq!(tail.text(), "y".repeat(KEEP));
    }
}
