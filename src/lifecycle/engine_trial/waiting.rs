//! Waits for the containers of a trial.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::engine::spec::LogRange;
use crate::engine::{Engine, Error as EngineError};

/// How long a process in a container may need until it answers.
const ANSWER: Duration = Duration::from_secs(3);

/// Waits until a container has ended, and returns its exit code.
pub(super) async fn ended<E: Engine>(engine: &E, name: &str) -> Result<i64, EngineError> {
    // The log ends with the container.
    let mut log = engine.logs(
        name,
        LogRange {
            follow: true,
            ..LogRange::default()
        },
    );
    while let Some(piece) = log.next().await {
        piece?;
    }
    loop {
        match engine.container_state(name).await? {
            Some(state) if state.running => tokio::time::sleep(Duration::from_millis(20)).await,
            Some(state) => return Ok(state.exit_code),
            None => return Err(EngineError::ContainerEnded),
        }
    }
}

/// Whether the other container answers at a port of this machine. It takes a moment until it does.
pub(super) async fn answers(port: u16, token: &str) -> bool {
    let ask = async {
        while !said(port).await.is_ok_and(|text| text.trim() == token) {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    timeout(ANSWER, ask).await.is_ok()
}

async fn said(port: u16) -> std::io::Result<String> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}
