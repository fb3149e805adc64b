//! Which values must not be shown, and where they are hidden.

use super::context::{Context, Listening};
use upsun_local::failure::Failure;
use upsun_local::mask::{Masker, Secrets};
use upsun_local::output::Output;
use upsun_local::shutdown::Shutdown;
use upsun_local::workspace::Workspace;

impl Context {
    /// Starts listening to events. With `mask`, sensitive values are hidden in what scripts print too.
    pub(super) fn listen_masked(
        &self,
        workspace: &Workspace,
        json: bool,
        mask: bool,
        shutdown: &Shutdown,
    ) -> Listening {
        if !mask {
            return self.listen(json, shutdown);
        }
        let secrets = workspace.secrets_in_containers();
        self.tell_short(&secrets);
        self.listen_to(json, secrets, true, shutdown)
    }

    /// Maskers for the two streams of a command, where they are wanted.
    pub(super) fn maskers(&self, workspace: &Workspace, mask: bool) -> Maskers {
        if !mask {
            return Maskers(None);
        }
        let secrets = workspace.secrets_in_containers();
        self.tell_short(&secrets);
        Maskers(Some([secrets.masker(), secrets.masker()]))
    }

    fn tell_short(&self, secrets: &Secrets) {
        for name in secrets.short() {
            self.talk(&format!(
                "{}: the value of `{name}` is not masked: it has fewer than 4 characters\n",
                self.style.warning("warning")
            ));
        }
    }
}

/// Hides sensitive values in both streams of a command, or in none.
#[derive(Debug)]
pub(super) struct Maskers(Option<[Masker; 2]>);

impl Maskers {
    /// What can be shown after one more piece.
    pub(super) fn push(&mut self, piece: Output) -> Output {
        match (&mut self.0, piece) {
            (None, piece) => piece,
            (Some([out, _]), Output::Stdout(bytes)) => Output::Stdout(out.push(&bytes).into()),
            (Some([_, err]), Output::Stderr(bytes)) => Output::Stderr(err.push(&bytes).into()),
        }
    }

    /// Writes what was held; nothing more comes.
    pub(super) fn finish(
        &mut self,
        write: impl Fn(&Output) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some([out, err]) = &mut self.0 else {
            return Ok(());
        };
        for held in [
            Output::Stdout(out.finish().into()),
            Output::Stderr(err.finish().into()),
        ] {
            if !held.bytes().is_empty() {
                write(&held)?;
            }
        }
        Ok(())
    }
}
