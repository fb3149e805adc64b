//! What is on the mounts of a container, and its snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use hyper::Method;
use hyper::body::Incoming;
use hyper::header::{CONTENT_DISPOSITION, HeaderValue};
use serde_json::{Value, json};

use super::super::super::answer::{self, Answer, Problem, Result, json};
use super::super::super::api::target;
use super::super::super::place::blocking;
use super::super::super::request::text;
use super::super::super::unknown;
use super::Asked;
use super::logs::running;
use crate::actions::{Actions, Mounts};
use crate::engine::Engine;
use crate::engine::spec::ExecSpec;
use crate::failure::Failure;
use crate::mount_snapshot::{self, DEFAULT_NAME, Index, Kind};
use crate::output::Output;
use crate::workspace::Workspace;

/// How many files are listed.
const FILES: usize = 2000;

/// A container with its repository, so that a use case can be started on its mounts.
#[derive(Clone)]
pub(super) struct Chosen {
    workspace: Arc<Workspace>,
    service: String,
}

impl Chosen {
    pub(super) fn new(workspace: Arc<Workspace>, service: &str) -> Self {
        Chosen {
            workspace,
            service: service.to_owned(),
        }
    }

    pub(super) fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }

    pub(super) fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn mounts(&self) -> std::result::Result<Mounts<'_>, Failure> {
        let (app, worker) = self
            .workspace
            .target(&target(&self.workspace, &self.service))?;
        Ok(Mounts::of(app, worker))
    }
}

impl<E: Engine + 'static> Asked<'_, E> {
    /// `path` is what follows `mounts/<service>`.
    ///
    /// - nothing: the files on the mounts, if the container is up.
    /// - `snapshots`: lists them, or takes one (`name`).
    /// - `snapshots/<name>/difference`, `…/restore`, `…/delete`.
    /// - `download`: the file, or the directory as an archive, of the parameter `path`.
    pub(super) async fn mounts(&self, service: &str, path: &[&str], body: Incoming) -> Result {
        let workspace = self.workspace().await?;
        let chosen = Chosen::new(workspace, service);
        chosen.mounts()?;
        match (&self.call.method, path) {
            (&Method::GET, []) => self.files(chosen).await,
            (&Method::GET, ["snapshots"]) => {
                Ok(json(&blocking(move || snapshots(&chosen)).await??))
            }
            (&Method::POST, ["snapshots"]) => {
                let body = self.call.json(body).await?;
                let name = text(&body, "name").filter(|name| !name.is_empty());
                self.take_snapshot(chosen, name.unwrap_or(DEFAULT_NAME).to_owned())
                    .await
            }
            (&Method::GET, ["snapshots", name, "difference"]) => {
                self.difference(chosen, (*name).to_owned()).await
            }
            (&Method::POST, ["snapshots", name, "restore"]) => {
                self.restore(chosen, (*name).to_owned()).await
            }
            (&Method::POST, ["snapshots", name, "delete"]) => {
                let store = chosen.workspace.snapshots(&chosen.mounts()?.container());
                let name = (*name).to_owned();
                let removed = blocking(move || store.remove(&name)).await?;
                removed.map_err(|err| Failure::of_snapshot(&err))?;
                Ok(answer::empty())
            }
            (&Method::GET, ["download"]) => self.download(chosen).await,
            _ => Err(unknown(self.call)),
        }
    }

    async fn files(&self, chosen: Chosen) -> Result {
        let engine = self.shared.place.engine(&chosen.workspace).await?;
        let container = running(&chosen.workspace, engine.as_ref(), &chosen.service).await?;
        let workspace = Arc::clone(&chosen.workspace);
        let asked = chosen.clone();
        let list = move |actions: Actions<E>| async move {
            actions
                .files_on_mounts(asked.mounts()?, &container.id)
                .await
        };
        let index = self.shared.act(&workspace, list).await?;
        let mounts = chosen.mounts()?;
        let all = mounts.all.iter().map(|mount| {
            let prefix = format!("{}/", mount.path);
            let inside = |path: &String| path.starts_with(&prefix);
            let part = index.0.iter().filter(|(path, _)| inside(path));
            let part: Index = Index(part.map(|(path, it)| (path.clone(), it.clone())).collect());
            let (files, bytes) = part.size();
            let inside = at_top(&part, &prefix);
            json!({ "path": mount.path, "files": files, "bytes": bytes, "inside": inside })
        });
        let files = index.0.iter().map(|(path, entry)| {
            let (kind, size) = match &entry.kind {
                Kind::File { size, .. } | Kind::LockedFile { size } => ("file", Some(size)),
                Kind::Directory | Kind::LockedDirectory => ("directory", None),
                Kind::Link { .. } => ("link", None),
                Kind::Pipe | Kind::Other => ("other", None),
            };
            json!({ "path": path, "kind": kind, "size": size, "modified": entry.stat.modified })
        });
        Ok(json(&json!({
            "mounts": all.collect::<Vec<_>>(),
            "files": files.take(FILES).collect::<Vec<_>>(),
            "left_out": index.0.len().saturating_sub(FILES),
        })))
    }

