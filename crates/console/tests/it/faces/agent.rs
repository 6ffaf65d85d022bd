//! An instance as ZTS/1 wants it, with nothing but the protocol.

use std::collections::BTreeMap;

use evercert_api::digest::{BUCKETS, SetDigest};
use evercert_api::instances::EnrollmentSecret;
use evercert_api::sync::{
    Agent as AgentInfo, Applied, BucketsRequest, BucketsResponse, Change, Cursor, EnrollRequest,
    EnrollResponse, Item, ItemId, ItemsRequest, ItemsResponse, StatusReport, SyncRequest,
    SyncResponse,
};
use evercert_types::KeyAlgorithm;
use evercert_x509::tls::{certified_key, client_config, root_store};
use evercert_x509::{Chain, Csr, CsrParams, KeyPair, Subject};
use reqwest::{Response, StatusCode};
use serde::Serialize;

use super::scene::{Scene, read};

/// An enrolled instance.
pub(crate) struct Agent {
    pub(crate) identity: EnrollResponse,
    pub(crate) cursor: Cursor,
    pub(crate) held: BTreeMap<ItemId, Item>,
    pub(crate) client: reqwest::Client,
    pub(crate) url: String,
}

/// What a sync call brought.
#[derive(Debug)]
pub(crate) enum Brought {
    Nothing,
    Changes { snapshot: bool, count: usize },
}

/// A key and a request for it.
pub(crate) fn csr() -> (KeyPair, String) {
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let params = CsrParams {
        names: Vec::new(),
        ips: Vec::new(),
        subject: Subject::default(),
    };
    let pem = Csr::build(&params, &key).unwrap().to_pem();
    (key, pem)
}

/// Asks to be enrolled with a token's text.
pub(crate) async fn enroll(scene: &Scene, token: &str, name: &str) -> (KeyPair, Response) {
    let secret = EnrollmentSecret::parse(token).unwrap().secret;
    let (key, csr_pem) = csr();
    let request = EnrollRequest {
        secret,
        name: name.to_owned(),
        kind: "adc".to_owned(),
        csr_pem,
        agent_version: "0.1.0".to_owned(),
    };
    let response = scene
        .client
        .post(scene.url("/zts/v1/enroll"))
        .json(&request)
        .send()
        .await;
    (key, response.unwrap())
}

/// A client that shows an identity certificate.
pub(crate) fn identity_client(
    key: &KeyPair,
    certificate_pem: &str,
    ca_pem: &str,
) -> reqwest::Client {
    let chain = Chain::from_pem(certificate_pem).unwrap();
    let identity = certified_key(&chain, key).unwrap();
    let tls = client_config(
        root_store(ca_pem).unwrap(),
        Some(identity),
        &[b"h2", b"http/1.1"],
    )
    .unwrap();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(std::time::Duration::from_secs(70))
        .build()
        .unwrap()
}

impl Agent {
    /// Enrols with a new token of these labels.
    pub(crate) async fn enrolled(scene: &Scene, name: &str, labels: &[(&str, &str)]) -> Self {
        let token = scene.enrollment_token(labels).await;
        let (key, response) = enroll(scene, &token, name).await;
        let identity: EnrollResponse = read(response, StatusCode::OK).await;
        let client = identity_client(&key, &identity.certificate_pem, &identity.ca_pem);
        let url = format!("https://{}", scene.handle.addr);
        Self {
            identity,
            cursor: Cursor::default(),
            held: BTreeMap::new(),
            client,
            url,
        }
    }

    pub(crate) async fn call(&self, path: &str, body: &impl Serialize) -> Response {
        self.client
            .post(format!("{}/zts/v1/{path}", self.url))
            .json(body)
            .send()
            .await
            .unwrap()
    }

    /// What this instance says of itself.
    pub(crate) fn info(&self) -> AgentInfo {
        AgentInfo {
            version: "0.1.0".to_owned(),
            boot: "b1".to_owned(),
            caps: Vec::new(),
        }
    }

