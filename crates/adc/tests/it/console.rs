//! A Console that speaks ZTS/1 from memory, and can be told to misbehave.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use evercert_api::digest::{BUCKETS, SetDigest};
use evercert_api::instances::EnrollmentSecret;
use evercert_api::sync::{
    Applied, BucketsRequest, BucketsResponse, Change, Cursor, EnrollRequest, EnrollResponse, Item,
    ItemId, ItemRef, ItemsRequest, ItemsResponse, Manifest, RenewIdentityRequest,
    RenewIdentityResponse, StatusReport, SyncRequest, SyncResponse, instance_from_uris,
    instance_uri,
};
use evercert_types::{Fingerprint, InstanceId, KeyAlgorithm, Labels};
use evercert_x509::mint::{Authority, LeafRequest, Usage};
use evercert_x509::tls::{
    ClientAuth, certified_key_from_der, root_store, server_config, single_certificate,
};
use evercert_x509::{Certificate, Csr, KeyPair};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::authority::now;

/// A running one; stopped when dropped.
pub(crate) struct FakeConsole {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

struct Shared {
    ca: Authority,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

/// What it has, how it behaves, and what it was told.
pub(crate) struct State {
    pub(crate) epoch: i64,
    pub(crate) revision: i64,
    /// The last change of each item: `None` for a removal.
    items: BTreeMap<ItemId, (i64, Option<Item>)>,
    chains: BTreeMap<Fingerprint, Vec<String>>,
    tokens: HashSet<String>,
    pub(crate) page: usize,
    /// Deltas from before this revision are not known any more.
    pub(crate) known_from: i64,
    /// Where the page before ended: pages go on as deltas.
    page_ended: i64,
    pub(crate) purge_intended: bool,
    /// Every call but enrolment is answered with this.
    pub(crate) failing: Option<StatusCode>,
    pub(crate) identity_valid: SignedDuration,
    pub(crate) now: Box<dyn Fn() -> Timestamp + Send>,
    /// Names of calls, `snapshot`, `delta` or `304` for sync.
    pub(crate) calls: Vec<String>,
    pub(crate) reports: Vec<Applied>,
    pub(crate) instances: Vec<InstanceId>,
}

impl FakeConsole {
    pub(crate) async fn start() -> Self {
        let years = SignedDuration::from_hours(24 * 3650);
        let start = now() - SignedDuration::from_hours(24 * 365);
        let ca =
            Authority::self_signed("Identity CA", KeyAlgorithm::EcdsaP256, years, start).unwrap();
        let shared = Arc::new(Shared {
            ca,
            state: Mutex::new(State {
                epoch: 1,
                revision: 0,
                items: BTreeMap::new(),
                chains: BTreeMap::new(),
                tokens: HashSet::from(["first".to_owned()]),
                page: 500,
                known_from: 0,
                page_ended: -1,
                purge_intended: false,
                failing: None,
                identity_valid: SignedDuration::from_hours(24 * 7),
                now: Box::new(now),
                calls: Vec::new(),
                reports: Vec::new(),
                instances: Vec::new(),
            }),
            changed: watch::channel(0).0,
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut console = Self {
            addr: listener.local_addr().unwrap(),
            shared,
            stop: CancellationToken::new(),
        };
        console.serve(listener);
        console
    }

    /// Closes its socket and every connection.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Serves again at the same address.
    pub(crate) async fn start_again(&mut self) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.addr).unwrap();
        self.stop = CancellationToken::new();
        self.serve(socket.listen(64).unwrap());
    }

    fn serve(&mut self, listener: TcpListener) {
        let acceptor = TlsAcceptor::from(Arc::new(self.shared.tls()));
        let (shared, stop) = (self.shared.clone(), self.stop.clone());
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stop.cancelled() => return,
                };
                let (tcp, _) = accepted.unwrap();
                let (acceptor, shared, stop) = (acceptor.clone(), shared.clone(), stop.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = connection(acceptor, shared, tcp) => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
        });
    }

