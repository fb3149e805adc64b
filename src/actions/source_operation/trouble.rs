//! Why a source operation had no result.

use crate::failure::{
    BAD_CONFIGURATION, BAD_FILE, CANNOT_MAKE, FAULT, Failure, OPERATION_FAILED, USAGE,
};
use crate::lifecycle;
use crate::scratch;
use crate::shutdown::Shutdown;

/// Why a source operation had no result.
pub(super) enum Trouble {
    Failure(Failure),
    Lifecycle(lifecycle::Error),
    /// The clone cannot be made.
    Clone(scratch::Error),
    /// The changes that an app's operation left cannot be fetched from its container.
    Take(String, scratch::Error),
    /// The commits cannot be inspected, or not be brought into the repository.
    Bring(scratch::Error),
}

impl From<lifecycle::Error> for Trouble {
    fn from(err: lifecycle::Error) -> Self {
        Trouble::Lifecycle(err)
    }
}

impl From<crate::lock::Error> for Trouble {
    fn from(err: crate::lock::Error) -> Self {
        Trouble::Lifecycle(err.into())
    }
}

/// The failure with its exit code.
pub(super) fn failure(trouble: Trouble, shutdown: &Shutdown) -> Failure {
    match trouble {
        Trouble::Failure(failure) => failure,
        Trouble::Lifecycle(err) => Failure::of(err, shutdown),
        Trouble::Clone(err) => cannot_clone(&err, shutdown),
        Trouble::Take(_, scratch::Error::Interrupted)
        | Trouble::Bring(scratch::Error::Interrupted) => {
            Failure::of(lifecycle::Error::Interrupted, shutdown)
        }
        Trouble::Take(app, err) => {
            let code = match &err {
                scratch::Error::Io(_) => FAULT,
                _ => OPERATION_FAILED,
            };
            Failure::new(
                code,
                format!("what `{app}` committed cannot be taken: {err}"),
            )
        }
        Trouble::Bring(err) => {
            let code = match &err {
                scratch::Error::Io(_) => FAULT,
                _ => BAD_FILE,
            };
            Failure::new(code, format!("the commits cannot be brought here: {err}"))
        }
    }
}

pub(super) fn cannot_clone(err: &scratch::Error, shutdown: &Shutdown) -> Failure {
    use scratch::Error as E;
    if matches!(err, E::Interrupted) {
        return Failure::of(lifecycle::Error::Interrupted, shutdown);
    }
    let code = match err {
        E::NoRepository(_) | E::NoCommit => USAGE,
        E::Below { .. } => BAD_CONFIGURATION,
        E::AnothersRepository(_) | E::Refused { .. } | E::NotWhole(_) => BAD_FILE,
        E::Io(_) | E::Interrupted => CANNOT_MAKE,
    };
    let failure = Failure::new(code, format!("the repository cannot be cloned: {err}"));
    match err {
        E::NoCommit | E::NoRepository(_) => failure.hint(
            "a source operation works on a commit: `git init`, `git add` and `git commit` make one",
        ),
        E::AnothersRepository(root) => failure.hint(format!(
            "`git config --global --add safe.directory {}` lets it",
            root.display()
        )),
        E::Io(err) if err.kind() == std::io::ErrorKind::NotFound => {
            failure.hint("install Git, or add it to `PATH`")
        }
        _ => failure,
    }
}
