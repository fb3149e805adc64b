//! An engine in memory that notes every call and obeys Docker's rules: for tests of what happens in
//! which order, and of what is left when something goes wrong. Compiled for tests only.
//!
//! What a container's commands do is scripted with [`FakeEngine::program`]; what goes wrong, with
//! [`FakeEngine::fault`].

mod commands;
mod faults;
mod files;
mod process;
mod running;
mod store;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{Notify, mpsc, watch};

pub(crate) use self::faults::{Call, Fault};
use self::process::Program;
pub(crate) use self::process::{Living, Process};
use self::running::PIPE;
pub(crate) use self::store::{Answers, Phase, Store};
use super::spec::{
    Container, ContainerSpec, ContainerState, EngineInfo, ExecSpec, Image, ImageBuild,
    ListedNetwork, LogRange, Progress, Volume, VolumeSpec,
};
use super::{ByteStream, Engine, Error, Exec, OutputStream, Result};
use crate::labels::Labels;

type Matches = Box<dyn Fn(&[String]) -> bool + Send + Sync>;

/// An engine in memory.
pub(crate) struct FakeEngine {
    store: Arc<Mutex<Store>>,
    tape: Arc<Mutex<faults::Tape>>,
    /// The later ones come first.
    programs: Mutex<Vec<(Matches, Program)>>,
    image_lines: Mutex<Vec<String>>,
    hung: Arc<Notify>,
    gone: Arc<watch::Sender<bool>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl FakeEngine {
    /// An engine without anything, whose registry has these images.
    pub(crate) fn new(registry: &[&str]) -> Self {
        let fake = FakeEngine {
            store: Arc::default(),
            tape: Arc::default(),
            programs: Mutex::default(),
            image_lines: Mutex::default(),
            hung: Arc::default(),
            gone: Arc::new(watch::Sender::new(false)),
        };
        fake.store().registry = registry.iter().map(|name| (*name).to_owned()).collect();
        fake.program(commands::knows, commands::run);
        fake
    }

    /// The objects.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        locked(&self.store)
    }

    /// Says what the commands do that `matches` picks. What is said last counts.
    pub(crate) fn program<F, T>(
        &self,
        matches: impl Fn(&[String]) -> bool + Send + Sync + 'static,
        program: F,
    ) where
        F: Fn(Process) -> T + Send + Sync + 'static,
        T: Future<Output = i64> + Send + 'static,
    {
        let program: Program = Arc::new(move |process| Box::pin(program(process)));
        locked(&self.programs).push((Box::new(matches), program));
    }

    /// What building an image prints.
    pub(crate) fn image_lines(&self, lines: &[&str]) {
        *locked(&self.image_lines) = lines.iter().map(|line| (*line).to_owned()).collect();
    }

    /// Lets the nth call from now on go wrong, counted from 0.
    pub(crate) fn fault(&self, nth: usize, fault: Fault) {
        locked(&self.tape).add(nth, fault);
    }

    /// Lets the nth call of one function from now on go wrong, counted from 0.
    pub(crate) fn fault_on(&self, name: &'static str, nth: usize, fault: Fault) {
        locked(&self.tape).add_named(name, nth, fault);
    }

    /// From now on there is no engine, and all streams break.
    pub(crate) fn go_away(&self) {
        locked(&self.tape).go_away();
        self.gone.send_replace(true);
    }

    /// Nothing goes wrong any more, and an engine that was gone is back.
    pub(crate) fn mend(&self) {
        locked(&self.tape).mend();
        self.gone.send_replace(false);
    }