    /// By an address that its certificate does not name.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.addr.port())
    }

    pub(crate) fn token(&self) -> String {
        self.token_of("first")
    }

    /// Another one-time token.
    pub(crate) fn new_token(&self, secret: &str) -> String {
        self.state().tokens.insert(secret.to_owned());
        self.token_of(secret)
    }

    fn token_of(&self, secret: &str) -> String {
        EnrollmentSecret::compose(secret, &self.shared.ca.certificate().fingerprint())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    /// Puts items, each with a revision of its own, and returns the last.
    pub(crate) fn put(
        &self,
        items: impl IntoIterator<Item = Item>,
        chains: BTreeMap<Fingerprint, Vec<String>>,
    ) -> i64 {
        let mut state = self.state();
        state.chains.extend(chains);
        for item in items {
            state.revision += 1;
            let revision = state.revision;
            state.items.insert(item.id, (revision, Some(item)));
        }
        let revision = state.revision;
        drop(state);
        self.wake();
        revision
    }

    pub(crate) fn remove(&self, ids: impl IntoIterator<Item = ItemId>) -> i64 {
        let mut state = self.state();
        for id in ids {
            state.revision += 1;
            let revision = state.revision;
            state.items.insert(id, (revision, None));
        }
        let revision = state.revision;
        drop(state);
        self.wake();
        revision
    }

    /// Changes an item without a revision: what a lost write would do.
    pub(crate) fn tamper(&self, item: Item) {
        let mut state = self.state();
        let revision = state
            .items
            .get(&item.id)
            .map_or(0, |(revision, _)| *revision);
        state.items.insert(item.id, (revision, Some(item)));
        drop(state);
        self.wake();
    }

    pub(crate) fn wake(&self) {
        self.shared.changed.send_modify(|count| *count += 1);
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// Handshakes reported for an item's generation.
    pub(crate) fn observed(&self, id: ItemId, generation: i64) -> u64 {
        let state = self.state();
        let reports = state.reports.iter().flat_map(|applied| &applied.observed);
        reports
            .filter(|seen| seen.id == id && seen.generation == generation)
            .map(|seen| seen.handshakes)
            .sum()
    }
}

impl Drop for FakeConsole {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    fn present(&self) -> impl Iterator<Item = &Item> {
        self.items.values().filter_map(|(_, item)| item.as_ref())
    }

    fn manifest(&self) -> Manifest {
        let mut digest = SetDigest::default();
        self.present().for_each(|item| digest.add(&item.digest()));
        Manifest {
            scope: "all".into(),
            epoch: self.epoch,
            revision: self.revision,
            count: self.present().count() as u64,
            digest,
            issued_at: now(),
            purge_intended: self.purge_intended,
        }
    }

    fn answer(&mut self, have: &Cursor) -> Option<SyncResponse> {
        let manifest = self.manifest();
        let same = have.scope == manifest.scope && have.epoch == manifest.epoch;
        if same && have.revision == manifest.revision && have.digest == manifest.digest {
            return None;
        }
        let is_page = have.revision == self.page_ended;
        let snapshot = !same || (have.revision < self.known_from && !is_page);
        let after = if snapshot { i64::MIN } else { have.revision };
        let mut changed: Vec<_> = (self.items.iter())
            .filter(|(_, (revision, item))| *revision > after && !(snapshot && item.is_none()))
            .collect();
        changed.sort_by_key(|(_, (revision, _))| *revision);
        let more = changed.len() > self.page;
        changed.truncate(self.page);
        let to = match changed.last() {
            Some((_, (revision, _))) if more => *revision,
            _ => manifest.revision,
        };
        self.page_ended = if more { to } else { -1 };
        let changes = changed.into_iter().map(|(id, (_, item))| match item {
            Some(item) => Change::Put {
                item: Box::new(item.clone()),
            },
            None => Change::Remove { id: *id },
        });
        let changes = changes.collect();
        self.calls
            .push(if snapshot { "snapshot" } else { "delta" }.to_owned());
        Some(SyncResponse {
            manifest,
            snapshot,
            to,
            more,
            changes,
            chains: self.chains.clone(),
            poll_after_secs: 600,
            challenges: None,
        })
    }
}

impl Shared {
    fn tls(&self) -> rustls::ServerConfig {
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let validity = SignedDuration::from_hours(24 * 30);
        let names = vec!["console.test".parse().unwrap()];
        let leaf = self
            .ca
            .issue(&LeafRequest::for_key(&key, &names, validity, now()))
            .unwrap();
        let ders = [&leaf, self.ca.certificate()].map(|c| CertificateDer::from(c.der().to_vec()));
        let certified = certified_key_from_der(ders.to_vec(), key.to_pkcs8_der().expose()).unwrap();
        let roots = root_store(&self.ca.certificate().to_pem()).unwrap();
        let clients = ClientAuth::Optional(roots);
        server_config(single_certificate(certified), clients, &[b"http/1.1"]).unwrap()
    }

    fn identity(&self, csr_pem: &str, id: InstanceId) -> String {
        let csr = Csr::from_pem(csr_pem).unwrap();
        csr.verify_signature().unwrap();
        let (valid, now) = {
            let state = self.state.lock().unwrap();
            (state.identity_valid, (state.now)())
        };
        let mut request = LeafRequest::new(csr.spki_der(), now, now + valid);
        request.uris.push(instance_uri(id));
        request.usage = Usage::Client;
        self.ca.issue(&request).unwrap().to_pem() + &self.ca.certificate().to_pem()
    }
}

#[derive(Clone)]
struct Peer(Option<InstanceId>);

async fn connection(acceptor: TlsAcceptor, shared: Arc<Shared>, tcp: tokio::net::TcpStream) {
    let Ok(stream) = acceptor.accept(tcp).await else {
        return;
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let leaf = certificates.map(|c| Certificate::from_der(c[0].to_vec()).unwrap());
    let uris = leaf.map(|leaf| leaf.san_uris()).unwrap_or_default();
    let peer = Peer(instance_from_uris(uris.iter().map(String::as_str)));
    let router = Router::new()
        .route("/zts/v1/enroll", post(enroll))
        .route("/zts/v1/renew-identity", post(renew))
        .route("/zts/v1/sync", post(sync))
        .route("/zts/v1/status", post(status))
        .route("/zts/v1/buckets", post(buckets))
        .route("/zts/v1/items", post(items))
        .layer(axum::extract::DefaultBodyLimit::max(4 << 20))
        .layer(Extension(peer))
        .with_state(shared);
    let serving = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    serving.await.unwrap_or_default();
}

type App = Extract<Arc<Shared>>;

/// Counts the call and refuses strangers, or everybody when told so.
fn enter(shared: &Shared, peer: &Peer, call: &str) -> Result<InstanceId, StatusCode> {
    let mut state = shared.state.lock().unwrap();
    state.calls.push(call.to_owned());
    if let Some(status) = state.failing {
        return Err(status);
    }
    let known = peer.0.filter(|id| state.instances.contains(id));
    known.ok_or(StatusCode::UNAUTHORIZED)
}

async fn enroll(Extract(shared): App, Json(request): Json<EnrollRequest>) -> Response {
    let id = InstanceId::new();
    {
        let mut state = shared.state.lock().unwrap();
        state.calls.push("enroll".into());
        if !state.tokens.remove(request.secret.expose()) {
            return StatusCode::FORBIDDEN.into_response();
        }
        state.instances.push(id);
    }
    Json(EnrollResponse {
        instance_id: id,
        name: format!("{}-1", request.name),
        labels: Labels::from([("site".into(), "test".into())]),
        certificate_pem: shared.identity(&request.csr_pem, id),
        ca_pem: shared.ca.certificate().to_pem(),
    })
    .into_response()
}

async fn renew(
    Extract(shared): App,
    Extension(peer): Extension<Peer>,
    Json(request): Json<RenewIdentityRequest>,
) -> Response {
    match enter(&shared, &peer, "renew") {
        Ok(id) => Json(RenewIdentityResponse {
            certificate_pem: shared.identity(&request.csr_pem, id),
            ca_pem: shared.ca.certificate().to_pem(),
        })
        .into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn sync(
    Extract(shared): App,
    Extension(peer): Extension<Peer>,
    Json(request): Json<SyncRequest>,
) -> Response {
    if let Err(refusal) = enter(&shared, &peer, "sync") {
        return refusal.into_response();
    }
    shared.state.lock().unwrap().reports.push(request.applied);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(request.wait_secs.into());
    let mut changed = shared.changed.subscribe();
    loop {
        if let Some(response) = shared.state.lock().unwrap().answer(&request.have) {
            return Json(response).into_response();
        }
        if tokio::time::timeout_at(deadline, changed.changed())
            .await
            .is_err()
        {
            shared.state.lock().unwrap().calls.push("304".into());
            return StatusCode::NOT_MODIFIED.into_response();
        }
        if let Some(status) = shared.state.lock().unwrap().failing {
            return status.into_response();
        }
    }
}

async fn status(
    Extract(shared): App,
    Extension(peer): Extension<Peer>,
    Json(report): Json<StatusReport>,
) -> Response {
    match enter(&shared, &peer, "status") {
        Ok(_) => {
            shared.state.lock().unwrap().reports.push(report.applied);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn buckets(
    Extract(shared): App,
    Extension(peer): Extension<Peer>,
    Json(request): Json<BucketsRequest>,
) -> Response {
    if let Err(refusal) = enter(&shared, &peer, "buckets") {
        return refusal.into_response();
    }
    let state = shared.state.lock().unwrap();
    let mut ours = vec![SetDigest::default(); BUCKETS];
    for item in state.present() {
        ours[usize::from(item.digest().bucket())].add(&item.digest());
    }
    let mut differ = BTreeMap::new();
    for bucket in 0..=255u8 {
        if ours[usize::from(bucket)] != request.buckets[usize::from(bucket)] {
            let inside = state
                .present()
                .filter(|item| item.digest().bucket() == bucket);
            let refs = inside.map(|item| ItemRef {
                id: item.id,
                generation: item.generation,
                fingerprint: item.fingerprint,
            });
            differ.insert(bucket, refs.collect());
        }
    }
    let manifest = state.manifest();
    Json(BucketsResponse { manifest, differ }).into_response()
}

async fn items(
    Extract(shared): App,
    Extension(peer): Extension<Peer>,
    Json(request): Json<ItemsRequest>,
) -> Response {
    if let Err(refusal) = enter(&shared, &peer, "items") {
        return refusal.into_response();
    }
    let state = shared.state.lock().unwrap();
    let wanted = state
        .present()
        .filter(|item| request.ids.contains(&item.id));
    Json(ItemsResponse {
        items: wanted.cloned().collect(),
        chains: state.chains.clone(),
    })
    .into_response()
}