    async fn take_snapshot(&self, chosen: Chosen, name: String) -> Result {
        let workspace = Arc::clone(&chosen.workspace);
        let take = move |actions: Actions<E>| async move {
            actions.take_snapshot(chosen.mounts()?, &name).await
        };
        let (files, bytes) = self.shared.act(&workspace, take).await?.size();
        Ok(json(&json!({ "files": files, "bytes": bytes })))
    }

    async fn restore(&self, chosen: Chosen, name: String) -> Result {
        let workspace = Arc::clone(&chosen.workspace);
        let restore = move |actions: Actions<E>| async move {
            actions.restore_snapshot(chosen.mounts()?, &name).await
        };
        self.shared.act(&workspace, restore).await?;
        Ok(answer::empty())
    }

    async fn difference(&self, chosen: Chosen, name: String) -> Result {
        let engine = self.shared.place.engine(&chosen.workspace).await?;
        running(&chosen.workspace, engine.as_ref(), &chosen.service).await?;
        let workspace = Arc::clone(&chosen.workspace);
        let compare = move |actions: Actions<E>| async move {
            actions.differences(chosen.mounts()?, &name).await
        };
        let differences = self.shared.act(&workspace, compare).await?;
        Ok(json(&json!(differences)))
    }

    async fn download(&self, chosen: Chosen) -> Result {
        let path = self
            .call
            .parameter("path")
            .unwrap_or_default()
            .trim_matches('/');
        let is_inside = |mount: &str| path == mount || path.starts_with(&format!("{mount}/"));
        let is_known = chosen
            .mounts()?
            .all
            .iter()
            .any(|mount| is_inside(&mount.path));
        let is_plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !is_known || !is_plain {
            return Err(Problem::bad(format!("`{path}` is not on a mount")));
        }
        let engine = self.shared.place.engine(&chosen.workspace).await?;
        let container = running(&chosen.workspace, engine.as_ref(), &chosen.service).await?;
        let name = path.rsplit('/').next().unwrap_or_default();
        let inside = format!("/app/{path}");
        if self.call.parameter("kind") == Some("file") {
            let spec = ExecSpec {
                command: ["cat", "--", &inside].map(str::to_owned).to_vec(),
                ..ExecSpec::default()
            };
            let exec = engine
                .exec(&container.id, &spec)
                .await
                .map_err(Failure::from)?;
            let pieces = exec.output.filter_map(async |piece| match piece {
                Ok(Output::Stdout(bytes)) => Some(bytes),
                _ => None,
            });
            return Ok(attachment(answer::stream(BYTES, pieces.boxed()), name));
        }
        let archive = engine.download(&container.id, &inside);
        let pieces = archive.take_while(|piece| std::future::ready(piece.is_ok()));
        let pieces = pieces.filter_map(async |piece| piece.ok());
        Ok(attachment(
            answer::stream("application/x-tar", pieces.boxed()),
            &format!("{name}.tar"),
        ))
    }
}

/// How many entries at the top of a mount are named.
const NAMED: usize = 24;

/// What is at the top of a mount, the largest first, and the rest together.
fn at_top(part: &Index, prefix: &str) -> Value {
    let mut tops: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (path, entry) in &part.0 {
        let rest = path.strip_prefix(prefix).unwrap_or(path);
        let (top, _) = rest.split_once('/').unwrap_or((rest, ""));
        if let Kind::File { size, .. } | Kind::LockedFile { size } = entry.kind {
            let (files, bytes) = tops.entry(top).or_default();
            *files += 1;
            *bytes += size;
        }
    }
    let mut tops: Vec<(&str, (u64, u64))> = tops.into_iter().collect();
    tops.sort_by_key(|(name, (_, bytes))| (std::cmp::Reverse(*bytes), *name));
    let rest = tops.split_off(tops.len().min(NAMED));
    let mut shown: Vec<Value> = tops
        .into_iter()
        .map(|(name, (files, bytes))| json!({ "name": name, "files": files, "bytes": bytes }))
        .collect();
    if !rest.is_empty() {
        let sum = rest
            .iter()
            .fold((0, 0), |sum, (_, size)| (sum.0 + size.0, sum.1 + size.1));
        let name = format!("{} others", rest.len());
        shown.push(json!({ "name": name, "files": sum.0, "bytes": sum.1, "is_rest": true }));
    }
    Value::Array(shown)
}

/// What is never shown inside of a page.
const BYTES: &str = "application/octet-stream";

fn attachment(mut answer: Answer, name: &str) -> Answer {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    let name: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        answer.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    answer
}

fn snapshots(chosen: &Chosen) -> std::result::Result<Value, Failure> {
    let store = chosen.workspace.snapshots(&chosen.mounts()?.container());
    let names = store.names().map_err(|err| Failure::of_snapshot(&err))?;
    let all = names.into_iter().map(|name| match store.open(&name) {
        Ok((taken, _)) => {
            let (files, bytes) = taken.index.size();
            let activity = mount_snapshot::run_of(&name);
            json!({
                "name": name, "taken_at": taken.taken_at, "files": files, "bytes": bytes,
                "activity": activity,
            })
        }
        Err(err) => json!({ "name": name, "broken": err.to_string() }),
    });
    Ok(json!(all.collect::<Vec<_>>()))
}
