//! What every engine must do, as tests that know none: each runs on the fake always, and with the feature `test-docker`
//! on the engine at `DOCKER_HOST`, be it Docker or Podman. That keeps the fake honest.

mod containers;
mod containment;
mod execs;
mod files;
mod images;
mod probes;
mod storage;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};

use super::fake::FakeEngine;
use super::spec::{
    Container, ContainerSpec, ExecSpec, ImageBuild, ImagePlan, LogRange, VolumeMount, VolumeSpec,
};
use super::{Engine, Error, Exec, Result};
use crate::labels::LABEL_PROJECT;
use crate::labels::Labels;
use crate::output::Output;

/// The base of our own images for `nodejs:24`; it has the usual commands.
const IMAGE: &str = "node:24-bookworm";

/// An engine under trial, and what the things made for the trial are called.
struct Trial<'a, E> {
    engine: &'a E,
    id: String,
}

impl<E: Engine> Trial<'_, E> {
    /// Carries a trial out and removes everything made for it, also when it fails.
    async fn hold(engine: &E, name: &str, act: impl AsyncFnOnce(&Trial<'_, E>)) {
        let words: String = name
            .chars()
            .map(|c| if c == '_' { '-' } else { c })
            .take(40)
            .collect();
        let id = format!("conformance-{}-{words}", std::process::id());
        let trial = Trial { engine, id };
        if engine.image(IMAGE).await.unwrap().is_none() {
            engine.pull_image(IMAGE, &|_| {}).await.unwrap();
        }
        let result = AssertUnwindSafe(act(&trial)).catch_unwind().await;
        let cleaned = trial.clean().await;
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
        cleaned.unwrap();
    }

    async fn clean(&self) -> Result<()> {
        let labels = self.labels();
        for container in self.engine.containers(&labels).await? {
            self.engine.remove_container(&container.id).await?;
        }
        for network in self.engine.networks(&labels).await? {
            self.engine.remove_network(&network.id).await?;
        }
        let mut volumes = self.engine.volumes(&labels).await?;
        // Those that stand for directories come last by their names and go first.
        volumes.sort_by(|a, b| b.name.cmp(&a.name));
        for volume in volumes {
            self.engine.remove_volume(&volume.name).await?;
        }
        for image in self.engine.images(&labels).await? {
            let name = image.tags.first().unwrap_or(&image.id);
            self.engine.remove_image(name).await?;
        }
        Ok(())
    }

    fn labels(&self) -> Labels {
        Labels::from([(LABEL_PROJECT.to_owned(), self.id.clone())])
    }

    fn name(&self, part: &str) -> String {
        format!("upsun-{}-{part}", self.id)
    }

    /// A container that does nothing for a long time.
    fn container(&self, part: &str) -> ContainerSpec {
        ContainerSpec {
            name: self.name(part),
            image: IMAGE.to_owned(),
            command: words("sleep 1000"),
            user: "0:0".to_owned(),
            working_dir: "/".to_owned(),
            hostname: part.to_owned(),
            labels: self.labels(),
            stop_grace: Duration::from_secs(10),
            ..ContainerSpec::default()
        }
    }

    async fn create(&self, spec: &ContainerSpec) -> String {
        self.engine.create_container(spec).await.unwrap()
    }

    async fn start(&self, spec: &ContainerSpec) -> String {
        let id = self.create(spec).await;
        self.engine.start_container(&id).await.unwrap();
        id
    }

    /// An image that is nothing but the usual one.
    fn image(&self) -> ImagePlan {
        ImagePlan {
            base: IMAGE.to_owned(),
            ..ImagePlan::default()
        }
    }

    fn build<'b>(&self, tag: &'b str, plan: &'b ImagePlan, labels: Labels) -> ImageBuild<'b> {
        ImageBuild {
            tag,
            plan,
            labels,
            variables: BTreeMap::new(),
            network: String::new(),
        }
    }

    /// What the engine says of a container in its list.
    async fn listed(&self, id: &str) -> Option<Container> {
        let all = self.engine.containers(&self.labels()).await.unwrap();
        all.into_iter().find(|container| container.id == id)
    }

    async fn wait_until_ended(&self, id: &str) -> i64 {
        for _ in 0..200 {
            let state = self.engine.container_state(id).await.unwrap().unwrap();
            if !state.running && self.listed(id).await.unwrap().status != "Created" {
                return state.exit_code;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the container does not end");
    }

    async fn volume(&self, part: &str) -> VolumeSpec {
        let spec = VolumeSpec {
            name: self.name(part),
            labels: self.labels(),
            directory_of: None,
            memory: None,
            layers: None,
        };
        self.engine.create_volume(&spec).await.unwrap();
        spec
    }

    /// Runs a command: its exit code, output and errors.
    async fn run(&self, container: &str, command: &str) -> (i64, String, String) {
        let spec = ExecSpec {
            command: words(command),
            ..ExecSpec::default()
        };
        let exec = self.engine.exec(container, &spec).await.unwrap();
        self.finish(exec).await
    }

    /// Runs a script.
    async fn run_script(
        &self,
        container: &str,
        script: &str,
        arguments: &[&str],
    ) -> (i64, String, String) {
        let spec = ExecSpec {
            command: probes::script(script, arguments),
            ..ExecSpec::default()
        };
        let exec = self.engine.exec(container, &spec).await.unwrap();
        self.finish(exec).await
    }

    async fn finish(&self, mut exec: Exec) -> (i64, String, String) {
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        while let Some(piece) = exec.output.next().await {
            match piece.unwrap() {
                Output::Stdout(bytes) => out.extend_from_slice(&bytes),
                Output::Stderr(bytes) => errors.extend_from_slice(&bytes),
            }
        }
        let code = exec.exit.await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (code, text(out), text(errors))
    }

    async fn log(&self, id: &str, range: LogRange) -> String {
        let mut text = Vec::new();
        let mut stream = self.engine.logs(id, range);
        while let Some(piece) = stream.next().await {
            text.extend_from_slice(piece.unwrap().bytes());
        }
        String::from_utf8(text).unwrap()
    }

    /// Uploads files, as path and content, that belong to user 10000.
    async fn upload(&self, id: &str, path: &str, files: &[(&str, &str)]) -> Result<()> {
        let bytes = archive(files);
        let stream = futures_util::stream::once(async move { Ok(bytes) });
        self.engine.upload(id, path, Box::pin(stream)).await
    }
}

/// A volume at a place of a container.
fn mounted(volume: &VolumeSpec, target: &str) -> VolumeMount {
    VolumeMount {
        volume: volume.name.clone(),
        target: target.to_owned(),
        read_only: false,
    }
}

fn words(command: &str) -> Vec<String> {
    command.split(' ').map(str::to_owned).collect()
}

/// A tar archive; names that end with a slash are directories.
fn archive(files: &[(&str, &str)]) -> Bytes {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_uid(10_000);
        header.set_gid(10_000);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        tar.append_data(&mut header, path, content.as_bytes())
            .unwrap();
    }
    Bytes::from(tar.into_inner().unwrap())
}

#[cfg(feature = "test-docker")]
async fn docker() -> super::docker::DockerEngine {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let surroundings = super::docker::Surroundings {
        docker_host: variable("DOCKER_HOST"),
        docker_context: variable("DOCKER_CONTEXT"),
        home: variable("HOME").map(Into::into),
        runtime_dir: variable("XDG_RUNTIME_DIR").map(Into::into),
        ..Default::default()
    };
    super::docker::DockerEngine::connect(&surroundings, None)
        .await
        .unwrap()
}

/// Makes tests of functions: one module for each engine, with one test for each function.
macro_rules! on_every_engine {
    ($($module:ident::$name:ident,)*) => {
        mod on_fake {
            use super::*;
            $(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    let engine = FakeEngine::new(&[IMAGE]);
                    probes::teach(&engine);
                    Trial::hold(&engine, stringify!($name), async |trial| $module::$name(trial).await).await;
                }
            )*
        }

        #[cfg(feature = "test-docker")]
        mod on_docker {
            use super::*;
            $(
                #[tokio::test]
                async fn $name() {
                    let engine = docker().await;
                    Trial::hold(&engine, stringify!($name), async |trial| $module::$name(trial).await).await;
                }
            )*
        }
    };
}

