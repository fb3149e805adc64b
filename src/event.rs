//! What happens, told as plain data. The lifecycle emits events; terminal, JSON and whoever else
//! listens consume them. Nothing here prints.

mod advice;
mod channel;
mod commit;
mod difference;
mod suggestion;

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::output::Output;

pub use self::advice::{
    Advice, Hidden, KnownCause, NotStarted, ReadOnlyWrite, Refusal, Unstartable,
};
pub use self::channel::{Events, Permit, Receiver};
pub use self::commit::Commit;
pub use self::difference::{Change, Difference, on_one_line};
pub use self::suggestion::{Elsewhere, NewMount, Reason, Suggestion, Writer};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
pub enum Event {
    /// Another activity of this environment runs; ours waits for it.
    Waiting {
        /// What the other one says of itself: `run next-build (process 4711)`.
        holder: String,
    },
    /// Something that deserves a look but stops nothing.
    Warning {
        /// What.
        message: String,
        /// How to mend it.
        hint: Option<String>,
    },
    /// A pull began.
    PullStarted {
        /// The image's reference.
        image: String,
    },
    /// A pull went on.
    PullProgress {
        /// The image's reference.
        image: String,
        /// Bytes done.
        done: u64,
        /// Bytes in all, as far as known.
        total: u64,
    },
    /// A pull ended well.
    PullFinished {
        /// The image's reference.
        image: String,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
    },
    /// Building the image that apps of a runtime share began.
    ImageStarted {
        /// The image's reference.
        image: String,
        /// What it is made from.
        base: String,
    },
    /// A line that the image's build printed.
    ImageLine {
        /// The line.
        line: String,
    },
    /// The image is there.
    ImageFinished {
        /// The image's reference.
        image: String,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
    },
    /// An app's build is there already.
    BuildReused {
        /// The app.
        app: String,
        /// The build's id.
        build: String,
    },
    /// A build began.
    BuildStarted {
        /// The app.
        app: String,
        /// The build's id.
        build: String,
        /// How many files its source has.
        files: usize,
        /// How many bytes its source has.
        bytes: u64,
    },
    /// A step of a build, or a hook, began.
    StepStarted {
        /// The app.
        app: String,
        /// Which step.
        step: Step,
    },
    /// What a step printed.
    StepOutput {
        /// The app.
        app: String,
        /// Which step.
        step: Step,
        /// The bytes.
        #[serde(flatten)]
        output: Text,
    },
    /// A step ended.
    StepFinished {
        /// The app.
        app: String,
        /// Which step.
        step: Step,
        /// Its exit code.
        exit_code: i64,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
    },
    /// A build is finished and frozen.
    BuildFinished {
        /// The app.
        app: String,
        /// The build's id.
        build: String,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
    },
    /// The routes answer.
    RoutesReady {
        /// The addresses.
        routes: Vec<Address>,
    },
    /// A service is being started.
    ServiceStarted {
        /// Its name.
        service: String,
        /// Its type, such as `postgresql:18`.
        kind: String,
    },
    /// A service answers.
    ServiceFinished {
        /// Its name.
        service: String,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
    },
    /// What is on the mounts of a container is being kept, and that takes a while.
    KeepingMounts {
        /// The app, or `app--worker`.
        container: String,
    },
    /// The mounts of a container are again as they were before the operation.
    MountsRestored {
        /// The app, or `app--worker`.
        container: String,
        /// What the operation had changed.
        changes: Vec<Difference>,
        /// How much was warned of because it could not be put back.
        #[serde(skip)]
        lost: usize,
    },
    /// An app is being copied for a trial, and that takes its time.
    AppCopying {
        /// The app, or `app--worker`.
        container: String,
    },
    /// An operation is run again where it can only write to mounts.
    MountCheckStarted {
        /// The app, or `app--worker`.
        container: String,
        /// The operation.
        operation: String,
        /// How many mounts there are more than before.
        mounts: usize,
    },
    /// What it printed there.
    MountCheckOutput {
        /// The bytes.
        #[serde(flatten)]
        output: Text,
    },
    /// It ended there. It is run once more when it only needed another mount.
    MountCheckFinished {
        /// The app, or `app--worker`.
        container: String,
        /// How it went.
        #[serde(flatten)]
        check: MountCheck,
    },
    /// An operation ran where it could write everywhere.
    MountsSuggested {
        /// The app, or `app--worker`.
        container: String,
        /// The mounts that it needs where it cannot.
        #[serde(flatten)]
        suggestion: Suggestion,
        /// How it ended there: `success`, `failure` or `timeout`.
        result: Outcome,
        /// The services that it reaches, which are the app's own.
        services: Vec<String>,
        /// How it went with those mounts. None when it had failed before, or wrote nothing.
        check: Option<MountCheck>,
        /// Whether it is a failure when it does not pass with them.
        #[serde(skip)]
        must_pass: bool,
    },
    /// Mounts were put into the configuration.
    MountsWritten {
        /// The file, relative to the repository.
        file: String,
        /// Their paths, relative to the app's root.
        mounts: Vec<String>,
    },
    /// The mail that apps send is shown.
    MailShown {
        /// Where.
        url: String,
    },
    /// A container is being started.
    DeployStarted {
        /// The app, or `app--worker`.
        container: String,
    },
    /// A container runs and its hooks are through.
    DeployFinished {
        /// The app, or `app--worker`.
        container: String,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
    },
    /// The operation began.
    OperationStarted {
        /// The app.
        app: String,
        /// The worker, where it runs in one.
        worker: Option<String>,
        /// The operation.
        operation: String,
        /// The role under which it runs.
        role: String,
        /// The user who runs it, where one is named.
        user: Option<String>,
        /// The script.
        command: String,
    },
    /// What the operation printed, or a cron that somebody runs.
    OperationOutput {
        /// The bytes.
        #[serde(flatten)]
        output: Text,
    },
    /// The operation is being cancelled.
    Cancelling {
        /// Why: `Ctrl-C`, `the time limit of 30 s`.
        reason: String,
        /// How long it has before it is killed, in seconds.
        #[serde(serialize_with = "seconds")]
        grace: Duration,
    },
    /// The operation ended.
    OperationFinished {
        /// The app.
        app: String,
        /// The worker, where it ran in one.
        worker: Option<String>,
        /// The operation.
        operation: String,
        /// The role under which it ran.
        role: String,
        /// Its exit code.
        exit_code: i64,
        /// `success`, `failure`, `cancelled` or `timeout`.
        result: Outcome,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
        /// What it tried to write where nothing may be written.
        read_only: Option<ReadOnlyWrite>,
        /// What it could not start, with the exit codes 126 and 127.
        not_started: Option<NotStarted>,
        /// A cause of its failure that its output gives away.
        known: Option<KnownCause>,
    },
    /// HEAD is being cloned for a source operation.
    CloneStarted {
        /// What the branch is called in the clone.
        branch: String,
        /// The commit.
        commit: String,
    },
    /// A source operation ended well; its commits are asked for.
    CommitsRequested {
        /// The app.
        app: String,
    },
    /// What a source operation committed.
    Committed {
        /// The app.
        app: String,
        /// The branch in the clone.
        branch: String,
        /// The new commits, the oldest first; none where nothing was committed.
        commits: Vec<Commit>,
        /// Whether the branch no longer holds the commit that it stood at.
        rewrote_history: bool,
    },
    /// All that source operations changed.
    Patch {
        /// As `git diff` prints it (UTF-8; what is not becomes U+FFFD).
        patch: String,
    },
    /// The commits of source operations are in the repository.
    CommitsApplied {
        /// The branch that has them.
        branch: String,
        /// The commit that it stands at.
        commit: String,
        /// Why it is not the checked-out branch; `None` where it is.
        because: Option<String>,
    },
    /// A cron will run by itself.
    CronPlanned {
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// When it runs next; `None` for never.
        next: Option<String>,
    },
    /// A cron began.
    CronStarted {
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// The role under which somebody runs it; `None` when its time has come.
        role: Option<String>,
        /// The user who runs it, where one is named.
        user: Option<String>,
        /// The script.
        command: String,
    },
    /// What a cron printed whose time had come.
    CronOutput {
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// The bytes.
        #[serde(flatten)]
        output: Text,
    },
    /// A cron ended.
    CronFinished {
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// The role under which somebody ran it; `None` when its time had come.
        role: Option<String>,
        /// Its exit code.
        exit_code: i64,
        /// `success`, `failure`, `cancelled` or `timeout`.
        result: Outcome,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        duration: Duration,
        /// What it tried to write where nothing may be written.
        read_only: Option<ReadOnlyWrite>,
        /// What it could not start, with the exit codes 126 and 127.
        not_started: Option<NotStarted>,
        /// A cause of its failure that its output gives away.
        known: Option<KnownCause>,
    },
    /// What helps with something else that ended: a step of a build or a deploy, or a command.
    Advice {
        /// The container.
        container: String,
        /// What ran in it: `` `hooks.deploy` ``, `the command`.
        subject: String,
        /// `success` or `failure`.
        result: Outcome,
        /// What it tried to write where nothing may be written.
        read_only: Option<ReadOnlyWrite>,
        /// What it could not start, with the exit codes 126 and 127.
        not_started: Option<NotStarted>,
        /// A cause of its failure that its output gives away.
        known: Option<KnownCause>,
    },
    /// The time of a cron passed without a run.
    CronSkipped {
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// Why.
        reason: String,
    },
    /// Something of the sandbox was removed.
    Removed {
        /// `container`, `volume`, `network`, `image`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
}

/// An address of this machine and what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The address.
    pub url: String,
    /// The app or service that answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whether no route leads there: it is the app itself that answers.
    pub direct: bool,
    /// Where it redirects to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirects_to: Option<String>,
}

