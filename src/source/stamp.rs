//! What the kernel says of a file, kept to know later whether the file is still the same.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

/// How far the kernel's clock for time stamps may lag behind the real one: a tick is 10 ms at most.
const TICK: i64 = 20_000_000;
/// The same on file systems that only keep (even) seconds.
const COARSE_TICK: i64 = 2_100_000_000;
const SECOND: i64 = 1_000_000_000;

/// Two equal stamps mean an unchanged file. Times are nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub mode: u32,
    pub size: u64,
    pub mtime: i64,
    pub ctime: i64,
    pub inode: u64,
}

impl Stamp {
    /// Never equal to a real stat result, so the file is read again.
    pub(super) const UNKNOWN: Stamp = Stamp {
        mode: 0,
        size: 0,
        mtime: 0,
        ctime: 0,
        inode: 0,
    };

    /// Nothing is there.
    pub(super) const ABSENT: Stamp = Stamp {
        inode: 1,
        ..Stamp::UNKNOWN
    };

    /// The stamp of a `stat` result.
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        clippy::cast_lossless,
        reason = "the fields' types differ between platforms"
    )]
    pub(super) fn of(stat: &Stat) -> Stamp {
        let time = |seconds: i64, nanoseconds: i64| {
            seconds.saturating_mul(SECOND).saturating_add(nanoseconds)
        };
        Stamp {
            mode: stat.st_mode as u32,
            size: stat.st_size as u64,
            mtime: time(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctime: time(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            inode: stat.st_ino as u64,
        }
    }

    /// The stamp of what a path leads to, through symbolic links.
    pub(super) fn behind(path: &Path) -> Stamp {
        rustix::fs::stat(path).map_or(Stamp::ABSENT, |stat| Stamp::of(&stat))
    }

    /// What may be remembered of a file that was looked at after `began`. A file that changed so shortly
    /// before that the next change may get the same time stamp is not believed later; Git calls it racy.
    pub(super) fn settled(self, began: i64) -> Stamp {
        let old = |time: i64| {
            let tick = if time % SECOND == 0 {
                COARSE_TICK
            } else {
                TICK
            };
            time.saturating_add(tick) < began
        };
        if self == Stamp::ABSENT || (old(self.mtime) && old(self.ctime)) {
            self
        } else {
            Stamp::UNKNOWN
        }
    }
}

/// The time now, as stamps have it.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or_default()
}
