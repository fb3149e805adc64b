//! Works on the mounts of a running container: measures them, copies files to and from them, empties them.

pub(super) mod download;

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::{Error, Mark, PATIENCE, Result, Sandbox, archive};
use crate::engine::spec::ExecSpec;
use crate::engine::{ByteStream, Engine, Error as EngineError};
use crate::event;
use crate::plan::User;
use crate::shutdown::Urgency;

/// How much of the error output of a command of `upsun-local` is kept, in bytes.
pub(super) const COMPLAINTS: usize = 64 * 1024;

/// The size of a mount's content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MountUsage {
    /// The path of the mount, relative to the app's root.
    pub mount: String,
    /// The size of all files, in bytes.
    pub bytes: u64,
    /// The number of files.
    pub files: u64,
}

impl<E: Engine> Sandbox<'_, E> {
    /// The sizes of these mounts.
    pub async fn mount_sizes(&self, container: &str, mounts: &[String]) -> Result<Vec<MountUsage>> {
        let mut all = Vec::new();
        for mount in mounts {
            let script = "mount=$1; shift; find \"/app/$mount\" \"$@\" -type f -printf '%s\\n' | awk '{ n++; s += $1 } END { printf \"%d %.0f\\n\", n, s }'";
            let output = self
                .our_command(container, script, &without_nested(mount, mounts))
                .await?;
            let mut numbers = output
                .split_whitespace()
                .map(|word| word.parse::<u64>().unwrap_or_default());
            let (files, bytes) = (
                numbers.next().unwrap_or_default(),
                numbers.next().unwrap_or_default(),
            );
            all.push(MountUsage {
                mount: mount.clone(),
                bytes,
                files,
            });
        }
        Ok(all)
    }

    /// Removes everything on a mount. `mounts` are all mounts of the app; those below `mount` keep their content.
    pub(crate) async fn empty_mount(
        &self,
        container: &str,
        mount: &str,
        mounts: &[String],
    ) -> Result<()> {
        let script = "mount=$1; shift; find \"/app/$mount\" -mindepth 1 \"$@\" ! -type d -exec rm -f {} + || exit 1; \
            find \"/app/$mount\" -mindepth 1 \"$@\" -type d -print0 | sort -rz | xargs -0r rmdir --ignore-fail-on-non-empty";
        self.our_command(container, script, &without_nested(mount, mounts))
            .await
            .map(|_| ())
    }

    /// Copies the content of a directory onto a mount, where the files belong to the app's user.
    pub async fn upload_to_mount(
        &self,
        container: &str,
        mount: &str,
        from: &Path,
        user: User,
    ) -> Result<()> {
        let from = from.to_owned();
        if !from.is_dir() {
            let source = io::Error::new(io::ErrorKind::NotADirectory, "not a directory");
            return Err(Error::File { path: from, source });
        }
        let stream = archive::stream(move |out| {
            let mut tar = tar::Builder::new(out);
            tar.follow_symlinks(false);
            append_tree(&mut tar, &from, Path::new(""), user, Holes::Kept)?;
            tar.finish()
        });
        // The upload of the engine refuses every path below a read-only mount, and `/app` is one.
        let command = [
            "tar",
            "--extract",
            "--preserve-permissions",
            "--directory",
            &format!("/app/{mount}"),
        ];
        let spec = ExecSpec {
            command: command.map(str::to_owned).to_vec(),
            stdin: true,
            ..ExecSpec::default()
        };
        // `tar` ends with its input, so it needs no mark.
        self.feed(container, &spec, stream).await
    }

    /// Runs an action on the mounts of a container until it is done or the user presses Ctrl-C once more than before.
    /// The action may then still end by itself within `grace`, unless the user presses Ctrl-C again. The commands
    /// that the action runs in the container are ended.
    pub(crate) async fn interruptible<T>(
        &self,
        container: &str,
        grace: Duration,
        act: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let (next, after) = match self.shutdown.urgency() {
            Urgency::None => (Urgency::Cancel, Urgency::Kill),
            Urgency::Cancel => (Urgency::Kill, Urgency::Leave),
            Urgency::Kill | Urgency::Leave => (Urgency::Leave, Urgency::Leave),
        };
        let pressed = async {
            self.shutdown.reached(next).await;
            if !grace.is_zero() {
                let reason = self.shutdown.reason().to_owned();
                self.events
                    .offer(event::Notice::Cancelling { reason, grace });
                tokio::select! {
                    () = tokio::time::sleep(grace) => {}
                    () = self.shutdown.reached(after) => {}
                }
            }
        };
        tokio::select! {
            biased;
            result = act => result,
            () = pressed => {
                // The action no longer runs, but its command in the container does, so end the command.
                let ended = self.end_run(container, "mounts", *MARK);
                let _ = tokio::time::timeout(PATIENCE, ended).await;
                Err(Error::Interrupted)
            }
        }
    }

    /// Runs a command that reads `stream` as its input.
    pub(super) async fn feed(
        &self,
        container: &str,
        spec: &ExecSpec,
        mut stream: ByteStream,
    ) -> Result<()> {
        let exec = self.engine.exec(container, spec).await?;
        let (mut output, mut input) = (exec.output, exec.input);
        let mut errors = Vec::new();
        let feed = async {
            while let Some(piece) = stream.next().await {
                // A command that stops reading reports the reason itself.
                if input.write_all(&piece?).await.is_err() {
                    break;
                }
            }
            let _ = input.shutdown().await;
            Ok::<_, io::Error>(())
        };
        let read = async {
            while let Some(Ok(piece)) = output.next().await {
                keep(&mut errors, piece.bytes(), COMPLAINTS);
            }
        };
        tokio::pin!(feed, read);
        tokio::select! {
            fed = &mut feed => {
                read.await;
                fed.map_err(EngineError::Io)?;
            }
            () = &mut read => {}
        }
        match self.ended(exec.exit).await? {
            0 => Ok(()),
            _ => Err(EngineError::Other(String::from_utf8_lossy(&errors).trim().to_owned()).into()),
        }
    }

    async fn our_command(
        &self,
        container: &str,
        script: &str,
        arguments: &[String],
    ) -> Result<String> {
        let spec = ExecSpec {
            command: marked(script, arguments),
            ..ExecSpec::default()
        };
        let (code, output, errors) = self.capture(container, &spec).await?;
        if code == 0 {
            Ok(output)
        } else {
            Err(EngineError::Other(errors.trim().to_owned()).into())
        }
    }
}

