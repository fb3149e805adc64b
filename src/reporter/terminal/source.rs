//! What a source operation does to the repository.

use super::{Screen, Terminal};
use crate::event::{Commit, Source};
use crate::text::safe_line;

/// How many commits are listed.
const COMMITS_SHOWN: usize = 20;

impl<S: Screen> Terminal<S> {
    pub(super) fn source(&mut self, event: Source) {
        match event {
            Source::CloneStarted { branch, commit } => {
                self.is_on_clone = true;
                let what = format!("`{}` at {}", safe_line(&branch), short_commit(&commit));
                self.step("Cloning", &what);
            }
            Source::CommitsRequested { app } => {
                self.step("Fetching", &format!("what {} committed", safe_line(&app)));
            }
            Source::Committed {
                app,
                branch,
                commits,
                rewrote_history,
            } => self.committed(&app, &branch, &commits, rewrote_history),
            Source::Patch { .. } => {}
            Source::CommitsApplied {
                branch,
                because: None,
                ..
            } => self.step("Applied", &format!("`{}` has the new commits", safe_line(&branch))),
            Source::CommitsApplied {
                branch,
                because: Some(because),
                ..
            } => self.step(
                "Applied",
                &format!(
                    "the branch `{}` has the new commits; the checked-out one was left alone, as {}",
                    safe_line(&branch),
                    safe_line(&because)
                ),
            ),
        }
    }

    /// Prints the commits of a source operation.
    fn committed(&mut self, app: &str, branch: &str, commits: &[Commit], rewrote_history: bool) {
        let app = safe_line(app);
        if commits.is_empty() && !rewrote_history {
            self.step("", &format!("{app} made no commit"));
        }
        for (at, commit) in commits.iter().take(COMMITS_SHOWN).enumerate() {
            let verb = if at == 0 { "Committed" } else { "" };
            let subject = safe_line(&commit.subject);
            self.step(
                verb,
                &format!("{app}: {} {subject}", short_commit(&commit.id)),
            );
        }
        if commits.len() > COMMITS_SHOWN {
            let more = commits.len() - COMMITS_SHOWN;
            self.step("", &format!("and {more} more"));
        }
        if rewrote_history {
            let line = format!(
                "{}: {app} rewrote history: `{}` of the clone no longer holds the commit that it stood at",
                self.style.warning("warning"),
                safe_line(branch)
            );
            self.insist(&line);
        }
    }
}

fn short_commit(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}
