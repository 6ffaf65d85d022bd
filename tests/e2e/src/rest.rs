//! A Console's REST API, for journeys that ask it often.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::console::ConsoleSetup;

/// The REST API of one Console, as its administrator.
#[derive(Clone, Debug)]
pub struct Rest {
    http: Client,
    url: String,
    token: String,
}

impl Rest {
    /// For a Console that has been started once.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn new(setup: &ConsoleSetup) -> Result<Self> {
        let root = std::fs::read(setup.dir.join("console-ca.pem")).context("reading its CA")?;
        let token = std::fs::read_to_string(setup.token_file()).context("reading the token")?;
        let http = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .tls_certs_only([reqwest::Certificate::from_pem(&root)?])
            .build()?;
        Ok(Self {
            http,
            url: format!("{}/api/v1", setup.url()),
            token: token.trim().to_owned(),
        })
    }

    /// Reads a resource that is there.
    ///
    /// # Errors
    /// When the Console does not answer, or refuses.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let (status, answer) = self.call(Method::GET, path, None).await?;
        anyhow::ensure!(status.is_success(), "{path}: {status} {answer}");
        Ok(answer)
    }

    /// Makes something; answers the status and what the Console said.
    ///
    /// # Errors
    /// When the Console does not answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<(StatusCode, Value)> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.context("asking the Console")?;
        let status = answer.status();
        let text = answer.text().await.context("reading the answer")?;
        Ok((status, serde_json::from_str(&text).unwrap_or(text.into())))
    }
}