    /// All calls since the last time this was asked.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        locked(&self.tape).take_calls()
    }

    /// Waits until a call hangs.
    pub(crate) async fn hung(&self) {
        self.hung.notified().await;
    }

    /// Carries a call out, with what is to go wrong with it.
    async fn call<T>(
        &self,
        name: &'static str,
        subject: &str,
        effect: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        // Others may run in between, as they do while an answer is on its way.
        tokio::task::yield_now().await;
        let fault = self.record(name, subject);
        match fault {
            None | Some(Fault::Cut(_)) => effect.await,
            Some(Fault::Refuse(error)) => Err(error()),
            Some(Fault::LoseAnswer(error)) => {
                effect.await?;
                Err(error())
            }
            Some(Fault::Hang) => self.hang().await,
            Some(Fault::HangAfter) => {
                let _ = effect.await;
                self.hang().await
            }
            Some(Fault::Gone) => Err(Error::Lost("connection refused".to_owned())),
        }
    }

    /// The same for what only looks at objects or changes them.
    async fn ask<T: Send>(
        &self,
        name: &'static str,
        subject: &str,
        effect: impl FnOnce(&mut Store) -> Result<T> + Send,
    ) -> Result<T> {
        self.call(name, subject, async { effect(&mut self.store()) })
            .await
    }

    fn record(&self, name: &'static str, subject: &str) -> Option<Fault> {
        let fault = locked(&self.tape).record(name, subject);
        if matches!(fault, Some(Fault::Gone)) {
            self.gone.send_replace(true);
        }
        fault
    }

    async fn hang<T>(&self) -> T {
        self.hung.notify_one();
        std::future::pending().await
    }
}

impl Engine for FakeEngine {
    async fn info(&self) -> Result<EngineInfo> {
        self.ask("info", "", |_| {
            Ok(EngineInfo {
                init: "/sbin/docker-init".to_owned(),
                address: "fake".to_owned(),
                name: "Fake Engine".to_owned(),
                ..EngineInfo::default()
            })
        })
        .await
    }

    fn fetch_hint(&self, _reference: &str) -> Option<String> {
        None
    }

    async fn image(&self, reference: &str) -> Result<Option<Image>> {
        self.ask("image", reference, |store| {
            Ok(store.images.get(reference).cloned())
        })
        .await
    }

    async fn listed_images(&self, labels: &Labels) -> Result<Vec<Image>> {
        self.ask("images", "", |store| Ok(store.images(labels)))
            .await
    }

