//! Connections to an engine of another machine by the `ssh` command, as the `docker` command makes them: there,
//! `docker system dial-stdio` passes bytes between its standard streams and the engine.
//!
//! `ssh` reads its own configuration: host names, ports, keys and known hosts are as the user has set them up. It
//! asks nothing, because there may be no terminal: a host key that is not known yet is refused.
//!
//! One login takes about as long as ten requests, so the connections share it (`ControlMaster`). A login ends by
//! itself when this process ends, in whatever way: its standard input is then closed.
//!
//! To start `docker` there takes long, too. So the login asks `docker` once for the socket of its engine, and `ssh`
//! forwards that socket. Where the server allows no forwarding, each connection starts `docker system dial-stdio`.

mod destination;

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf,
};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

pub(super) use self::destination::Destination;
use super::error::plain;
use super::transport::Stream;
use crate::private;

/// The maximum number of connections that share a login: a server allows ten sessions, unless its configuration differs,
/// and the login itself is one of them.
const SESSIONS: usize = 8;

/// How often to look whether a login is complete.
const POLL: Duration = Duration::from_millis(5);

/// The longest path of a socket that all systems allow, without the 17 characters that `ssh` appends for a moment.
const LONGEST_SOCKET: usize = 86;

/// The extension of a socket of this machine that leads to an engine.
const FORWARDED: &str = "engine";

/// What a login runs: `docker` says where its engine is, an empty line follows in any case, and `cat` ends with its
/// input, and the login with `cat`.
const ASK: &str = "docker context inspect --format '{{.Endpoints.docker.Host}}'; echo; exec cat";

/// How long the answer may take. Without an answer, nothing is forwarded.
const ANSWER: Duration = Duration::from_secs(2);

/// How much of the messages of `ssh` is kept, in bytes.
const LONGEST_MESSAGE: u64 = 8 * 1024;

/// Options of each call. `ssh` must ask nothing, open no ports that the user's configuration lists for shells, and
/// print no banner.
const OPTIONS: [&str; 7] = [
    "BatchMode=yes",
    "ClearAllForwardings=yes",
    "ConnectTimeout=15",
    "ControlPersist=no",
    "LogLevel=ERROR",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
];

/// Why `ssh` gave no connection, in its own words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

/// The way to the engine of another machine.
#[derive(Debug)]
pub(super) struct Ssh {
    destination: Destination,
    logins: Mutex<Vec<Arc<Login>>>,
}

/// A login that connections share. It ends with its standard input.
#[derive(Debug)]
struct Login {
    socket: PathBuf,
    child: Child,
    /// The socket of this machine that leads to the engine.
    engine: Option<PathBuf>,
}

impl Drop for Login {
    fn drop(&mut self) {
        // `ssh` removes the socket as well, but this process may end first.
        for socket in self.engine.iter().chain([&self.socket]) {
            let _ = std::fs::remove_file(socket);
        }
    }
}

impl Ssh {
    pub(super) fn new(destination: Destination) -> Self {
        Ssh {
            destination,
            logins: Mutex::default(),
        }
    }

