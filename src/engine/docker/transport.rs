//! Sends requests to an engine: at a socket or a TCP address, by TLS or through `ssh`. The number of bytes read from a
//! connection is limited, except for the output of commands, logs and archives.
//!
//! A connection to a socket of this machine serves one request. Connections to other machines take long to make, so
//! they are kept and serve further requests.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bollard::errors::Error as Bollard;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue, SERVER};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OnceCell;

use super::product::Product;

use super::ssh::Ssh;
use super::tls::Tls;

/// The maximum size of an answer, in bytes. A list of 10,000 containers has some 20 MB.
pub(super) const LONGEST: u64 = 64 * 1024 * 1024;

/// How long a connection may wait for its next request. Network devices forget connections that are idle for minutes.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// The address of an engine.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A socket of this machine.
    Socket(PathBuf),
    /// `host:port`.
    Address(String),
    /// `host:port`, by TLS.
    Tls(String, Tls),
    /// Another machine, through the `ssh` command.
    Ssh(Arc<Ssh>),
}

/// An answer that exceeds [`LONGEST`].
#[derive(Debug, thiserror::Error)]
#[error("its answer is longer than {} MiB", LONGEST / 1024 / 1024)]
pub(super) struct TooLong;

/// A connection in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The way to one engine. `B` is the body of requests.
#[derive(Debug)]
pub(super) struct Transport<B> {
    place: Place,
    idle: Mutex<Vec<Idle<B>>>,
    /// The product that answers, once an answer has named it.
    product: Arc<OnceCell<Product>>,
}

/// A connection that waits for its next request.
#[derive(Debug)]
struct Idle<B> {
    connection: Connection<B>,
    since: Instant,
}

#[derive(Debug)]
struct Connection<B> {
    sender: SendRequest<B>,
    /// How many further bytes may be read from it.
    left: Arc<AtomicU64>,
}

impl<B> Transport<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new(place: Place, product: Arc<OnceCell<Product>>) -> Self {
        Transport {
            place,
            idle: Mutex::default(),
            product,
        }
    }

    /// Sends one request.
    pub(super) async fn send(
        self: Arc<Self>,
        mut request: Request<B>,
    ) -> Result<Response<Incoming>, Bollard> {
        let limit = if is_stream(request.uri().path()) {
            u64::MAX
        } else {
            LONGEST
        };
        let path = request.uri().path_and_query().map(ToString::to_string);
        *request.uri_mut() = path.unwrap_or_default().parse::<Uri>().unwrap_or_default();
        let host = match &self.place {
            Place::Address(address) | Place::Tls(address, _) => HeaderValue::from_str(address).ok(),
            Place::Socket(_) | Place::Ssh(_) => None,
        };
        let host = host.unwrap_or(HeaderValue::from_static("localhost"));
        request.headers_mut().insert(HOST, host);
        while let Some(mut connection) = self.take_idle() {
            connection.left.store(limit, Ordering::Relaxed);
            match connection.sender.try_send_request(request).await {
                Ok(response) => return Ok(self.answered(connection, response)),
                // The engine closed the connection while it was idle.
                Err(mut err) => match err.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(err.into_error().into()),
                },
            }
        }
        let mut connection = self.connect(limit).await?;
        let response = connection.sender.send_request(request).await?;
        Ok(self.answered(connection, response))
    }

    async fn connect(&self, limit: u64) -> io::Result<Connection<B>> {
        let stream: Box<dyn Stream> = match &self.place {
            Place::Socket(path) => Box::new(UnixStream::connect(path).await?),
            Place::Address(address) => Box::new(tcp(address).await?),
            Place::Tls(address, tls) => Box::new(tls.connect(tcp(address).await?).await?),
            Place::Ssh(ssh) => ssh.connect().await?,
        };
        let left = Arc::new(AtomicU64::new(limit));
        let stream = Limited {
            stream,
            left: Arc::clone(&left),
        };
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(io::Error::other)?;
        // The task ends with the connection. Its errors reach the reader of the answer too.
        tokio::spawn(async move { connection.with_upgrades().await });
        Ok(Connection { sender, left })
    }

    /// Keeps the connection for the next request, once the answer has been read.
    fn answered(
        self: &Arc<Self>,
        mut connection: Connection<B>,
        response: Response<Incoming>,
    ) -> Response<Incoming> {
        let server = response.headers().get(SERVER);
        if let Some(Ok(named)) = server.map(HeaderValue::to_str) {
            // The first answer decides.
            let _ = self.product.set(Product::of_server(named));
        }
        if response.status().is_client_error() || response.status().is_server_error() {
            connection.left.store(LONGEST, Ordering::Relaxed);
        }
        if !matches!(self.place, Place::Socket(_)) {
            let transport = Arc::clone(self);
            tokio::spawn(async move {
                // An answer that is not read to its end, or that became a stream, ends the connection.
                if connection.sender.ready().await.is_ok() {
                    let since = Instant::now();
                    transport.idle().push(Idle { connection, since });
                }
            });
        }
        response
    }

    fn take_idle(&self) -> Option<Connection<B>> {
        let mut idle = self.idle();
        idle.retain(|one| one.since.elapsed() < LONGEST_IDLE && !one.connection.sender.is_closed());
        idle.pop().map(|one| one.connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle<B>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tcp(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
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
