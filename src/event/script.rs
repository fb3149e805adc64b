//! The scripts of builds and deploys: steps and hooks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Text, seconds};

/// The scripts of builds and deploys: steps and hooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
pub enum Script {
    /// A step of a build, or a hook, began.
    #[serde(rename = "step-started")]
    Started { app: String, step: Step },
    /// What a step printed.
    #[serde(rename = "step-output")]
    Output {
        app: String,
        step: Step,
        #[serde(flatten)]
        output: Text,
    },
    /// A step ended.
    #[serde(rename = "step-finished")]
    Finished {
        app: String,
        step: Step,
        exit_code: i64,
        /// How long the step took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
}

/// One step of a build or a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// The step's name in the configuration.
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
