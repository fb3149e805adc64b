//! Processes that want to outlive the command that started them.
