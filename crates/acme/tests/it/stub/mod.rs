//! A small ACME server that checks every signature and can be told to misbehave.
//!
//! Without a script it issues at once. [`Stub::script`] puts answers in a queue for one path: they
//! are given instead, one a request.

mod ca;
mod jws;
mod routes;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use ca::TestCa;

/// The running server; stops when dropped.
pub(crate) struct Stub {
    pub(crate) state: Arc<State>,
    task: JoinHandle<()>,
}

/// How it behaves, and what it saw.
pub(crate) struct State {
    pub(crate) base: String,
    ca: TestCa,
    world: Mutex<World>,
}

#[derive(Default)]
struct World {
    counter: u64,
    nonces: HashSet<String>,
    scripts: HashMap<String, VecDeque<Canned>>,
    seen: Vec<Seen>,
    /// URL → JWK.
    accounts: BTreeMap<String, Value>,
    orders: Vec<StubOrder>,
    revoked: HashSet<String>,
    rules: Rules,
}

/// Standing behaviour.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    /// So many good nonces are refused before one is taken.
    pub(crate) refuse_nonces: u32,
    /// The key id and HMAC key that newAccount needs.
    pub(crate) eab: Option<(String, Vec<u8>)>,
    /// Authorizations are valid from the start.
    pub(crate) prevalidated: bool,
    /// So many looks at a finalized order find it processing.
    pub(crate) processing_looks: u32,
    /// Chains beside the default one.
    pub(crate) alternates: usize,
    /// Members of the directory to leave out or replace.
    pub(crate) directory: Vec<(&'static str, Value)>,
}

/// One answer of a script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canned {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Never answer.
    pub(crate) hang: bool,
    /// Break the connection in the middle of the body.
    pub(crate) cut: bool,
    /// Do what was asked, and then give this answer.
    pub(crate) after_effect: bool,
    /// Without the nonce that every other answer has.
    pub(crate) no_nonce: bool,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) protected: Value,
    pub(crate) payload: Value,
}

struct StubOrder {
    identifiers: Value,
    extra: serde_json::Map<String, Value>,
    validated: Vec<bool>,
    csr: Option<Vec<u8>>,
    looks_left: u32,
}

impl Canned {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).with("content-type", "application/json")
    }

    pub(crate) fn problem(status: u16, kind: &str, detail: &str) -> Self {
        let kind = format!("urn:ietf:params:acme:error:{kind}");
        let body = json!({ "type": kind, "detail": detail, "status": status });
        Self::new(status, body.to_string()).with("content-type", "application/problem+json")
    }

    pub(crate) fn html(status: u16) -> Self {
        Self::new(status, "<html><body><h1>Gateway trouble</h1></body></html>")
            .with("content-type", "text/html")
    }

    pub(crate) fn hang() -> Self {
        Self {
            hang: true,
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    pub(crate) fn after_effect(mut self) -> Self {
        self.after_effect = true;
        self
    }

    pub(crate) fn no_nonce(mut self) -> Self {
        self.no_nonce = true;
        self
    }
}

impl Stub {
    pub(crate) async fn start(rules: Rules) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = Arc::new(State {
            base: format!("http://{}", listener.local_addr().unwrap()),
            ca: TestCa::new(rules.alternates),
            world: Mutex::new(World {
                rules,
                ..World::default()
            }),
        });
        let app = Router::new().fallback(answer).with_state(state.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { state, task }
    }

    pub(crate) fn directory_url(&self) -> String {
        self.url("/dir")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.state.base)
    }

    /// Answers for the next requests to a path.
    pub(crate) fn script(&self, path: &str, answers: impl IntoIterator<Item = Canned>) {
        let mut world = self.state.world.lock().unwrap();
        let queue = world.scripts.entry(path.to_owned()).or_default();
        queue.extend(answers);
    }

    /// Changes the standing behaviour.
    pub(crate) fn rules(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.state.world.lock().unwrap().rules);
    }

    /// The requests to a path so far.
    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        let world = self.state.world.lock().unwrap();
        let requests = world.seen.iter().filter(|seen| seen.path == path);
        requests.cloned().collect()
    }

    /// Stops listening, as a CA that went away.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        let ended = (&mut self.task).await;
        assert!(ended.is_err());
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn fresh_nonce(&self) -> String {
        let mut world = self.world.lock().unwrap();
        world.counter += 1;
        let nonce = format!("nonce-{}", world.counter);
        world.nonces.insert(nonce.clone());
        nonce
    }

    fn next_canned(&self, path: &str) -> Option<Canned> {
        let mut world = self.world.lock().unwrap();
        world.scripts.get_mut(path)?.pop_front()
    }
}

async fn answer(
    Shared(state): Shared<Arc<State>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path().to_owned();
    let (protected, payload) = jws::peek(&body);
    let seen = Seen {
        method: method.clone(),
        path: path.clone(),
        headers,
        protected,
        payload,
    };
    state.world.lock().unwrap().seen.push(seen);
    let canned = state.next_canned(&path);
    let result = match canned {
        Some(canned) if canned.after_effect => {
            routes::route(&state, &method, &path, &body);
            canned
        }
        Some(canned) => canned,
        None => routes::route(&state, &method, &path, &body),
    };
    if result.hang {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
    respond(&state, result)
}

fn respond(state: &State, canned: Canned) -> Response<Body> {
    let mut response = Response::builder().status(canned.status);
    if !canned.no_nonce {
        response = response.header("replay-nonce", state.fresh_nonce());
    }
    for (name, value) in canned.headers {
        response = response.header(name, value.replace("{base}", &state.base));
    }
    let body = if canned.cut {
        let broken = std::io::Error::other("cut");
        Body::from_stream(futures_util::stream::iter([
            Ok(Bytes::from(canned.body)),
            Err(broken),
        ]))
    } else {
        Body::from(canned.body)
    };
    response.body(body).unwrap()
}
