//! A way to the engine that can be cut: a socket of its own, which passes everything on to the engine's.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// As long as there is the file `cut` in the directory, the engine cannot be reached.
pub(crate) struct EngineWay {
    directory: tempfile::TempDir,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl EngineWay {
    /// `None` where the engine is not behind a socket of this machine.
    pub(crate) fn open() -> Option<Self> {
        let engine = engine()?;
        let directory = tempfile::tempdir().expect("a temporary directory");
        let is_over = Arc::new(AtomicBool::new(false));
        let (path, over) = (directory.path().to_owned(), Arc::clone(&is_over));
        let listener = listen(&path);
        let thread = std::thread::spawn(move || keep(&path, &engine, listener, &over));
        Some(EngineWay {
            directory,
            is_over,
            thread: Some(thread),
        })
    }

    /// What `DOCKER_HOST` says.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.directory.path().join("engine").display())
    }

    /// The file that cuts the way.
    pub(crate) fn cut(&self) -> PathBuf {
        self.directory.path().join("cut")
    }
}

impl Drop for EngineWay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn engine() -> Option<PathBuf> {
    match std::env::var("DOCKER_HOST") {
        Ok(host) => host.strip_prefix("unix://").map(PathBuf::from),
        Err(_) => Some("/var/run/docker.sock".into()),
    }
}

fn listen(directory: &Path) -> UnixListener {
    let listener = UnixListener::bind(directory.join("engine")).expect("a socket");
    listener.set_nonblocking(true).expect("a socket");
    listener
}

fn keep(directory: &Path, engine: &Path, listener: UnixListener, is_over: &AtomicBool) {
    let open: Mutex<Vec<UnixStream>> = Mutex::default();
    let mut listener = Some(listener);
    while !is_over.load(Ordering::Relaxed) {
        let is_cut = directory.join("cut").exists();
        if is_cut && listener.take().is_some() {
            let _ = std::fs::remove_file(directory.join("engine"));
            for stream in open.lock().expect("streams").drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        if !is_cut && listener.is_none() {
            listener = Some(listen(directory));
        }
        match listener.as_ref().map(UnixListener::accept) {
            Some(Ok((near, _))) => {
                let _ = near.set_nonblocking(false);
                let Ok(far) = UnixStream::connect(engine) else {
                    continue;
                };
                let both = |stream: &UnixStream| stream.try_clone().expect("a socket");
                open.lock()
                    .expect("streams")
                    .extend([both(&near), both(&far)]);
                pass(both(&near), both(&far));
                pass(far, near);
            }
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    for stream in open.lock().expect("streams").drain(..) {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Passes on what comes from one side. Docker's API ends one direction of a connection before the other.
fn pass(mut from: UnixStream, mut to: UnixStream) {
    std::thread::spawn(move || {
        let mut piece = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            if to.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
