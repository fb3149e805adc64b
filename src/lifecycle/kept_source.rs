//! The source on its way to an engine on another machine: the engine keeps what it got last, and gets only what has
//! changed since.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::copy_on_write::not_copied;
use super::synced::{Frame, SYNC, Session};
use super::{Error, Planned, Result, Sandbox, archive};
use crate::engine::spec::ExecSpec;
use crate::engine::{Engine, Error as EngineError};
use crate::plan::kept_source::{self, KeptSource, PLACE};
use crate::shutdown::Urgency;
use crate::source::{Changes, Tree};

/// The path of the kept files, for an archive that is unpacked in `/`.
const BELOW: &str = "source/tree/";

/// Prints the list of the kept files. Until the next list is in its place, the files count as unknown.
const BEGIN: &str = "set -e
cd /source
mkdir -p tree
chown \"$1\" tree
if [ -f manifest ]; then cat manifest; rm manifest; else find tree -mindepth 1 -delete; fi";

/// Copies the kept files into the build.
const END: &str = "set -e
chown --reference=/app /source/tree
chmod --reference=/app /source/tree
cp -a --reflink=auto /source/tree/. /app/
mv -f /source/next /source/manifest";

impl<E: Engine> Sandbox<'_, E> {
    /// Brings the kept source up to date and copies it into the build, in which `directories` are made too. Returns
    /// whether the build has its source then: it has not if files changed meanwhile. The helper stays, since its
    /// removal takes as long as the rest.
    pub(super) async fn send_changes(
        &self,
        planned: &Planned<'_>,
        directories: &[String],
    ) -> Result<bool> {
        let kept = kept_source::plan(self.project, planned.plan);
        self.engine.create_volume(&kept.volume).await?;
        let helper = self.create_anew(&kept.helper).await?;
        self.send_to(planned, &kept, &helper, directories).await
    }

    /// Removes the helper, if there is one.
    pub(super) async fn remove_helper(&self, planned: &Planned<'_>) -> Result<()> {
        if self.engine.other_machine().is_some() {
            let kept = kept_source::plan(self.project, planned.plan);
            self.remove_named(&kept.helper.name).await?;
        }
        Ok(())
    }

    async fn send_to(
        &self,
        planned: &Planned<'_>,
        kept: &KeptSource,
        helper: &str,
        directories: &[String],
    ) -> Result<bool> {
        let root = &planned.plan.source_root;
        let user = planned.plan.build.user;
        self.engine.start_container(helper).await?;
        let known = self.step(helper, BEGIN, &[&user.spec()]).await?;
        let before = Tree::of_manifest(&known).unwrap_or_else(Tree::nothing);
        let changes = planned.tree.changes_since(&before, root, &BTreeSet::new());
        tracing::debug!(
            app = planned.plan.app,
            written = changes.written.len(),
            removed = changes.removed.len(),
            volume = kept.volume.name,
            "the kept source is brought up to date"
        );
        self.remove_kept(helper, &user.spec(), &changes).await?;
        if !self.upload_changes(planned, helper, changes).await? {
            return Ok(false);
        }
        let manifest = planned.tree.manifest(root);
        let directories = directories.iter().map(String::as_str);
        let made = archive::leading_directories("app/", directories, user.uid, user.gid);
        let list = archive::files([("/source/next", manifest.as_bytes(), 0o644)]);
        let both = made.and_then(|made| Ok([made, list?].concat().into()));
        let both = archive::whole(both.map_err(EngineError::from)?);
        self.engine.upload(helper, "/", both).await?;
        self.step(helper, END, &[]).await?;
        Ok(true)
    }

    /// Removes what is gone, and what something else takes the place of.
    async fn remove_kept(&self, helper: &str, user: &str, changes: &Changes) -> Result<()> {
        let removes = [&changes.removed, &changes.replaced, &changes.emptied];
        if removes.iter().all(|paths| paths.is_empty()) {
            return Ok(());
        }
        let place = format!("{PLACE}/tree");
        let spec = ExecSpec {
            command: ["/bin/dash", "-c", SYNC, "sync", &place]
                .map(str::to_owned)
                .to_vec(),
            user: Some(user.to_owned()),
            stdin: true,
            ..ExecSpec::default()
        };
        let mut session = Session::new(self.engine.exec(helper, &spec).await?);
        let frame = Frame::new(changes, Vec::new());
        let applied = tokio::select! {
            applied = session.apply(&frame) => applied?,
            () = self.shutdown.reached(Urgency::Cancel) => return Err(Error::Interrupted),
        };
        applied.map_err(|said| EngineError::Other(said).into())
    }

    /// Returns whether all files were as the tree says.
    async fn upload_changes(
        &self,
        planned: &Planned<'_>,
        helper: &str,
        changes: Changes,
    ) -> Result<bool> {
        if changes.written.is_empty() {
            return Ok(true);
        }
        let (tree, root) = (Arc::clone(planned.tree), planned.plan.source_root.clone());
        let user = planned.plan.build.user;
        let moved = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&moved);
        let stream = archive::stream(move |out| {
            let place = (root.as_str(), BELOW);
            let ids = (user.uid, user.gid);
            let moved = tree
                .write_changes(place, &changes.written, ids, out)
                .map_err(|err| std::io::Error::other(err.to_string()))?;
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = moved;
            Ok(())
        });
        tokio::select! {
            uploaded = self.engine.upload(helper, "/", stream) => uploaded?,
            () = self.shutdown.reached(Urgency::Cancel) => return Err(Error::Interrupted),
        }
        let moved = moved.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(moved.is_empty())
    }

    /// Runs a script of `upsun-local` in the helper, and returns its output.
    async fn step(&self, helper: &str, script: &str, arguments: &[&str]) -> Result<String> {
        let words = ["/bin/dash", "-c", script, "kept-source"];
        let words = words.iter().chain(arguments);
        let spec = ExecSpec {
            command: words.map(|word| (*word).to_owned()).collect(),
            ..ExecSpec::default()
        };
        let (code, output, errors) = self.capture(helper, &spec).await?;
        if code == 0 {
            return Ok(output);
        }
        Err(not_copied("the source cannot be kept", &errors).into())
    }
}