impl Address {
    /// Of a route that leads to an app or a service.
    pub fn of_route(url: String, service: &str) -> Self {
        Address {
            url,
            service: Some(service.to_owned()),
            direct: false,
            redirects_to: None,
        }
    }

    /// Of an app itself.
    pub fn of_app(url: String, app: &str) -> Self {
        Address {
            direct: true,
            ..Address::of_route(url, app)
        }
    }

    /// Of a route that redirects to another address.
    pub fn of_redirect(url: String, to: &str) -> Self {
        Address {
            url,
            service: None,
            direct: false,
            redirects_to: Some(to.to_owned()),
        }
    }
}

/// One step of a build or a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// `dependencies`.
    Dependencies,
    /// `build.flavor`.
    Flavor,
    /// `hooks.build`.
    BuildHook,
    /// `hooks.deploy`.
    DeployHook,
    /// `hooks.post_deploy`.
    PostDeployHook,
    /// `commands.stop` of an operation.
    StopCommand,
}

impl Step {
    /// Its name in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Step::Dependencies => "dependencies",
            Step::Flavor => "build.flavor",
            Step::BuildHook => "hooks.build",
            Step::DeployHook => "hooks.deploy",
            Step::PostDeployHook => "hooks.post_deploy",
            Step::StopCommand => "commands.stop",
        }
    }
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Exit code 0.
    Success,
    /// Another exit code.
    Failure,
    /// The user stopped it.
    Cancelled,
    /// Its time was over.
    Timeout,
}

