//! Builds of apps, and the scripts of builds and deploys.

use std::time::Duration;

use super::printed::Printed;
use super::{Screen, Terminal};
use crate::event::{Build, CacheResult, Script, Step};
use crate::text::{self, safe_line};

impl<S: Screen> Terminal<S> {
    pub(super) fn build(&mut self, event: Build) {
        match event {
            Build::Reused { app, build } => {
                self.step(
                    "Reusing",
                    &format!(
                        "the build {} of {} for this tree",
                        short(&build),
                        safe_line(&app)
                    ),
                );
            }
            Build::Started {
                app, files, bytes, ..
            } => {
                let what = format!(
                    "{} ({}, {})",
                    safe_line(&app),
                    text::count(files, "file"),
                    text::bytes(bytes)
                );
                self.step("Building", &what);
            }
            Build::Cache {
                app, cache, result, ..
            } => {
                let cache = format!(
                    "the build cache `{}` of {}",
                    safe_line(&cache),
                    safe_line(&app)
                );
                match result {
                    CacheResult::Hit => self.step("Restored", &cache),
                    CacheResult::Stale => {
                        let what = format!(
                            "{cache} of an earlier build: the files that it watches have changed"
                        );
                        self.step("Restored", &what);
                    }
                    CacheResult::Miss => {
                        let what =
                            format!("without {cache}: no kept build had the same watched files");
                        self.step("Starting", &what);
                    }
                }
            }
            Build::Carried { app, duration, .. } => {
                let what = format!("the build of {}", safe_line(&app));
                let time = text::duration(duration);
                self.step("Copied", &format!("{what} from another engine in {time}"));
            }
            Build::Failed { .. } => {}
            Build::Finished { app, duration, .. } => {
                self.step(
                    "Built",
                    &format!("{} in {}", safe_line(&app), text::duration(duration)),
                );
            }
        }
    }

    /// Prints the event, or the output of the script.
    pub(super) fn script(&mut self, event: Script) {
        match event {
            Script::Started { app, step } => {
                self.step("Running", &format!("{} of {}", step.key(), safe_line(&app)));
                self.printed.insert(app, Printed::default());
            }
            Script::Output { app, output, .. } => self.step_output(&app, &output.0),
            Script::Finished {
                app,
                step,
                exit_code,
                duration,
            } => {
                self.step_finished(&app, step, exit_code, duration);
            }
        }
    }

    fn step_finished(&mut self, app: &str, step: Step, exit_code: i64, duration: Duration) {
        self.finish_lines(app, exit_code == 0);
        if exit_code == 0 {
            return;
        }
        if matches!(step, Step::DeployHook | Step::PostDeployHook) {
            let line = format!(
                "{}: `{}` of `{}` ended with code {exit_code} after {}; the deploy goes on, as on Upsun",
                self.style.warning("warning"),
                step.key(),
                safe_line(app),
                text::duration(duration),
            );
            self.insist(&line);
        }
    }
}

fn short(build: &str) -> &str {
    build.get(..12).unwrap_or(build)
}
