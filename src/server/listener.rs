//! The connections of a server: on the addresses 127.0.0.1 and ::1 of this machine, at one port.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::answer::Answer;
use crate::failure::{CANNOT_MAKE, Failure};

/// How many connections are open at once; further ones wait.
const CONNECTIONS: usize = 512;

/// How long the head of a request may take, also on a connection that was used before.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 32 << 10;

/// How often a free port is looked for that both addresses have.
const TRIES: usize = 20;

#[derive(Debug)]
pub(super) struct Listener {
    port: u16,
    ipv4: TcpListener,
    /// Missing on a machine without IPv6.
    ipv6: Option<TcpListener>,
}

impl Listener {
    /// Takes a port on both addresses: the given one, or any that is free.
    pub(super) async fn open(port: Option<u16>) -> Result<Self, Failure> {
        let mut last = None;
        for _ in 0..TRIES {
            match Self::bind(port.unwrap_or_default()).await {
                Ok(listener) => return Ok(listener),
                Err(err) if port.is_none() && err.kind() == io::ErrorKind::AddrInUse => {
                    last = Some(err);
                }
                Err(err) => {
                    last = Some(err);
                    break;
                }
            }
        }
        let why = last.map(|err| err.to_string()).unwrap_or_default();
        let failure = match port {
            Some(port) => Failure::new(
                CANNOT_MAKE,
                format!("port {port} of this machine cannot be used: {why}"),
            )
            .hint("end what listens there, or leave out `--port` for a port that is free"),
            None => Failure::new(
                CANNOT_MAKE,
                format!("no port of this machine can be used: {why}"),
            ),
        };
        Err(failure)
    }

    async fn bind(port: u16) -> io::Result<Self> {
        let ipv4 = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let port = ipv4.local_addr()?.port();
        let ipv6 = match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
            Ok(listener) => Some(listener),
            // Another program that has the port there would get what a browser sends to `localhost`.
            Err(err) if err.kind() == io::ErrorKind::AddrInUse => return Err(err),
            Err(_) => None,
        };
        Ok(Listener { port, ipv4, ipv6 })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        let accepted = match &self.ipv6 {
            Some(ipv6) => tokio::select! {
                accepted = self.ipv4.accept() => accepted,
                accepted = ipv6.accept() => accepted,
            },
            None => self.ipv4.accept().await,
        };
        accepted.map(|(stream, _)| stream)
    }

    /// Answers requests. Never ends by itself.
    pub(super) async fn serve<F>(
        self,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = Answer> + Send,
    {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            let stream = match self.accept().await {
                Ok(stream) => stream,
                Err(err) => {
                    // No file is left for a connection: others end meanwhile.
                    tracing::debug!(%err, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let answer = answer.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async { Ok::<_, Infallible>(answer.await) }
                });
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new())
                    .header_read_timeout(PATIENCE)
                    .max_buf_size(LARGEST_HEAD)
                    .half_close(true);
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
                drop(permit);
            });
        }
    }
}
