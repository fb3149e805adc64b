//! What is on the mounts of a running container: sizes, files in and out, emptying them.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::{Error, Result, Sandbox, archive};
use crate::engine::spec::ExecSpec;
use crate::engine::{ByteStream, Engine, Error as EngineError};
use crate::plan::User;

/// How much is on a mount.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MountUsage {
    /// The mount's path, relative to the app's root.
    pub mount: String,
    /// Bytes in files.
    pub bytes: u64,
    /// How many files.
    pub files: u64,
}

impl<E: Engine> Sandbox<'_, E> {
    /// How much is on each of these mounts.
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

    /// Removes everything on a mount. Those of `mounts`, all of the app's, that lie below it keep what is on them.
    pub async fn empty_mount(&self, container: &str, mount: &str, mounts: &[String]) -> Result<()> {
        let script = "mount=$1; shift; find \"/app/$mount\" -mindepth 1 \"$@\" ! -type d -exec rm -f {} + || exit 1; \
            find \"/app/$mount\" -mindepth 1 \"$@\" -type d -print0 | sort -rz | xargs -0r rmdir --ignore-fail-on-non-empty";
        self.our_command(container, script, &without_nested(mount, mounts))
            .await
            .map(|_| ())
    }

    /// Copies a directory's content onto a mount; the files belong to the app's user there.
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
            append_tree(&mut tar, &from, Path::new(""), user)?;
            tar.finish()
        });
        // Not by the engine's own upload, which refuses whatever lies below a read-only mount: /app is one.
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
        self.feed(container, &spec, stream).await
    }

    /// Runs a command that reads a stream.
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
                // What it does not read any more is no failure of ours; it says itself what is wrong.
                if input.write_all(&piece?).await.is_err() {
                    break;
                }
            }
            let _ = input.shutdown().await;
            Ok::<_, io::Error>(())
        };
        let read = async {
            while let Some(Ok(piece)) = output.next().await {
                errors.extend_from_slice(piece.bytes());
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
        match self.ended(&exec.id).await? {
            0 => Ok(()),
            _ => Err(EngineError::Other(String::from_utf8_lossy(&errors).trim().to_owned()).into()),
        }
    }

    /// Copies what is on a mount into a directory, which is made when it is not there.
    pub async fn download_from_mount(&self, container: &str, mount: &str, to: &Path) -> Result<()> {
        // `/.` asks for the directory's content rather than the directory.
        self.receive(container, &format!("/app/{mount}/."), to)
            .await
    }

    /// Copies a path of a container into a directory, which is made when it is not there.
    pub(super) async fn receive(&self, container: &str, path: &str, to: &Path) -> Result<()> {
        let failed = |source| Error::File {
            path: to.to_owned(),
            source,
        };
        std::fs::create_dir_all(to).map_err(failed)?;
        let mut stream = self.engine.download(container, path);
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(8);
        let target: PathBuf = to.to_owned();
        let unpack = tokio::task::spawn_blocking(move || unpack(Received::new(receiver), &target));
        let mut failure = None;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|err| {
                let told = io::Error::new(err.kind(), err.to_string());
                failure = Some(err);
                told
            });
            if sender.send(piece).await.is_err() {
                break;
            }
        }
        drop(sender);
        let unpacked = unpack.await;
        // The unpacker only knows that it got no archive; the engine knows why.
        if let Some(err) = failure {
            return Err(EngineError::Io(err).into());
        }
        match unpacked {
            Ok(result) => result.map_err(failed),
            Err(err) => Err(failed(io::Error::other(err))),
        }
    }

    async fn our_command(
        &self,
        container: &str,
        script: &str,
        arguments: &[String],
    ) -> Result<String> {
        let mut command = ["/bin/dash", "-c", script, "upsun-local"]
            .map(str::to_owned)
            .to_vec();
        command.extend(arguments.iter().cloned());
        let spec = ExecSpec {
            command,
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

/// Unpacks a tar archive into a directory.
pub(super) fn unpack(archive: impl Read, to: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(archive);
    archive.set_preserve_ownerships(false);
    // `unpack` refuses paths that leave the target, also by way of symbolic links.
    archive.unpack(to)
}

/// The mount, then arguments for `find` that leave out those of `mounts` that lie below it: they are on the same
/// file system, which tells nothing.
fn without_nested(mount: &str, mounts: &[String]) -> Vec<String> {
    let below = format!("{mount}/");
    let mut words = vec![mount.to_owned()];
    for nested in mounts.iter().filter(|other| other.starts_with(&below)) {
        let pattern = escaped(&format!("/app/{nested}"));
        words.extend(["-path", &pattern, "-prune", "-o"].map(str::to_owned));
    }
    words
}

/// A path as a pattern of `find` that means this path only.
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

pub(super) fn append_tree<W: io::Write>(
    tar: &mut tar::Builder<W>,
    root: &Path,
    below: &Path,
    user: User,
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
            append_tree(tar, root, &name, user)?;
        } else if meta.is_symlink() {
            header.set_size(0);
            tar.append_link(&mut header, &name, std::fs::read_link(entry.path())?)?;
        } else if meta.is_file() {
            let file = std::fs::File::open(entry.path())?;
            // A file that shrinks is filled up, so that the archive stays whole.
            let content = file.chain(io::repeat(0)).take(meta.len());
            tar.append_data(&mut header, &name, content)?;
        }
    }
    Ok(())
}

/// Reads what arrives through a channel, on a thread that may block.
pub(super) struct Received {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl Received {
    pub(super) fn new(receiver: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Received {
            receiver,
            rest: Bytes::new(),
        }
    }
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.rest = piece?,
                None => return Ok(0),
            }
        }
        let length = self.rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}