    async fn pull_image(
        &self,
        reference: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<()> {
        self.ask("pull_image", reference, |store| {
            if !store.registry.contains(reference) {
                return Err(Error::ImageNotFound {
                    image: reference.to_owned(),
                    reason: "manifest unknown".to_owned(),
                    hint: None,
                });
            }
            progress(Progress { done: 1, total: 1 });
            if !store.images.contains_key(reference) {
                store.add_image(reference, Labels::new());
                if let Some(image) = store.images.get_mut(reference) {
                    image.digests.push(format!("{reference}@{}", image.id));
                }
            }
            Ok(())
        })
        .await
    }

    async fn build_image(
        &self,
        build: &ImageBuild<'_>,
        line: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<()> {
        self.ask("build_image", build.tag, |store| {
            for text in locked(&self.image_lines).iter() {
                line(text);
            }
            store.add_image(build.tag, build.labels.clone());
            store.plans.insert(build.tag.to_owned(), build.plan.clone());
            Ok(())
        })
        .await
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        self.ask("remove_image", reference, |store| {
            store.remove_image(reference)
        })
        .await
    }

    async fn listed_containers(&self, labels: &Labels) -> Result<Vec<Container>> {
        self.ask("containers", "", |store| Ok(store.containers(labels)))
            .await
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<String> {
        self.ask("create_container", &spec.name, |store| {
            store.create_container(spec)
        })
        .await
    }

    async fn start_container(&self, id: &str) -> Result<()> {
        self.call("start_container", id, async { self.start(id) })
            .await
    }

    async fn rename_container(&self, id: &str, name: &str) -> Result<()> {
        self.ask("rename_container", name, |store| {
            store.rename_container(id, name)
        })
        .await
    }

    async fn stop_container(&self, id: &str) -> Result<()> {
        self.call("stop_container", id, self.stop(id)).await
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        self.ask("remove_container", id, |store| {
            store.remove_container(id);
            Ok(())
        })
        .await
    }

    async fn container_state(&self, id: &str) -> Result<Option<ContainerState>> {
        self.ask("container_state", id, |store| Ok(store.container_state(id)))
            .await
    }

    async fn changed_paths(&self, id: &str) -> Result<Vec<String>> {
        self.ask("changed_paths", id, |store| store.changed_paths(id))
            .await
    }

    fn logs(&self, id: &str, range: LogRange) -> OutputStream {
        let (sender, receiver) = mpsc::channel(PIPE);
        match self.record("logs", id) {
            Some(Fault::Refuse(error) | Fault::LoseAnswer(error) | Fault::Cut(error)) => {
                let _ = sender.try_send(Err(error()));
            }
            Some(Fault::Hang | Fault::HangAfter) => {
                self.hung.notify_one();
                return Box::pin(futures_util::stream::pending());
            }
            Some(Fault::Gone) => {}
            None => {
                self.send_log(id, range, sender);
            }
        }
        self.listen(receiver)
    }

    async fn exec(&self, container: &str, spec: &ExecSpec) -> Result<Exec> {
        let subject = spec.command.join(" ");
        tokio::task::yield_now().await;
        let fault = self.record("exec", &subject);
        let (exec, sender) = match fault {
            None | Some(Fault::Cut(_) | Fault::LoseAnswer(_) | Fault::HangAfter) => {
                self.start_exec(container, spec)?
            }
            Some(Fault::Refuse(error)) => return Err(error()),
            Some(Fault::Hang) => return self.hang().await,
            Some(Fault::Gone) => return Err(Error::Lost("connection refused".to_owned())),
        };
        match fault {
            Some(Fault::LoseAnswer(error)) => Err(error()),
            Some(Fault::HangAfter) => self.hang().await,
            Some(Fault::Cut(error)) => {
                let cut = futures_util::stream::once(async move { Err(error()) });
                Ok(Exec {
                    output: Box::pin(exec.output.take(1).chain(cut)),
                    ..exec
                })
            }
            _ => {
                drop(sender);
                Ok(exec)
            }
        }
    }

    async fn resize_exec(&self, exec: &str, _width: u16, _height: u16) -> Result<()> {
        self.ask("resize_exec", exec, |store| {
            store.find_exec(exec).map(|_| ())
        })
        .await
    }

    async fn upload(&self, container: &str, path: &str, mut archive: ByteStream) -> Result<()> {
        let subject = format!("{container}:{path}");
        self.call("upload", &subject, async move {
            let mut bytes = Vec::new();
            while let Some(piece) = archive.next().await {
                bytes.extend_from_slice(&piece?);
            }
            self.store().upload(container, path, &bytes)
        })
        .await
    }

    fn download(&self, container: &str, path: &str) -> ByteStream {
        let failed = |err: Error| Err(std::io::Error::other(err.to_string()));
        let item = match self.record("download", &format!("{container}:{path}")) {
            None => match self.store().download(container, path) {
                Ok(bytes) => Ok(Bytes::from(bytes)),
                Err(err) => failed(err),
            },
            Some(Fault::Refuse(error) | Fault::LoseAnswer(error) | Fault::Cut(error)) => {
                failed(error())
            }
            Some(Fault::Hang | Fault::HangAfter) => {
                self.hung.notify_one();
                return Box::pin(futures_util::stream::pending());
            }
            Some(Fault::Gone) => failed(Error::Lost("connection refused".to_owned())),
        };
        Box::pin(futures_util::stream::once(async move { item }))
    }

    async fn listed_volumes(&self, labels: &Labels) -> Result<Vec<Volume>> {
        self.ask("volumes", "", |store| Ok(store.volumes(labels)))
            .await
    }

    async fn volume_sizes(&self) -> Result<BTreeMap<String, u64>> {
        self.ask("volume_sizes", "", |store| Ok(store.volume_sizes()))
            .await
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> Result<()> {
        self.ask("create_volume", &spec.name, |store| {
            store.create_volume(spec)
        })
        .await
    }

    async fn remove_volume(&self, name: &str) -> Result<()> {
        self.ask("remove_volume", name, |store| store.remove_volume(name))
            .await
    }

    async fn listed_networks(&self, labels: &Labels) -> Result<Vec<ListedNetwork>> {
        self.ask("networks", "", |store| Ok(store.networks(labels)))
            .await
    }

    async fn create_network(&self, name: &str, labels: &Labels) -> Result<()> {
        self.ask("create_network", name, |store| {
            store
                .networks
                .entry(name.to_owned())
                .or_insert_with(|| labels.clone());
            Ok(())
        })
        .await
    }

    async fn remove_network(&self, id: &str) -> Result<()> {
        self.ask("remove_network", id, |store| store.remove_network(id))
            .await
    }
}
