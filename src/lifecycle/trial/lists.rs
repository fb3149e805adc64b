//! The files of a writable copy at several moments.
//!
//! Where the copy lies over the build, the build is listed once, while the operation runs, and at each moment only the
//! directories in which something may be different.

use super::copies::{FROM, Method};
use super::{Filled, Result, Sandbox};
use crate::engine::Engine;
use crate::mount_suggestion::{Files, LIST, LIST_TOUCHED, Touched};

/// What there was at one moment.
pub(super) enum Seen {
    /// What is different from the build.
    Touched(Touched),
    All(Files),
}

impl Seen {
    /// All files, where `lower` are those of the build.
    pub(super) fn over(self, lower: &Files) -> Files {
        match self {
            Seen::Touched(touched) => touched.over(lower),
            Seen::All(files) => files,
        }
    }

    /// How many files the copy itself may hold; `None` if it holds all.
    pub(super) fn own(&self) -> Option<usize> {
        match self {
            Seen::Touched(touched) => Some(touched.count()),
            Seen::All(_) => None,
        }
    }
}

/// How to list the files of one copy.
pub(super) struct Lists<'a> {
    pub(super) filled: &'a Filled,
    /// The user of the app: what it cannot read is not listed.
    pub(super) user: &'a str,
    pub(super) method: Method,
}

impl Lists<'_> {
    fn is_layered(&self) -> bool {
        self.method == Method::Overlay && self.filled.is_one_file_system
    }
}

impl<E: Engine> Sandbox<'_, E> {
    /// What there is now.
    pub(super) async fn seen(&self, lists: &Lists<'_>) -> Result<Seen> {
        let Lists { filled, user, .. } = *lists;
        if lists.is_layered() {
            let listed = self.ours(&filled.copying, user, "/app", LIST_TOUCHED);
            if let Some(touched) = Touched::parse(&listed.await?.1) {
                return Ok(Seen::Touched(touched));
            }
        }
        let (_, text, _) = self.ours(&filled.copying, user, "/app", LIST).await?;
        Ok(Seen::All(Files::parse(&text)))
    }

    /// The files of the build, if they are to be known.
    pub(super) async fn lower(&self, lists: &Lists<'_>) -> Result<Files> {
        if !lists.is_layered() {
            return Ok(Files::default());
        }
        let listed = self.ours(&lists.filled.copying, lists.user, FROM, LIST);
        Ok(Files::parse(&listed.await?.1))
    }
}
