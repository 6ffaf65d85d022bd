//! A running Console with an administrator, and a client for it.

use std::path::Path;
use std::time::Duration;

use evercert_api::Problem;
use evercert_api::users::{ApiToken, NewApiToken, Role};
use evercert_console::{ConsoleConfig, ConsoleHandle, init_admin, run};
use evercert_testkit::{Postgres, StartError};
use evercert_types::{DomainName, KeyAlgorithm, Secret};
use evercert_x509::KeyPair;
use evercert_x509::mint::{Authority, LeafRequest};
use evercert_x509::tls::{client_config, root_store};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A Console, its data and its client.
pub(crate) struct Scene {
    pub(crate) handle: ConsoleHandle,
    pub(crate) client: reqwest::Client,
    pub(crate) admin: String,
    pub(crate) issuer: Authority,
    pub(crate) dir: TempDir,
    pub(crate) postgres: Option<Postgres>,
}

impl Scene {
    pub(crate) async fn sqlite() -> Self {
        Self::with(None).await
    }

    /// `None`, said loudly, where PostgreSQL is not installed.
    pub(crate) async fn postgres() -> Option<Self> {
        match Postgres::start().await {
            Ok(server) => Some(Self::with(Some(server)).await),
            Err(reason @ StartError::Missing { .. }) => {
                evercert_testkit::skip::announce(&reason);
                None
            }
            Err(failure) => panic!("{failure}"),
        }
    }

    async fn with(postgres: Option<Postgres>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        let hooks = dir.path().join("hooks");
        std::fs::create_dir(&hooks).unwrap();
        config.dns_directories = vec![hooks];
        if let Some(server) = &postgres {
            config.database_url = Some(server.create_database().await.unwrap());
        }
        let made = init_admin(&config, "anna", Secret::new(PASSWORD.to_owned()))
            .await
            .unwrap();
        let handle = start(config).await;
        Self {
            client: client(&handle.ca_pem),
            admin: made.token.unwrap(),
            issuer: issuer(),
            handle,
            dir,
            postgres,
        }
    }

    /// Where a path of the Console is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.handle.addr)
    }

    /// A request as the administrator.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, self.url(path))
            .bearer_auth(&self.admin)
    }

    /// Reads as the administrator.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        read(
            self.request(Method::GET, path).send().await.unwrap(),
            StatusCode::OK,
        )
        .await
    }

    /// Posts as the administrator.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        status: StatusCode,
    ) -> T {
        read(
            self.request(Method::POST, path)
                .json(body)
                .send()
                .await
                .unwrap(),
            status,
        )
        .await
    }

    /// Deletes as the administrator.
    pub(crate) async fn delete(&self, path: &str) {
        let response = self.request(Method::DELETE, path).send().await.unwrap();
        assert_eq!(
            response.status(),
            StatusCode::NO_CONTENT,
            "{}",
            response.text().await.unwrap()
        );
    }

    /// An API token of a role.
    pub(crate) async fn token(&self, role: Role) -> String {
        let wanted = NewApiToken {
            name: role.as_str().to_owned(),
            role,
            expires_in: None,
        };
        let body = serde_json::to_value(wanted).unwrap();
        let made: ApiToken = self
            .post("/api/v1/tokens", &body, StatusCode::CREATED)
            .await;
        made.token.unwrap()
    }

    /// The text of a new enrolment token.
    pub(crate) async fn enrollment_token(&self, labels: &[(&str, &str)]) -> String {
        let labels: std::collections::BTreeMap<_, _> = labels.iter().copied().collect();
        let made: Value = self
            .post(
                "/api/v1/enrollment-tokens",
                &json!({ "labels": labels }),
                StatusCode::CREATED,
            )
            .await;
        made["token"].as_str().unwrap().to_owned()
    }

    /// Puts a fresh version of a certificate into the zero-touch store; the scope as `{"site": "fra"}`.
    pub(crate) async fn import(&self, name: &str, scope: Value) -> Value {
        self.import_into(name, "zero_touch", scope).await
    }

    /// The same into a store.
    pub(crate) async fn import_into(&self, name: &str, store: &str, scope: Value) -> Value {
        let (chain, key) = self.material(name);
        let body = json!({ "name": name, "store": store, "chain_pem": chain, "key_pem": key, "scope": scope });
        self.post("/api/v1/certificates/import", &body, StatusCode::CREATED)
            .await
    }

    /// A chain and key for `<name>.example.com`.
    pub(crate) fn material(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let names = [DomainName::new(&format!("{name}.example.com")).unwrap()];
        let request =
            LeafRequest::for_key(&key, &names, SignedDuration::from_hours(24 * 90), now());
        let chain = self.issuer.issue_chain(&request).unwrap();
        (chain.to_pem(), key.to_pkcs8_pem().expose().clone())
    }
}

/// A configuration for tests in a directory.
pub(crate) fn config(dir: &Path) -> ConsoleConfig {
    let mut config = ConsoleConfig::new(dir);
    config.listen = ([127, 0, 0, 1], 0).into();
    config
}

pub(crate) async fn start(config: ConsoleConfig) -> ConsoleHandle {
    let listener = TcpListener::bind(config.listen).await.unwrap();
    run(config, listener).await.unwrap()
}

/// A client that trusts a Console.
pub(crate) fn client(ca_pem: &str) -> reqwest::Client {
    let tls = client_config(root_store(ca_pem).unwrap(), None, &[b"h2", b"http/1.1"]).unwrap();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// The answer's body, once its status is as expected.
pub(crate) async fn read<T: DeserializeOwned>(response: Response, status: StatusCode) -> T {
    let got = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(got, status, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The problem document of a refusal.
pub(crate) async fn problem(response: Response) -> Problem {
    let status = response.status().as_u16();
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let problem: Problem = response.json().await.unwrap();
    assert_eq!(kind, "application/problem+json");
    assert_eq!(problem.status, status);
    assert_eq!(problem.request_id.as_deref(), Some(id.as_str()));
    problem
}

#[expect(
    clippy::disallowed_methods,
    reason = "certificates of tests are verified by the system's clock"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

fn issuer() -> Authority {
    let years = |n: i64| SignedDuration::from_hours(24 * 365 * n);
    let root =
        Authority::self_signed("Test root", KeyAlgorithm::EcdsaP256, years(10), now()).unwrap();
    root.intermediate("Test issuing CA", KeyAlgorithm::EcdsaP256, years(5), now())
        .unwrap()
}