/// How an operation went where it could only write to mounts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MountCheck {
    /// `success`, `failure`, `cancelled` or `timeout`.
    pub result: Outcome,
    /// Its exit code.
    pub exit_code: i64,
    /// How long it took, in seconds.
    #[serde(serialize_with = "seconds")]
    pub duration: Duration,
    /// What it tried to write where nothing may be written.
    pub read_only: Option<ReadOnlyWrite>,
    /// What else a mount does not allow.
    pub trouble: Option<Trouble>,
}

/// What cannot be done because something is a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// It is there before the operation begins.
    AlreadyThere,
    /// It cannot be removed, or get another name.
    Stays,
    /// Nothing can be renamed from one mount to another.
    BetweenMounts,
}

impl Trouble {
    /// What the output of a command that failed says of it.
    pub fn of(output: &str) -> Option<Trouble> {
        let says = |words: &[&str]| words.iter().any(|word| output.contains(word));
        if says(&["Invalid cross-device link", "EXDEV", "cross-device"]) {
            Some(Trouble::BetweenMounts)
        } else if says(&["Device or resource busy", "EBUSY", "resource busy"]) {
            Some(Trouble::Stays)
        } else if says(&["File exists", "EEXIST"]) {
            Some(Trouble::AlreadyThere)
        } else {
            None
        }
    }
}

/// Output on its way to whoever listens. As JSON: `stream` and `text` (UTF-8; what is not becomes U+FFFD).
#[derive(Debug, Clone, PartialEq)]
pub struct Text(pub Output);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let stream = match &self.0 {
            Output::Stdout(_) => "stdout",
            Output::Stderr(_) => "stderr",
        };
        let mut fields = serializer.serialize_struct("Text", 2)?;
        fields.serialize_field("stream", stream)?;
        fields.serialize_field("text", &String::from_utf8_lossy(self.0.bytes()))?;
        fields.end()
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
}
