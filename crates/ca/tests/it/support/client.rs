//! A tiny ACME client that sends what it is told, right or wrong.

use std::sync::Mutex;
use std::time::Duration;

use evercert_ca::LocalCa;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::key::Key;

/// Talks to one CA.
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) directory: Value,
    nonce: Mutex<Option<String>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// A client with an account.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) key: Key,
    pub(crate) kid: String,
}

impl Client {
    pub(crate) async fn new(ca: &LocalCa) -> Self {
        Self::with_root(&ca.tls_root_pem(), &ca.directory_url()).await
    }

    pub(crate) async fn with_root(root: &str, directory: &str) -> Self {
        let root = reqwest::Certificate::from_pem(root.as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([root])
            .timeout(Duration::from_secs(20))
            .no_proxy()
            .build()
            .unwrap();
        let directory = http.get(directory).send().await.unwrap();
        Self {
            directory: directory.json().await.unwrap(),
            http,
            nonce: Mutex::new(None),
        }
    }

    /// The URL the directory has for a resource.
    pub(crate) fn url(&self, resource: &str) -> String {
        self.directory[resource].as_str().unwrap().to_owned()
    }

    pub(crate) async fn nonce(&self) -> String {
        let kept = self.nonce.lock().unwrap().take();
        match kept {
            Some(nonce) => nonce,
            None => {
                let reply = self.http.head(self.url("newNonce")).send().await.unwrap();
                reply.headers()["replay-nonce"].to_str().unwrap().to_owned()
            }
        }
    }

    /// The usual header, by account when there is a kid.
    pub(crate) async fn header(&self, url: &str, key: &Key, kid: Option<&str>) -> Value {
        let mut header = json!({"alg": key.algorithm(), "nonce": self.nonce().await, "url": url});
        match kid {
            Some(kid) => header["kid"] = json!(kid),
            None => header["jwk"] = key.jwk(),
        }
        header
    }

    /// Sends a body as it is.
    pub(crate) async fn send(&self, url: &str, body: String) -> Reply {
        let request = self
            .http
            .post(url)
            .header("content-type", "application/jose+json");
        let response = request.body(body).send().await.unwrap();
        let reply = Reply {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        };
        *self.nonce.lock().unwrap() = reply
            .headers
            .get("replay-nonce")
            .map(|nonce| nonce.to_str().unwrap().to_owned());
        reply
    }

    /// Signs and sends; a refused nonce is answered with another, many times.
    pub(crate) async fn post(
        &self,
        url: &str,
        payload: &str,
        key: &Key,
        kid: Option<&str>,
    ) -> Reply {
        for _ in 0..100 {
            let header = self.header(url, key, kid).await;
            let reply = self.send(url, key.jws(&header, payload).to_string()).await;
            if !reply.is("badNonce") {
                return reply;
            }
        }
        panic!("100 nonces were refused");
    }

    pub(crate) async fn new_account(&self, key: &Key, payload: Value) -> Reply {
        self.post(&self.url("newAccount"), &payload.to_string(), key, None)
            .await
    }

    /// Makes an account and goes on with it.
    pub(crate) async fn session(self, key: Key) -> Session {
        let reply = self
            .new_account(&key, json!({"termsOfServiceAgreed": true}))
            .await;
        assert!(reply.status.is_success(), "{}", reply.text);
        Session {
            kid: reply.header("location"),
            key,
            client: self,
        }
    }
}

impl Session {
    pub(crate) async fn new(ca: &LocalCa) -> Self {
        Client::new(ca).await.session(Key::es256()).await
    }

    pub(crate) async fn post(&self, url: &str, payload: Value) -> Reply {
        self.client
            .post(url, &payload.to_string(), &self.key, Some(&self.kid))
            .await
    }

    /// POST-as-GET.
    pub(crate) async fn get(&self, url: &str) -> Reply {
        self.client.post(url, "", &self.key, Some(&self.kid)).await
    }

    /// newOrder for identifiers given as DNS names, or addresses.
    pub(crate) async fn new_order(&self, names: &[&str]) -> Reply {
        self.new_order_with(names, json!({})).await
    }

    pub(crate) async fn new_order_with(&self, names: &[&str], mut more: Value) -> Reply {
        let identifiers: Vec<Value> = names.iter().map(|name| identifier(name)).collect();
        more["identifiers"] = json!(identifiers);
        self.post(&self.client.url("newOrder"), more).await
    }

    /// `token.thumbprint`.
    pub(crate) fn key_authorization(&self, challenge: &Value) -> String {
        let token = challenge["token"].as_str().unwrap();
        format!("{token}.{}", self.key.thumbprint())
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let value = self.headers.get(name);
        let value =
            value.unwrap_or_else(|| panic!("no {name} in {:?}: {}", self.headers, self.text));
        value.to_str().unwrap().to_owned()
    }

    /// The targets of `Link` headers with this relation.
    pub(crate) fn links(&self, rel: &str) -> Vec<String> {
        let wanted = format!("rel=\"{rel}\"");
        self.headers
            .get_all("link")
            .iter()
            .map(|value| value.to_str().unwrap())
            .filter(|link| link.contains(&wanted))
            .map(|link| link[1..link.find('>').unwrap()].to_owned())
            .collect()
    }

    /// Whether it is a problem of this type.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.status.as_u16() >= 400
            && self.headers["content-type"] == "application/problem+json"
            && self.json()["type"] == format!("urn:ietf:params:acme:error:{kind}")
    }

    /// Insists on a problem of this status and type, whose detail has this word.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, kind: &str, word: &str) {
        assert!(
            self.status == status && self.is(kind),
            "wanted {status} {kind}, got {} {}",
            self.status,
            self.text
        );
        let problem = self.json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(word), "no \"{word}\" in: {detail}");
        assert_eq!(problem["status"], status);
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }
}

pub(crate) fn identifier(name: &str) -> Value {
    let kind = match name.parse::<std::net::IpAddr>() {
        Ok(_) => "ip",
        Err(_) => "dns",
    };
    json!({"type": kind, "value": name})
}
