//! Runs a source operation of one app: in a container outside every environment, on a scratch clone that is sent
//! there and comes back as a bundle. Nothing of this machine is mounted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::execute::{Command, End};
use super::mounts::append_tree;
use super::{Planned, Report, Result, Sandbox, archive};
use crate::engine::spec::{ContainerSpec, ExecSpec};
use crate::engine::{Engine, Error as EngineError};
use crate::event::{Event, Outcome, Text};
use crate::plan::{User, steps};
use crate::scratch;

/// `PLATFORM_SOURCE_DIR`. **Assumption**: Upsun does not say where it is.
pub const SOURCE_DIRECTORY: &str = "/source";

/// Where the bundle is made, below the root.
const OUTBOX: &str = "source-outbox";

/// What is on the branch after the operation, for those who have the commit before; `all` for everybody.
const BUNDLE: &str = "cd /source || exit 1
git rev-parse --verify --quiet \"refs/heads/$1^{commit}\" >/dev/null || exit 3
[ \"$(git rev-parse \"refs/heads/$1\")\" != \"$2\" ] || exit 4
if git merge-base --is-ancestor \"$2\" \"refs/heads/$1\"; then set -- \"$1\" \"^$2\"; else set -- \"$1\"; fi
branch=refs/heads/$1; shift
exec git bundle create --quiet /source-outbox/bundle \"$branch\" \"$@\"";

/// A source operation of one app.
#[derive(Debug)]
pub struct SourceRun<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its script.
    pub command: &'a str,
    /// The directory that the scratch clone lies in.
    pub parent: &'a Path,
    /// The branch in it.
    pub branch: &'a str,
    /// The commit that the branch stands at.
    pub head: &'a str,
    /// Where the bundle goes, a directory.
    pub inbox: &'a Path,
    /// Variables on top of the build's.
    pub variables: &'a BTreeMap<String, String>,
    /// Marks its processes; unlike any other run's.
    pub id: &'a str,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReport {
    /// How the script ended.
    pub report: Report,
    /// Whether it made commits, which are in the inbox then.
    pub has_commits: bool,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Runs it. `container` is a name for its container, which is removed in any case.
    pub async fn run_source_operation(
        &self,
        planned: &Planned<'_>,
        run: &SourceRun<'_>,
        container: &ContainerSpec,
    ) -> Result<SourceReport> {
        self.ensure_image(planned.image, planned.pull).await?;
        self.checkpoint()?;
        let id = self.create_anew(container).await?;
        let result = self.run_in(planned, run, &id).await;
        let removed = self.engine.remove_container(&id).await;
        let report = result?;
        removed?;
        Ok(report)
    }

    async fn run_in(
        &self,
        planned: &Planned<'_>,
        run: &SourceRun<'_>,
        id: &str,
    ) -> Result<SourceReport> {
        self.send(run.parent, planned.plan.build.user, id).await?;
        self.engine.start_container(id).await?;
        self.checkpoint()?;
        let app = &planned.plan.app;
        self.emit(Event::OperationStarted {
            app: app.clone(),
            worker: None,
            operation: run.name.to_owned(),
            role: "admin".to_owned(),
            user: None,
            command: run.command.to_owned(),
        })
        .await;
        let began = Instant::now();
        let place = format!("{SOURCE_DIRECTORY}/{}", planned.plan.source_root);
        let place = steps::quote(place.trim_end_matches('/'));
        let script = format!("cd {place} || exit 1\n{}", run.command);
        let command = Command {
            container: id,
            title: app,
            what: run.name,
            script: &script,
            run: run.id,
            variables: run.variables,
            stop: None,
            timeout: None,
            grace: Duration::from_secs(10),
        };
        let event = |output| Event::OperationOutput {
            output: Text(output),
        };
        let end = self.execute(&command, event, |_| ()).await?;
        let (outcome, exit_code) = match end {
            End::Exited(0) => (Outcome::Success, 0),
            End::Exited(code) => (Outcome::Failure, code),
            End::TimedOut | End::Cancelled | End::Left => (Outcome::Cancelled, 130),
        };
        self.emit(Event::OperationFinished {
            app: app.clone(),
            worker: None,
            operation: run.name.to_owned(),
            role: "admin".to_owned(),
            exit_code,
            result: outcome,
            duration: began.elapsed(),
            read_only: None,
        })
        .await;
        let has_commits = outcome == Outcome::Success && self.collect(run, id).await?;
        Ok(SourceReport {
            report: Report {
                outcome,
                exit_code,
                hooks_failed: false,
            },
            has_commits,
        })
    }

    /// Puts the scratch clone into the container, where it belongs to the app's user.
    async fn send(&self, parent: &Path, user: User, id: &str) -> Result<()> {
        let parent = parent.to_owned();
        let stream = archive::stream(move |out| {
            let directories = [scratch::NAME, OUTBOX];
            out.write_all(&archive::leading_directories(
                directories,
                user.uid,
                user.gid,
            )?)?;
            let mut tar = tar::Builder::new(out);
            tar.follow_symlinks(false);
            append_tree(&mut tar, &parent, Path::new(scratch::NAME), user)?;
            tar.finish()
        });
        Ok(self.engine.upload(id, "/", stream).await?)
    }

    /// Fetches what the operation committed; false when that is nothing.
    async fn collect(&self, run: &SourceRun<'_>, id: &str) -> Result<bool> {
        let words = [
            "/bin/dash",
            "-c",
            BUNDLE,
            "upsun-local",
            run.branch,
            run.head,
        ];
        let spec = ExecSpec {
            command: words.map(str::to_owned).to_vec(),
            ..ExecSpec::default()
        };
        let (code, _, errors) = self.capture(id, &spec).await?;
        match code {
            0 => {}
            4 => return Ok(false),
            3 => {
                let message = format!("the branch `{}` is gone after it", run.branch);
                return Err(EngineError::Other(message).into());
            }
            _ => return Err(EngineError::Other(errors.trim().to_owned()).into()),
        }
        self.receive(id, &format!("/{OUTBOX}/."), run.inbox).await?;
        Ok(true)
    }
}
