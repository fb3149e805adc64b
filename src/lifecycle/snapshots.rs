//! Takes what is on a running container's mounts out of it, and puts it back.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::mounts::{Received, escaped};
use super::{Error, OperationRun, Planned, Report, Result, Sandbox, archive};
use crate::engine::spec::{Container, ExecSpec, Output};
use crate::engine::{Engine, Error as EngineError};
use crate::event::Event;
use crate::mount_snapshot::{Index, Store, Taken, compare};

/// Packs the directories that are its arguments. Whoever writes at the same moment is no failure (1).
const PACK: &str = "cd /app || exit 2\n\
    tar --create --format=posix --warning=no-file-changed --warning=no-file-ignored -- \"$@\"\n\
    code=$?; [ $code -le 1 ] || exit $code";

/// Where what was on the mounts before a run is kept until it is put back.
#[derive(Debug, Clone)]
pub struct Undo<'a> {
    /// The snapshots of its container.
    pub store: Store,
    /// The name of the snapshot.
    pub name: &'a str,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Runs an operation and puts the mounts of its container back as they were when it began.
    pub async fn run_and_undo(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        containers: &[Container],
        undo: &Undo<'_>,
    ) -> Result<Report> {
        let mounts = &run.container.mounts;
        let title = run.container.title(&planned.plan.app);
        // What an earlier run left must not be replaced by what that one wrote.
        if undo.store.has(undo.name) {
            return Err(Error::NotUndone {
                container: title,
                snapshot: undo.name.to_owned(),
            });
        }
        let deployed = self
            .ensure_ready(planned, run.container, containers, run.listens_at)
            .await?;
        let before = self
            .take_snapshot(&deployed.id, mounts, &undo.store, undo.name)
            .await?;
        let containers = self.containers().await?;
        let result = self.run_operation(planned, run, &containers).await;
        let undone = async {
            let now = self.index_of_mounts(&deployed.id, mounts).await?;
            let changes = compare(&before.index, &now);
            if !changes.is_empty() {
                let (_, archive) = undo.store.open(undo.name)?;
                self.restore_snapshot(&deployed.id, mounts, archive).await?;
            }
            undo.store.remove(undo.name)?;
            self.emit(Event::MountsRestored {
                container: title.clone(),
                changes,
            })
            .await;
            Ok::<_, Error>(())
        };
        match (undone.await, result) {
            (Ok(()), result) => result,
            // What went wrong with the operation is the cause of it.
            (Err(_), Err(err)) => Err(err),
            (Err(err), Ok(_)) => Err(err),
        }
    }

    /// Keeps what is on all mounts of a container under a name.
    pub async fn take_snapshot(
        &self,
        container: &str,
        mounts: &[String],
        store: &Store,
        name: &str,
    ) -> Result<Taken> {
        let file = store.begin()?;
        let out = file.reopen().map_err(|source| Error::File {
            path: file.path().to_owned(),
            source,
        })?;
        let index = self.pack(container, mounts, out, file.path()).await?;
        let taken = Taken {
            taken_at: jiff::Timestamp::now().to_string(),
            mounts: mounts.to_vec(),
            index,
        };
        store.keep(name, file, &taken)?;
        Ok(taken)
    }

    /// What is on all mounts of a container now.
    pub async fn index_of_mounts(&self, container: &str, mounts: &[String]) -> Result<Index> {
        self.pack(container, mounts, io::sink(), Path::new("the mounts"))
            .await
    }

    /// Puts a snapshot back: whatever else is on the mounts is deleted.
    pub async fn restore_snapshot(
        &self,
        container: &str,
        mounts: &[String],
        archive: File,
    ) -> Result<()> {
        if mounts.is_empty() {
            return Ok(());
        }
        let stream = archive::stream(move |mut out| {
            io::copy(
                &mut io::BufReader::with_capacity(64 * 1024, archive),
                &mut out,
            )?;
            out.flush()
        });
        let (tops, nested) = sorted(mounts);
        let mut command = ["/bin/dash", "-c", &restoring(&nested), "upsun-local"]
            .map(str::to_owned)
            .to_vec();
        command.extend(tops.iter().chain(&nested).map(|path| format!("./{path}")));
        let spec = ExecSpec {
            command,
            stdin: true,
            ..ExecSpec::default()
        };
        self.feed(container, &spec, stream).await
    }

    async fn pack(
        &self,
        container: &str,
        mounts: &[String],
        out: impl Write + Send + 'static,
        path: &Path,
    ) -> Result<Index> {
        if mounts.is_empty() {
            return Ok(Index::default());
        }
        // What is in a mount is packed with it.
        let (tops, _) = sorted(mounts);
        let mut command = ["/bin/dash", "-c", PACK, "upsun-local"]
            .map(str::to_owned)
            .to_vec();
        command.extend(tops.iter().map(|path| format!("./{path}")));
        let spec = ExecSpec {
            command,
            ..ExecSpec::default()
        };
        let exec = self.engine.exec(container, &spec).await?;
        let mut output = exec.output;
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(8);
        let read = tokio::task::spawn_blocking(move || {
            let mut out = BufWriter::with_capacity(256 * 1024, out);
            let index = Index::of_archive(Tee {
                from: Received::new(receiver),
                to: &mut out,
            })?;
            out.flush()?;
            Ok::<_, io::Error>(index)
        });
        let mut errors = Vec::new();
        while let Some(piece) = output.next().await {
            match piece? {
                Output::Stderr(bytes) => errors.extend_from_slice(&bytes),
                Output::Stdout(bytes) => {
                    if sender.send(Ok(bytes)).await.is_err() {
                        break;
                    }
                }
            }
        }
        drop(sender);
        let index = read.await.map_err(io::Error::other).and_then(|index| index);
        let said = String::from_utf8_lossy(&errors).trim().to_owned();
        match index {
            // What it says is better than that its archive is cut off.
            Err(_) if !said.is_empty() => Err(EngineError::Other(said).into()),
            Err(source) => Err(Error::File {
                path: path.to_owned(),
                source,
            }),
            Ok(index) if self.ended(&exec.id).await? == 0 => Ok(index),
            Ok(_) => Err(EngineError::Other(said).into()),
        }
    }
}

/// A script that empties the mounts that are its arguments, and unpacks its standard input. A mount in a mount is an
/// argument of its own, and stays where it is.
fn restoring(nested: &[String]) -> String {
    let prune: String = nested
        .iter()
        .map(|path| {
            format!(
                "-path {} -prune -o ",
                quoted(&escaped(&format!("./{path}")))
            )
        })
        .collect();
    // A directory that may not be written to holds what could not be deleted.
    format!(
        "cd /app || exit 2\n\
        find \"$@\" -mindepth 1 {prune}-type d ! -perm -700 -exec chmod u+rwx {{}} \\; || exit 2\n\
        find \"$@\" -mindepth 1 {prune}! -type d -exec rm -f {{}} + || exit 2\n\
        find \"$@\" -mindepth 1 {prune}-type d -print0 | sort -rz | xargs -0r rmdir --ignore-fail-on-non-empty || exit 2\n\
        exec tar --extract --preserve-permissions"
    )
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The mounts that lie in no other, and those that do.
fn sorted(mounts: &[String]) -> (Vec<String>, Vec<String>) {
    mounts.iter().cloned().partition(|path| {
        !mounts
            .iter()
            .any(|other| path.starts_with(&format!("{other}/")))
    })
}

/// Reads from one and writes what it read to another.
struct Tee<R, W> {
    from: R,
    to: W,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.to.write_all(&buffer[..length])?;
        Ok(length)
    }
}