    /// A new connection to the engine.
    pub(super) async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let login = self.login().await?;
        if let Some(engine) = login.as_ref().and_then(|login| login.engine.as_ref()) {
            return Ok(Box::new(UnixStream::connect(engine).await?));
        }
        let mut command = self.command();
        if let Some(login) = &login {
            command.arg("-S").arg(&login.socket);
        }
        command.args(self.destination.words());
        command.arg(self.destination.remote());
        let mut child = spawn(&mut command)?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let messages = child.stderr.take().map(messages);
        Ok(Box::new(SshStream {
            _child: child,
            _login: login,
            stdin,
            stdout,
            messages,
            has_begun: false,
        }))
    }

    /// A login that has room for one more connection; `None` if connections cannot share one here.
    async fn login(&self) -> io::Result<Option<Arc<Login>>> {
        // Only one login at a time: servers refuse to begin many.
        let mut logins = self.logins.lock().await;
        logins.retain(|login| login.socket.exists());
        let has_room =
            |login: &&Arc<Login>| login.engine.is_some() || Arc::strong_count(login) <= SESSIONS;
        if let Some(login) = logins.iter().find(has_room) {
            return Ok(Some(Arc::clone(login)));
        }
        let Some(socket) = new_socket() else {
            return Ok(None);
        };
        let mut command = self.command();
        command.arg("-M").arg("-S").arg(&socket);
        command.args(self.destination.words());
        command.arg(match self.destination.socket {
            // The socket is known.
            Some(_) => "cat",
            None => ASK,
        });
        let mut child = spawn(&mut command)?;
        let messages = child.stderr.take().map(messages);
        let mut login = Login {
            socket,
            child,
            engine: None,
        };
        while !login.socket.exists() {
            if login.child.try_wait()?.is_some() {
                return Err(refused(messages).await);
            }
            tokio::time::sleep(POLL).await;
        }
        login.engine = self.forwarded(&mut login).await;
        let login = Arc::new(login);
        logins.push(Arc::clone(&login));
        Ok(Some(login))
    }

    /// Forwards the socket of the engine there. Returns the socket of this machine, if an engine answers on it.
    async fn forwarded(&self, login: &mut Login) -> Option<PathBuf> {
        let there = if let Some(path) = &self.destination.socket {
            path.clone()
        } else {
            let stdout = BufReader::new(login.child.stdout.as_mut()?);
            let line = tokio::time::timeout(ANSWER, stdout.lines().next_line()).await;
            line.ok()?.ok()??.strip_prefix("unix://")?.to_owned()
        };
        // `ssh` separates the two by a colon.
        if !there.starts_with('/') || there.contains(':') {
            return None;
        }
        let here = login.socket.with_extension(FORWARDED);
        let mut command = Command::new("ssh");
        // Without the user's configuration: it may name ports to forward, too.
        command.args(["-F", "none", "-S"]).arg(&login.socket);
        command.args(["-O", "forward", "-L"]);
        command.arg(format!("{}:{there}", here.display()));
        command.args(["--", &self.destination.host]);
        let forwards = async {
            spawn(&mut command)?.wait().await?;
            answers(&here).await
        };
        if !matches!(tokio::time::timeout(ANSWER, forwards).await, Ok(Ok(true))) {
            let _ = std::fs::remove_file(&here);
            return None;
        }
        Some(here)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("ssh");
        command.arg("-T");
        for option in OPTIONS {
            command.arg("-o").arg(option);
        }
        command
    }
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A Ctrl-C is for this process, which may still need the connection to clean up.
        .process_group(0)
        .kill_on_drop(true);
    command.spawn().map_err(|err| {
        let reason = match err.kind() {
            io::ErrorKind::NotFound => "there is no `ssh` command on this machine".to_owned(),
            _ => format!("the `ssh` command cannot be run: {err}"),
        };
        io::Error::other(Refused(reason))
    })
}

/// Whether an engine answers on a socket.
async fn answers(socket: &Path) -> io::Result<bool> {
    let mut stream = UnixStream::connect(socket).await?;
    let request = b"GET /_ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut beginning = [0; 5];
    stream.read_exact(&mut beginning).await?;
    Ok(&beginning == b"HTTP/")
}

/// Where the connections that share a login find it: in a directory that only this user can enter.
fn new_socket() -> Option<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let parents = runtime.into_iter().chain([std::env::temp_dir()]);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("ssh-{}-{count}", std::process::id());
    let path = parents
        .filter(|parent| parent.is_absolute())
        .filter_map(|parent| private::directory_in(&parent).ok())
        .map(|directory| directory.join(&name))
        .find(|path| path.as_os_str().len() <= LONGEST_SOCKET)?;
    remove_abandoned(path.parent()?);
    Some(path)
}

