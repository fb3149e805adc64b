//! Sends requests to an engine at a socket or a TCP address, each on a connection of its own. The number of bytes
//! read from a connection is limited, except for the output of commands, logs and archives.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bollard::BollardRequest;
use bollard::errors::Error as Bollard;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, SERVER};
use hyper::{Response, Uri, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OnceCell;

use super::product::Product;

/// The maximum size of an answer, in bytes. A list of 10,000 containers has some 20 MB.
pub(super) const LONGEST: u64 = 64 * 1024 * 1024;

/// The address of an engine.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A socket of this machine.
    Socket(PathBuf),
    /// `host:port`.
    Address(String),
}

/// An answer that exceeds [`LONGEST`].
#[derive(Debug, thiserror::Error)]
#[error("its answer is longer than {} MiB", LONGEST / 1024 / 1024)]
pub(super) struct TooLong;

/// Sends one request. The first answer says which product answers.
pub(super) async fn send(
    place: Place,
    product: Arc<OnceCell<Product>>,
    request: BollardRequest,
) -> Result<Response<Incoming>, Bollard> {
    let response = match place {
        Place::Socket(path) => {
            let stream = UnixStream::connect(path).await?;
            send_over(stream, "localhost", request).await
        }
        Place::Address(address) => {
            let stream = TcpStream::connect(address.as_str()).await?;
            stream.set_nodelay(true)?;
            send_over(stream, &address, request).await
        }
    }?;
    if let Some(named) = response.headers().get(SERVER)
        && let Ok(named) = named.to_str()
    {
        // It stays the product that answered first.
        let _ = product.set(Product::of_server(named));
    }
    Ok(response)
}

async fn send_over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    host: &str,
    mut request: BollardRequest,
) -> Result<Response<Incoming>, Bollard> {
    let is_stream = is_stream(request.uri().path());
    let left = Arc::new(AtomicU64::new(if is_stream { u64::MAX } else { LONGEST }));
    let stream = Limited {
        stream,
        left: Arc::clone(&left),
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The task ends with the answer, or when the answer is dropped. Its errors reach the reader of the answer too.
    tokio::spawn(async move { connection.with_upgrades().await });
    let path = request.uri().path_and_query().map(ToString::to_string);
    *request.uri_mut() = path.unwrap_or_default().parse::<Uri>().unwrap_or_default();
    let host = HeaderValue::from_str(host).unwrap_or(HeaderValue::from_static("localhost"));
    request.headers_mut().insert(HOST, host);
    let response = sender.send_request(request).await?;
    if response.status().is_client_error() || response.status().is_server_error() {
        left.store(LONGEST, Ordering::Relaxed);
    }
    Ok(response)
}

/// Whether the answer to a request has no natural limit: `/exec/<id>/start`, `/images/create`. The path may begin
/// with the version of the API.
fn is_stream(path: &str) -> bool {
    let is_version = |part: &str| {
        let number = part.strip_prefix('v').unwrap_or_default();
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let parts = match parts.as_slice() {
        [first, rest @ ..] if is_version(first) => rest,
        all => all,
    };
    matches!(
        parts,
        ["exec", _, "start"]
            | ["containers", _, "logs" | "archive"]
            | ["images", "create"]
            | ["build"]
    )
}

/// A connection from which only `left` further bytes may be read.
struct Limited<S> {
    stream: S,
    left: Arc<AtomicU64>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = (buffer.filled().len() - before) as u64;
        let left = self.left.load(Ordering::Relaxed);
        if left == u64::MAX {
            return polled;
        }
        if read > left {
            return Poll::Ready(Err(io::Error::other(TooLong)));
        }
        self.left.store(left - read, Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_commands_logs_and_archives_hold_has_no_limit() {
        for path in [
            "/v1.41/exec/abc/start",
            "/v1.41/containers/abc/logs",
            "/v1.41/containers/abc/archive",
            "/v1.41/images/create",
            "/v1.41/build",
            "/exec/abc/start",
            "/containers/abc/archive",
            "/build",
        ] {
            assert!(is_stream(path), "{path}");
        }
        for path in [
            "/containers/json",
            "/exec/abc/json",
            "/v/exec/abc/start",
            "/v1.41/exec/abc/json",
            "/v1.41/containers/json",
            "/v1.41/containers/logs/json",
            "/v1.41/images/json",
            "/v1.41/info",
            "/_ping",
        ] {
            assert!(!is_stream(path), "{path}");
        }
    }
}