/// Marks the commands of [`Sandbox::interruptible`]. Like shells, only the process that started them ends them.
static MARK: LazyLock<Mark> = LazyLock::new(Mark::of_shell);

/// A script with its arguments, whose processes carry [`MARK`].
pub(super) fn marked(script: &str, arguments: &[String]) -> Vec<String> {
    let script = format!("ulimit -w \"$0\"\n{script}");
    let mut command = ["/bin/dash", "-c", &script, &MARK.to_string()]
        .map(str::to_owned)
        .to_vec();
    command.extend(arguments.iter().cloned());
    command
}

/// Appends to `kept` up to `limit` bytes, since the output may be endless.
pub(super) fn keep(kept: &mut Vec<u8>, more: &[u8], limit: usize) {
    let room = limit.saturating_sub(kept.len());
    kept.extend_from_slice(&more[..more.len().min(room)]);
}

/// The mount, then arguments for `find` that leave out those of `mounts` that lie below it. Such mounts are on the
/// same file system, so `-xdev` would not exclude them.
fn without_nested(mount: &str, mounts: &[String]) -> Vec<String> {
    let below = format!("{mount}/");
    let mut words = vec![mount.to_owned()];
    for nested in mounts.iter().filter(|other| other.starts_with(&below)) {
        let pattern = escaped(&format!("/app/{nested}"));
        words.extend(["-path", &pattern, "-prune", "-o"].map(str::to_owned));
    }
    words
}

/// Escapes a path for `find`, so that the pattern matches this path only.
pub(super) fn escaped(path: &str) -> String {
    let mut pattern = String::new();
    for c in path.chars() {
        if "*?[\\".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// What happens to the holes of sparse files in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holes {
    /// Holes stay holes. Such files keep the owner that they have on this machine, which GNU tar ignores when it
    /// unpacks as the app's user.
    Kept,
    /// Holes become zeros.
    Filled,
}

pub(super) fn append_tree<W: io::Write>(
    tar: &mut tar::Builder<W>,
    root: &Path,
    below: &Path,
    user: User,
    holes: Holes,
) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(root.join(below))?.collect::<io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = below.join(entry.file_name());
        let meta = entry.path().symlink_metadata()?;
        let mut header = tar::Header::new_gnu();
        header.set_metadata(&meta);
        header.set_uid(u64::from(user.uid));
        header.set_gid(u64::from(user.gid));
        if meta.is_dir() {
            header.set_size(0);
            tar.append_data(&mut header, &name, io::empty())?;
            append_tree(tar, root, &name, user, holes)?;
        } else if meta.is_symlink() {
            header.set_size(0);
            let target = std::fs::read_link(entry.path())?;
            // `append_link` may write another target: `//` for `/`, `a/b` for `a//b`.
            if header
                .set_link_name_literal(target.as_os_str().as_bytes())
                .is_ok()
            {
                tar.append_data(&mut header, &name, io::empty())?;
            } else {
                tar.append_link(&mut header, &name, target)?;
            }
        } else if meta.is_file() {
            let mut file = std::fs::File::open(entry.path())?;
            // The kernel counts blocks of 512 bytes, whatever the block size of the file system is.
            if holes == Holes::Kept && meta.blocks() < meta.len() / 512 {
                tar.append_file(&name, &mut file)?;
                continue;
            }
            // Pad a file that shrinks while it is read, so that the archive stays valid.
            let content = file.chain(io::repeat(0)).take(meta.len());
            tar.append_data(&mut header, &name, content)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_hole_costs_nothing_on_its_way() {
        let directory = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(directory.path().join("sparse")).unwrap();
        file.set_len(1 << 33).unwrap();
        file.write_all_at(b"end", (1 << 33) - 3).unwrap();
        let user = User {
            uid: 10000,
            gid: 10000,
        };
        let mut tar = tar::Builder::new(Vec::new());
        append_tree(&mut tar, directory.path(), Path::new(""), user, Holes::Kept).unwrap();
        let bytes = tar.into_inner().unwrap();
        assert!(bytes.len() < 1 << 20, "{}", bytes.len());
        let mut archive = tar::Archive::new(&bytes[..]);
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path_bytes().as_ref(), b"sparse");
        assert_eq!(entry.size(), 1 << 33);
    }
}
