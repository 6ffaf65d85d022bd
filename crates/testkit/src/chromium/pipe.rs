//! Calls over Chromium's debugging pipe, one after the other, and what it tells in between.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Something did not work in the browser.
#[derive(Debug, thiserror::Error)]
#[error("Chromium, {doing}: {reason}")]
pub struct ChromiumError {
    doing: String,
    reason: String,
}

impl ChromiumError {
    pub(super) fn new(doing: impl Into<String>, reason: impl ToString) -> Self {
        Self {
            doing: doing.into(),
            reason: reason.to_string(),
        }
    }
}

/// The pipe to a browser, and the session of its page.
#[derive(Debug)]
pub(super) struct Pipe {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last: u64,
    /// Set once a page is attached to.
    pub(super) session: Option<String>,
    /// Events not looked at yet.
    pub(super) events: Vec<Value>,
}

impl Pipe {
    pub(super) fn new(input: ChildStdin, output: ChildStdout) -> Self {
        Self {
            input,
            output: BufReader::new(output),
            last: 0,
            session: None,
            events: Vec::new(),
        }
    }

    /// Calls a method of the protocol; answers its result.
    pub(super) async fn call(
        &mut self,
        method: &str,
        params: Value,
    ) -> Result<Value, ChromiumError> {
        let answer = tokio::time::timeout(LIMIT, self.exchange(method, params)).await;
        let mut answer = answer
            .map_err(|_| ChromiumError::new(method, format!("no answer within {LIMIT:?}")))?
            .map_err(|error| ChromiumError::new(method, error))?;
        match answer.get("error") {
            Some(error) => Err(ChromiumError::new(method, error)),
            None => Ok(answer["result"].take()),
        }
    }

    async fn exchange(&mut self, method: &str, params: Value) -> std::io::Result<Value> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input.write_all(&bytes).await?;
        self.input.flush().await?;
        loop {
            let message = self.read().await?;
            if message["id"] == self.last {
                return Ok(message);
            }
            self.events.push(message);
        }
    }

    async fn read(&mut self) -> std::io::Result<Value> {
        let mut bytes = Vec::new();
        self.output.read_until(0, &mut bytes).await?;
        if bytes.pop() != Some(0) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&bytes)?)
    }
}
