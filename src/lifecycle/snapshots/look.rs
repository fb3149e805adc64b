//! Lists the content of a running container's mounts, and reads files from them.

use std::collections::BTreeSet;
use std::io::{self, BufReader, BufWriter, Read, Write};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot};

use super::super::mounts::{COMPLAINTS, keep, marked};
use super::super::{Error, Result, Sandbox};
use crate::engine::spec::ExecSpec;
use crate::engine::{Engine, Error as EngineError};
use crate::mount_snapshot::{Index, Listing, read};
use crate::output::Output;
use crate::pieces::Received;
use crate::text::quote;

/// The content of the mounts.
pub(super) struct Found {
    pub(super) index: Index,
    /// Files that should have been read and could not be.
    pub(super) missing: Vec<String>,
    /// Mounts in other mounts that the container has lost.
    pub(super) lost_mounts: Vec<String>,
}

/// Why the list could not be read.
enum Unread {
    /// An error of the file that receives the content.
    Write(io::Error),
    /// An error of the data from the container.
    Read(io::Error),
}

impl<E: Engine> Sandbox<'_, E> {
    pub(super) async fn find_on_mounts(
        &self,
        container: &str,
        mounts: &[String],
        known: &Index,
        opening: Vec<u8>,
    ) -> Result<Found> {
        let found = self.look(container, mounts, known.clone(), opening, io::sink());
        Ok(found.await?.map_err(EngineError::Io)?)
    }

    /// Lists the content of the mounts, and reads the files that are not known. The owner first gets access to the
    /// directories in `opening`. The inner error is an error of `out`.
    pub(super) async fn look(
        &self,
        container: &str,
        mounts: &[String],
        known: Index,
        opening: Vec<u8>,
        out: impl Write + Send + 'static,
    ) -> Result<io::Result<Found>> {
        if mounts.is_empty() {
            return Ok(Ok(Found {
                index: Index::default(),
                missing: Vec::new(),
                lost_mounts: Vec::new(),
            }));
        }
        // The list of a mount includes the mounts in it.
        let (tops, nested) = sorted(mounts);
        let mut arguments = vec![opening.len().to_string()];
        arguments.extend(tops.iter().map(|path| format!("./{path}")));
        let spec = ExecSpec {
            command: marked(&looking(&nested), &arguments),
            stdin: true,
            ..ExecSpec::default()
        };
        let exec = self.engine.exec(container, &spec).await?;
        let (mut output, mut input) = (exec.output, exec.input);
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(8);
        let (listed, wanted) = oneshot::channel::<Vec<u8>>();
        let reading = tokio::task::spawn_blocking(move || {
            found(Received::new(receiver), &known, listed, out)
        });
        let ask = async {
            // If the script does not read its input, its answer shows the reason.
            let _ = input.write_all(&opening).await;
            let _ = input.flush().await;
            if let Ok(names) = wanted.await {
                let _ = input.write_all(&names).await;
            }
            let _ = input.shutdown().await;
        };
        let mut errors = Vec::new();
        let hear = async {
            while let Some(piece) = output.next().await {
                match piece? {
                    Output::Stderr(bytes) => keep(&mut errors, &bytes, COMPLAINTS),
                    Output::Stdout(bytes) => {
                        if sender.send(Ok(bytes)).await.is_err() {
                            break;
                        }
                    }
                }
            }
            drop(sender);
            Ok::<_, Error>(())
        };
        let ((), heard) = tokio::join!(ask, hear);
        heard?;
        let found = reading
            .await
            .map_err(|err| EngineError::Io(io::Error::other(err)))?;
        let said = String::from_utf8_lossy(&errors).trim().to_owned();
        match found {
            Err(Unread::Write(source)) => Ok(Err(source)),
            // The error output of the script says more than the message that its archive is cut off.
            Err(Unread::Read(_)) if !said.is_empty() => Err(EngineError::Other(said).into()),
            Err(Unread::Read(source)) => Err(EngineError::Io(source).into()),
            Ok(found) if self.ended(exec.exit).await? == 0 => Ok(Ok(found)),
            Ok(_) => Err(EngineError::Other(said).into()),
        }
    }
}

/// Reads the answer: the list, then the archive of the files that are not known.
fn found(
    from: Received,
    known: &Index,
    listed: oneshot::Sender<Vec<u8>>,
    out: impl Write,
) -> Result<Found, Unread> {
    let mut from = BufReader::with_capacity(256 * 1024, from);
    let mut listing = Listing::read(&mut from, known).map_err(Unread::Read)?;
    let lost_mounts = std::mem::take(&mut listing.lost_mounts);
    let _ = listed.send(listing.to_read());
    let mut out = BufWriter::with_capacity(256 * 1024, out);
    let mut failed = None;
    let index = read(
        Tee {
            from,
            to: &mut out,
            failed: &mut failed,
        },
        listing,
    );
    match (failed, index) {
        (Some(source), _) => Err(Unread::Write(source)),
        (None, Err(source)) => Err(Unread::Read(source)),
        (None, Ok((index, missing))) => {
            out.flush().map_err(Unread::Write)?;
            Ok(Found {
                index,
                missing,
                lost_mounts,
            })
        }
    }
}

/// A script that lists the mounts, which are its arguments after the length of a list of directories to open. Then it
/// packs the files whose names it reads. A mount in a mount vanishes from a container if its directory is deleted
/// from outside. The code 1 of tar means that a file changed or vanished while tar read it, which is not a failure.
fn looking(nested: &[String]) -> String {
    let nested: BTreeSet<String> = nested
        .iter()
        .map(|path| quote(&format!("./{path}")))
        .collect();
    let nested: Vec<String> = nested.into_iter().collect();
    let lost = if nested.is_empty() {
        String::new()
    } else {
        format!(
            "for mount in {}; do mountpoint -q \"$mount\" || printf '%s\\0' \"$mount\"; done\n",
            nested.join(" ")
        )
    };
    format!(
        "cd /app || exit 2\n\
        head -c \"$1\" | xargs -0r chmod u+rwx -- || exit 2\n\
        shift\n\
        date +%s.%N | tr '\\n' '\\0'\n\
        {lost}printf '\\0'\n\
        find \"$@\" {} || exit 2\n\
        printf '\\0'\n\
        tar --create --format=gnu --sparse --hard-dereference --no-recursion --ignore-failed-read \
        --warning=no-file-changed --null --no-unquote --files-from=-\n\
        code=$?; [ $code -le 1 ] || exit $code",
        Listing::FIND
    )
}

/// The mounts that lie in no other mount, and those that do.
fn sorted(mounts: &[String]) -> (Vec<String>, Vec<String>) {
    mounts.iter().cloned().partition(|path| {
        !mounts
            .iter()
            .any(|other| path.starts_with(&format!("{other}/")))
    })
}

/// Reads from one stream and copies what it reads to another.
struct Tee<'a, R, W> {
    from: R,
    to: W,
    failed: &'a mut Option<io::Error>,
}

impl<R: Read, W: Write> Read for Tee<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        if let Err(source) = self.to.write_all(&buffer[..length]) {
            *self.failed = Some(source);
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(length)
    }
}
