//! Explains that the kernel killed a process because its container had used all the memory that it may have.

use super::Sandbox;
use crate::engine::Engine;
use crate::engine::spec::ExecSpec;

/// A script that counts the processes of its container that the kernel killed.
pub(super) const OUT_OF_MEMORY: &str = include_str!("scripts/out_of_memory.sh");

/// How to give containers more memory.
pub const MEMORY_HINT: &str = "a container may take half of the memory that the container engine has; `resources: {memory: 4GB}` in .upsun-local.yaml sets another limit";

impl<E: Engine> Sandbox<'_, E> {
    /// Explains the end of a killed process if its container, which still runs, had no memory left.
    pub(super) async fn explain_kill(&self, container: &str, title: &str) {
        let spec = ExecSpec {
            command: ["/bin/dash", "-c", OUT_OF_MEMORY]
                .map(str::to_owned)
                .to_vec(),
            working_dir: Some("/".to_owned()),
            ..ExecSpec::default()
        };
        // If the container does not answer, there is nothing to explain.
        let Ok((_, count, _)) = self.capture(container, &spec).await else {
            return;
        };
        if !count.trim().is_empty() {
            let message = format!(
                "a process of `{title}` was killed: its container had used all the memory that it may have"
            );
            self.events
                .warn(message, Some(MEMORY_HINT.to_owned()))
                .await;
        }
    }
}