/// Removes the forwarded sockets of processes that were killed. Nothing listens on them.
fn remove_abandoned(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_forwarded = path.extension().is_some_and(|name| name == FORWARDED);
        let connected = is_forwarded.then(|| std::os::unix::net::UnixStream::connect(&path));
        if let Some(Err(err)) = connected
            && err.kind() == io::ErrorKind::ConnectionRefused
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Collects what `ssh` says.
fn messages(stderr: ChildStderr) -> JoinHandle<String> {
    tokio::spawn(async move {
        let (mut stderr, mut bytes) = (stderr, Vec::new());
        let mut beginning = (&mut stderr).take(LONGEST_MESSAGE);
        let _ = beginning.read_to_end(&mut bytes).await;
        // `ssh` would wait if nobody read the rest.
        let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
        short(&plain(&String::from_utf8_lossy(&bytes)))
    })
}

/// A message of `ssh` without the box that it draws around a warning.
fn short(text: &str) -> String {
    const CHANGED: &str = "REMOTE HOST IDENTIFICATION HAS CHANGED";
    if !text.contains(CHANGED) {
        return text.to_owned();
    }
    let end = text.rfind("Host key for ").unwrap_or(text.len());
    format!("{CHANGED}: {}", &text[end..])
        .trim_end_matches([':', ' '])
        .to_owned()
}

async fn refused(messages: Option<JoinHandle<String>>) -> io::Error {
    let text = match messages {
        Some(messages) => messages.await.unwrap_or_default(),
        None => String::new(),
    };
    no_connection(text)
}

fn no_connection(text: String) -> io::Error {
    let text = if text.is_empty() {
        "`ssh` ended without a message".to_owned()
    } else {
        text
    };
    io::Error::other(Refused(text))
}

/// A connection to the engine.
#[derive(Debug)]
struct SshStream {
    _child: Child,
    /// The login is kept for as long as connections use it.
    _login: Option<Arc<Login>>,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// What `ssh` says, until the engine has said something.
    messages: Option<JoinHandle<String>>,
    has_begun: bool,
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stdout).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.has_begun = true;
        }
        if self.has_begun {
            return Poll::Ready(Ok(()));
        }
        // A connection that ends before the engine said anything: `ssh` knows why.
        let Some(messages) = &mut self.messages else {
            return Poll::Ready(Ok(()));
        };
        let text = ready!(Pin::new(messages).poll(context)).unwrap_or_default();
        self.messages = None;
        Poll::Ready(Err(no_connection(text)))
    }
}

impl SshStream {
    /// The result of a write, or `done` for a pipe that broke before the engine said anything: the next read tells why
    /// `ssh` ended.
    fn unless_broken<T>(has_begun: bool, result: io::Result<T>, done: T) -> io::Result<T> {
        match result {
            Err(err) if !has_begun && err.kind() == io::ErrorKind::BrokenPipe => Ok(done),
            other => other,
        }
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let has_begun = self.has_begun;
        match &mut self.stdin {
            Some(stdin) => {
                let written = ready!(Pin::new(stdin).poll_write(context, bytes));
                Poll::Ready(Self::unless_broken(has_begun, written, bytes.len()))
            }
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let has_begun = self.has_begun;
        match &mut self.stdin {
            Some(stdin) => {
                let flushed = ready!(Pin::new(stdin).poll_flush(context));
                Poll::Ready(Self::unless_broken(has_begun, flushed, ()))
            }
            None => Poll::Ready(Ok(())),
        }
    }

    /// The other side gets to know the end of the data when the pipe is closed.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let has_begun = self.has_begun;
        if let Some(stdin) = &mut self.stdin {
            let flushed = ready!(Pin::new(stdin).poll_flush(context));
            Self::unless_broken(has_begun, flushed, ())?;
        }
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_nothing_listens_on_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let listen = |name: &str| std::os::unix::net::UnixListener::bind(path(name)).unwrap();
        let _kept = listen("ssh-1-0.engine");
        drop(listen("ssh-2-0.engine"));
        drop(listen("other"));
        remove_abandoned(directory.path());
        assert!(path("ssh-1-0.engine").exists() && path("other").exists());
        assert!(!path("ssh-2-0.engine").exists());
    }

    #[test]
    fn the_warning_of_a_changed_key_is_one_line() {
        let said = "@@@@ @ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @ @@@@ IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY! Offending ED25519 key in /k:1 Host key for [h]:22 has changed and you have requested strict checking. Host key verification failed.";
        assert_eq!(
            short(said),
            "REMOTE HOST IDENTIFICATION HAS CHANGED: Host key for [h]:22 has changed and you have requested strict checking. Host key verification failed."
        );
        assert_eq!(short("Permission denied"), "Permission denied");
    }
}