on_every_engine! {
    containers::a_container_is_created_then_runs_then_has_ended,
    containers::a_container_that_ended_by_itself_has_its_code_and_can_start_again,
    containers::a_container_whose_command_is_missing_fails,
    containers::names_are_unique,
    containers::names_can_be_changed_to_free_ones,
    containers::what_is_not_there_is_not_found_or_gone_already,
    containers::an_image_that_is_not_there_has_an_error_of_its_own,
    containers::labels_filter_by_name_and_by_value,
    containers::what_carries_one_label_of_two_is_not_listed,
    containers::logs_hold_what_the_first_process_wrote,
    containers::a_followed_log_ends_with_its_container,
    containers::a_log_keeps_its_end_and_no_more_than_its_limit,
    containers::what_takes_more_memory_than_it_may_is_killed_and_said_to_be,
    containment::what_a_command_leaves_behind_is_waited_for,
    containment::there_are_no_privileges_but_those_asked_for,
    containment::no_more_processes_live_than_the_limit,
    containment::shared_memory_has_its_size,
    containment::a_temporary_file_system_has_its_size_and_options,
    containment::a_volume_in_memory_lasts_as_long_as_something_that_has_it_runs,
    containment::hosts_are_names_of_addresses,
    containment::aliases_are_for_all_on_a_network_and_links_for_one,
    containment::a_container_has_its_own_network_anothers_or_none,
    containment::link_local_addresses_are_not_those_of_the_engines_machine,
    containment::a_port_is_one_containers_at_a_time,
    execs::a_command_has_output_errors_and_a_code,
    execs::a_command_has_its_variables_directory_and_user,
    execs::input_reaches_a_command_until_it_is_closed,
    execs::a_command_that_is_missing_does_not_succeed,
    execs::nothing_runs_in_a_container_that_does_not_run,
    execs::commands_end_with_their_container,
    execs::a_running_command_has_no_code_yet,
    execs::a_code_is_known_while_something_keeps_the_output_open,
    files::what_is_uploaded_can_be_read_and_downloaded,
    files::files_go_into_containers_that_never_ran,
    files::an_upload_goes_through_to_the_volumes_below,
    files::an_upload_needs_its_directory,
    files::an_upload_that_breaks_off_on_our_side_is_our_error,
    files::a_download_of_nothing_fails,
    files::what_is_written_in_a_container_itself_can_be_listed,
    files::the_content_of_a_directory_comes_without_its_name,
    files::a_read_only_container_can_only_write_to_volumes_and_memory,
    storage::volumes_are_made_once_and_removed_for_good,
    storage::a_volume_is_shared_and_outlives_its_containers,
    storage::a_volume_in_use_stays_also_when_nothing_runs,
    storage::a_volume_can_stand_for_a_directory_of_another,
    storage::a_volume_can_be_a_writable_copy_of_another,
    storage::a_directory_that_is_not_there_cannot_be_mounted,
    storage::a_volume_of_a_container_that_nobody_made_has_no_labels,
    storage::networks_are_made_once_and_removed_for_good,
    storage::a_network_goes_after_its_containers,
    storage::a_container_does_not_start_on_a_network_that_is_not_there,
    images::an_image_is_built_found_and_removed,
    images::an_image_holds_what_its_plan_says,
    images::an_image_that_a_container_uses_stays,
    images::an_image_that_no_registry_has_is_not_pulled,
}
