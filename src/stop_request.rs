//! How another process asks an activity to stop: by a file beside the lock or record of the activity, to which each
//! request adds a byte. A signal would need the number of the process, and would stop all activities of the process.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::private;

/// How often an activity checks for requests to stop.
const POLL: Duration = Duration::from_millis(50);

/// How many requests count: after the third, the activity leaves everything as it is.
const MOST: u64 = 3;

/// A request to stop. Dropping it withdraws the request.
#[derive(Debug)]
pub struct StopRequest {
    path: PathBuf,
}

impl StopRequest {
    /// Sends a first request through the file at `path`.
    pub fn send(path: &Path) -> std::io::Result<Self> {
        let request = StopRequest {
            path: path.to_owned(),
        };
        request.again()?;
        Ok(request)
    }

    /// Sends one more request, which makes the stop more urgent.
    pub fn again(&self) -> std::io::Result<()> {
        use std::io::{Seek, SeekFrom};
        let mut file = private::file(&self.path)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(b"!")
    }
}

impl Drop for StopRequest {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Watches for requests until it is dropped.
#[derive(Debug)]
pub struct Heeding(Option<AbortHandle>);

impl Drop for Heeding {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Calls `stop` for each request that arrives through the file at `path()`. The path may change, or be unknown at
/// first. Outside of an async runtime no request is noticed.
pub fn heed(
    path: impl Fn() -> Option<PathBuf> + Send + 'static,
    stop: impl Fn() + Send + 'static,
) -> Heeding {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return Heeding(None);
    };
    let task = runtime.spawn(async move {
        let (mut looked_at, mut heard) = (None, 0);
        loop {
            tokio::time::sleep(POLL).await;
            let path = path();
            if path != looked_at {
                (looked_at, heard) = (path, 0);
            }
            let file = looked_at.as_ref().and_then(|path| path.metadata().ok());
            let requests = file.map_or(0, |file| file.len().min(MOST));
            for _ in heard..requests {
                stop();
            }
            heard = heard.max(requests);
        }
    });
    Heeding(Some(task.abort_handle()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_request_is_heard_once_and_only_by_its_activity() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| directory.path().join(name));
        let heard: [Arc<AtomicU64>; 2] = Default::default();
        let _heeding = [(&one, &heard[0]), (&other, &heard[1])].map(|(path, heard)| {
            let (path, heard) = (path.clone(), Arc::clone(heard));
            let count = move || {
                heard.fetch_add(1, SeqCst);
            };
            heed(move || Some(path.clone()), count)
        });
        let counts = || heard.each_ref().map(|heard| heard.load(SeqCst));
        let request = StopRequest::send(&one).unwrap();
        tokio::time::sleep(POLL * 3).await;
        assert_eq!(counts(), [1, 0]);
        for _ in 0..10 {
            request.again().unwrap();
        }
        tokio::time::sleep(POLL * 3).await;
        assert_eq!(counts(), [MOST, 0]);
        drop(request);
        assert!(!one.exists());
    }
}
