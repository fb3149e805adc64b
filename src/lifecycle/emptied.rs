//! Replaces a build if the user or another program emptied its volume, or deleted files of it. Files that vanish from
//! a directory deep in the build are not noticed.

use super::{Error, Planned, Result, Sandbox, finished};
use crate::engine::spec::{ExecSpec, Volume};
use crate::engine::{Engine, Error as EngineError};
use crate::plan::ContainerPlan;

impl<E: Engine> Sandbox<'_, E> {
    /// Creates and starts a container. If the container cannot start on an existing build, or the build holds no
    /// file, the app is built again first.
    pub(super) async fn start_on_build(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        is_reused: bool,
        volumes: &[Volume],
    ) -> Result<String> {
        let title = plan.title(&planned.plan.app);
        let id = self.create(planned, plan).await?;
        // Since it was looked for, a build for another environment may have given it up.
        let is_there = !is_reused || self.is_still_built(&planned.plan.build).await?;
        let started = if is_there {
            self.start_checked(&id, &title).await.map(|()| Some(id))
        } else {
            self.engine.remove_container(&id).await?;
            Ok(None)
        };
        match started {
            Err(Error::Engine(err)) if is_reused && lacks_mount_point(&err) => {}
            Ok(Some(id)) if is_reused && self.is_damaged(planned, &id, plan).await? => {
                self.engine.remove_container(&id).await?;
            }
            Ok(Some(id)) => return Ok(id),
            Ok(None) => {}
            Err(err) => return Err(err),
        }
        let again = Planned {
            rebuild: is_there,
            is_built: false,
            ..planned.clone()
        };
        let surplus = if is_there {
            self.warn_emptied(&planned.plan.app).await;
            self.ensure_build(&again, volumes).await?
        } else {
            // Another environment may be building the app right now. That build is as good as one more, so wait for it
            // and look at the volumes then.
            self.ensure_build(&again, &[]).await?
        };
        let (started, ()) = tokio::join!(
            self.create_and_start(planned, plan, &title),
            self.prune_builds(planned, surplus),
        );
        started
    }

    async fn create_and_start(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        title: &str,
    ) -> Result<String> {
        let id = self.create(planned, plan).await?;
        self.start_checked(&id, title).await?;
        Ok(id)
    }

    /// Warns that the app is built again because its build is empty.
    pub(super) async fn warn_emptied(&self, app: &str) {
        let message = format!(
            "the build of `{app}` was emptied or damaged by something else: it is made again"
        );
        self.events.warn(message, None).await;
    }

    /// Whether the build of a running container has changed since it was built: its upper directories differ, or, if
    /// their state was not noted, the build holds no file at all. Every build holds some of the source.
    pub(super) async fn is_damaged(
        &self,
        planned: &Planned<'_>,
        container: &str,
        plan: &ContainerPlan,
    ) -> Result<bool> {
        let noted = self.noted_look(planned).await?;
        let command = if noted.is_some() {
            let script = finished::look(&planned.plan.build.mount_points);
            ["/bin/dash", "-c", &script].map(str::to_owned).to_vec()
        } else {
            let mut command = ["/bin/dash", "-c", LOOK, "upsun-local"]
                .map(str::to_owned)
                .to_vec();
            command.extend(first_file(&plan.mounts));
            command
        };
        let spec = ExecSpec {
            command,
            ..ExecSpec::default()
        };
        match self.capture(container, &spec).await {
            Ok((code, said, _)) => {
                let said = said.trim();
                Ok(code == 0
                    && noted.map_or(said == "none", |noted| !said.is_empty() && said != noted))
            }
            // The container has ended; the next command in it reports that.
            Err(Error::Engine(EngineError::Conflict(_) | EngineError::NotFound(_))) => Ok(false),
            Err(err) => Err(err),
        }
    }
}

/// Whether a container does not start because its build lacks the directory of a mount, and the directory cannot be
/// created. runc and crun say `mkdir …: read-only file system`.
fn lacks_mount_point(err: &EngineError) -> bool {
    err.to_string()
        .to_lowercase()
        .contains("read-only file system")
}

/// A script whose arguments are a `find` command. It prints `none` if the command finds nothing.
const LOOK: &str = "found=$(\"$@\") || exit 1; [ -n \"$found\" ] || echo none";

/// A `find` command that prints the path of one file of the build, and of no file on a mount. Mounts may lie on the
/// same file system, so `-xdev` would not exclude them.
fn first_file(mounts: &[String]) -> Vec<String> {
    let mut words = vec!["find".to_owned(), "/app".to_owned()];
    for mount in mounts {
        let path: String = format!("/app/{mount}")
            .chars()
            .flat_map(|c| {
                let is_pattern = "*?[]\\".contains(c);
                is_pattern.then_some('\\').into_iter().chain([c])
            })
            .collect();
        words.extend([
            "-path".to_owned(),
            path,
            "-prune".to_owned(),
            "-o".to_owned(),
        ]);
    }
    words.extend(["!", "-type", "d", "-print", "-quit"].map(str::to_owned));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_left_out_by_its_path_and_not_by_a_pattern() {
        let words = first_file(&["data".to_owned(), "a[b]*".to_owned()]);
        assert_eq!(
            words.join(" "),
            "find /app -path /app/data -prune -o -path /app/a\\[b\\]\\* -prune -o ! -type d -print -quit"
        );
    }
}