    pub(crate) fn request(&self, wait_secs: u32) -> SyncRequest {
        SyncRequest {
            agent: self.info(),
            have: self.cursor.clone(),
            applied: Applied {
                revision: self.cursor.revision,
                ..Applied::default()
            },
            wait_secs,
            max_items: 0,
            challenges: None,
        }
    }

    /// One sync call, and what it brings applied.
    pub(crate) async fn sync(&mut self, wait_secs: u32) -> Brought {
        let request = self.request(wait_secs);
        self.sync_with(&request).await
    }

    pub(crate) async fn sync_with(&mut self, request: &SyncRequest) -> Brought {
        let response = self.call("sync", request).await;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Brought::Nothing;
        }
        let response: SyncResponse = read(response, StatusCode::OK).await;
        self.apply(response)
    }

    /// Syncs until there is nothing more at once; returns whether a snapshot was among it.
    pub(crate) async fn catch_up(&mut self) -> bool {
        let mut snapshots = false;
        for _ in 0..200 {
            match self.sync(0).await {
                Brought::Nothing => return snapshots,
                Brought::Changes { snapshot, .. } => snapshots |= snapshot,
            }
        }
        panic!("it never ends");
    }

    pub(crate) fn apply(&mut self, response: SyncResponse) -> Brought {
        let (snapshot, count) = (response.snapshot, response.changes.len());
        if snapshot {
            self.held.clear();
        }
        for change in response.changes {
            match change {
                Change::Put { item } => {
                    if let Some(chain) = item.chain {
                        assert!(response.chains.contains_key(&chain), "every chain is there");
                    }
                    self.held.insert(item.id, *item);
                }
                Change::Remove { id } => drop(self.held.remove(&id)),
            }
        }
        self.cursor = Cursor {
            scope: response.manifest.scope,
            epoch: response.manifest.epoch,
            revision: response.to,
            digest: self.digest(),
        };
        if !response.more {
            assert_eq!(self.cursor.digest, response.manifest.digest);
            assert_eq!(self.held.len() as u64, response.manifest.count);
        }
        Brought::Changes { snapshot, count }
    }

    pub(crate) fn digest(&self) -> SetDigest {
        let mut digest = SetDigest::default();
        self.held
            .values()
            .for_each(|item| digest.add(&item.digest()));
        digest
    }

    /// The names of the certificates held, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.held.values().map(|item| item.name.clone()).collect();
        names.sort();
        names
    }

    pub(crate) async fn report(&self, applied: Applied) {
        let report = StatusReport {
            agent: self.info(),
            have: self.cursor.clone(),
            applied,
            challenges: None,
        };
        let response = self.call("status", &report).await;
        assert_eq!(
            response.status(),
            StatusCode::NO_CONTENT,
            "{}",
            response.text().await.unwrap()
        );
    }

    /// Finds what differs by buckets and fetches it.
    pub(crate) async fn repair(&mut self) -> usize {
        let mut buckets = vec![SetDigest::default(); BUCKETS];
        for item in self.held.values() {
            let digest = item.digest();
            buckets[usize::from(digest.bucket())].add(&digest);
        }
        let request = BucketsRequest {
            have: self.cursor.clone(),
            buckets,
        };
        let response: BucketsResponse =
            read(self.call("buckets", &request).await, StatusCode::OK).await;
        let differing = response.differ.len();
        for (bucket, refs) in response.differ {
            self.held.retain(|_, item| item.digest().bucket() != bucket);
            let request = ItemsRequest {
                ids: refs.iter().map(|item| item.id).collect(),
            };
            let items: ItemsResponse =
                read(self.call("items", &request).await, StatusCode::OK).await;
            self.held
                .extend(items.items.into_iter().map(|item| (item.id, item)));
        }
        self.cursor.digest = self.digest();
        assert_eq!(self.cursor.digest, response.manifest.digest);
        differing
    }
}
