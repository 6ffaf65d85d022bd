//! A DNS service on loopback: real HTTP, scripted misfortune, and a record of what was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;

/// A request as a service sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Below the base, percent-decoded, such as `/zones/7/records`.
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.path.trim_matches('/').split('/').collect()
    }

    pub(crate) fn query(&self, key: &str) -> &str {
        self.query.get(key).map_or("", String::as_str)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A parameter of the form in the body.
    pub(crate) fn given(&self, key: &str) -> String {
        let mut url = reqwest::Url::parse("http://x/").unwrap();
        url.set_query(Some(&self.body));
        let found = url.query_pairs().find(|(name, _)| name == key);
        found.map_or_else(String::new, |(_, value)| value.into_owned())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What a service answers.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

pub(crate) fn json(status: u16, body: &Value) -> Reply {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Reply {
        status,
        headers,
        body: body.to_string(),
    }
}

pub(crate) const fn empty(status: u16) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: String::new(),
    }
}

/// A TXT record of the service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Txt {
    pub(crate) fqdn: String,
    /// Without quotes.
    pub(crate) value: String,
    pub(crate) id: u64,
}

/// What all the services keep.
#[derive(Debug, Default)]
pub(crate) struct Data {
    pub(crate) zones: Vec<String>,
    pub(crate) records: Vec<Txt>,
    /// The least TTL that a change was seen with.
    pub(crate) least_ttl: Option<u64>,
    next: u64,
    /// Number of the session that is good; an older one is over.
    pub(crate) sessions: u64,
    /// Entries of a page at most.
    pub(crate) page: usize,
    /// Names that were made, where that is needed before they can have records.
    pub(crate) labels: Vec<String>,
    /// What is published, while changes wait for a commit.
    published: Option<Vec<Txt>>,
}

impl Data {
    pub(crate) fn add(&mut self, fqdn: &str, value: &str) -> u64 {
        self.next += 1;
        self.records.push(Txt {
            fqdn: fqdn.to_owned(),
            value: value.to_owned(),
            id: self.next,
        });
        self.next
    }

    pub(crate) fn has_zone(&self, zone: &str) -> bool {
        self.zones.iter().any(|known| known == zone)
    }

    pub(crate) fn at(&self, fqdn: &str) -> Vec<Txt> {
        self.records
            .iter()
            .filter(|record| record.fqdn == fqdn)
            .cloned()
            .collect()
    }

    pub(crate) fn within(&self, zone: &str) -> Vec<Txt> {
        let end = format!(".{zone}");
        let inside = |record: &&Txt| record.fqdn == zone || record.fqdn.ends_with(&end);
        self.records.iter().filter(inside).cloned().collect()
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.records.len();
        self.records.retain(|record| record.id != id);
        self.records.len() < before
    }

    /// A change follows that is not published before the commit.
    pub(crate) fn begin(&mut self) {
        if self.published.is_none() {
            self.published = Some(self.records.clone());
        }
    }

    /// Publishes what waits.
    pub(crate) fn commit(&mut self) {
        self.published = None;
    }

    /// What the world sees at a name.
    fn seen_at(&self, fqdn: &str) -> Vec<Txt> {
        let records = self.published.as_ref().unwrap_or(&self.records);
        let at = records.iter().filter(|record| record.fqdn == fqdn);
        at.cloned().collect()
    }

    pub(crate) fn replace(&mut self, fqdn: &str, values: &[String]) {
        self.records.retain(|record| record.fqdn != fqdn);
        for value in values {
            self.add(fqdn, value);
        }
    }

    /// Page `number`, from 1, of a list, and how many pages there are.
    pub(crate) fn page<T: Clone>(&self, all: &[T], number: &str) -> (Vec<T>, usize) {
        let number: usize = number.parse().unwrap_or(1);
        let pages = all.len().div_ceil(self.page).max(1);
        let entries = all
            .iter()
            .skip((number.max(1) - 1) * self.page)
            .take(self.page);
        (entries.cloned().collect(), pages)
    }
}

/// The name of a record from its relative name in a zone.
pub(crate) fn whole(sub: &str, zone: &str) -> String {
    match sub {
        "" | "@" => zone.to_owned(),
        sub => format!("{sub}.{zone}"),
    }
}

pub(crate) fn relative(fqdn: &str, zone: &str) -> String {
    fqdn.strip_suffix(zone)
        .unwrap_or(fqdn)
        .trim_end_matches('.')
        .to_owned()
}

/// What a service does with a request whose credentials are right.
pub(crate) type Serve = fn(&mut Data, &Asked) -> Reply;

/// A service, written from what is known of the real one and not from our description of it.
#[derive(Clone, Copy)]
pub(crate) struct Service {
    pub(crate) code: &'static str,
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Settings whose credentials the service does not accept.
    pub(crate) wrong: &'static [(&'static str, &'static str)],
    /// Whether a request carries the right credentials.
    pub(crate) knows: fn(&Data, &Asked) -> bool,
    /// What it answers otherwise.
    pub(crate) refuse: fn() -> Reply,
    pub(crate) serve: Serve,
    /// Whether a request changes something.
    pub(crate) changes: fn(&Asked) -> bool,
    /// The least TTL it takes.
    pub(crate) min_ttl: u64,
    /// Ends all sessions, where it has such.
    pub(crate) end_session: Option<fn(&mut Data)>,
    /// Settings that are URLs of the service too, with the path there.
    pub(crate) places: &'static [(&'static str, &'static str)],
    /// What it does not show cannot be looked at: what is published or withdrawn twice is asked for twice.
    pub(crate) blind: bool,
    /// It is not asked for zones; this is what it says of a name that is in none.
    pub(crate) zoneless: bool,
    /// Whatever it answers with status 200 is a success.
    pub(crate) easy: bool,
    /// A log-in that fails looks like any page: what is strange is strange after it.
    pub(crate) cookie: bool,
    /// Requests that a log-in takes which is refused; one more where a session could have been over.
    pub(crate) login_requests: usize,
    /// It shows something else once in a while: a strange page is strange the second time.
    pub(crate) nags: bool,
}

impl Service {
    /// What most of them have.
    pub(crate) const PLAIN: Self = Self {
        code: "",
        settings: &[],
        wrong: &[],
        knows: |_, _| false,
        refuse: || empty(401),
        serve: |_, _| empty(404),
        changes: |_| false,
        min_ttl: 0,
        end_session: None,
        places: &[],
        blind: false,
        zoneless: false,
        easy: false,
        cookie: false,
        login_requests: 2,
        nags: false,
    };
}

/// Something that goes wrong with a request.
#[derive(Clone, Debug)]
pub(crate) enum Mishap {
    Answer(Reply),
    /// No answer for so long.
    Hang(Duration),
    /// It is carried out, and the answer breaks off.
    LostAnswer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    AnyRequest,
    AnyChange,
}

pub(crate) struct World {
    service: Service,
    pub(crate) data: Data,
    pub(crate) asked: Vec<Asked>,
    mishaps: Vec<(To, Mishap)>,
}

/// A running service.
pub(crate) struct Running {
    pub(crate) url: String,
    world: Arc<Mutex<World>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Running {
    pub(crate) async fn start(service: Service, zones: &[&str]) -> Self {
        let data = Data {
            zones: zones.iter().map(|zone| (*zone).to_owned()).collect(),
            page: 100,
            ..Data::default()
        };
        let world = World {
            service,
            data,
            asked: Vec::new(),
            mishaps: Vec::new(),
        };
        let world = Arc::new(Mutex::new(world));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(world.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, world, server }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The next fitting request goes wrong.
    pub(crate) fn mishap(&self, to: To, mishap: Mishap) {
        self.world().mishaps.push((to, mishap));
    }

    /// The values at a name, sorted.
    pub(crate) fn values(&self, fqdn: &str) -> Vec<String> {
        let mut values: Vec<String> = self
            .world()
            .data
            .seen_at(fqdn)
            .into_iter()
            .map(|record| record.value)
            .collect();
        values.sort();
        values
    }
}

async fn answer(State(world): State<Arc<Mutex<World>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let url = reqwest::Url::parse(&format!("http://x{}", parts.uri)).unwrap();
    let decoded = percent_decoded(url.path());
    let asked = Asked {
        method: parts.method.to_string(),
        path: decoded,
        query: url
            .query_pairs()
            .map(|(k, v)| (k.into_owned(), v.into_owned()))
            .collect(),
        headers: parts
            .headers
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_str().unwrap_or_default().to_owned()))
            .collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let (reply, lost, wait) = decide(&mut world.lock().unwrap(), asked);
    if let Some(wait) = wait {
        tokio::time::sleep(wait).await;
    }
    let mut response = Response::builder().status(StatusCode::from_u16(reply.status).unwrap());
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    if lost {
        let broken: Result<Bytes, _> = Err(std::io::Error::other("the connection breaks"));
        return response
            .header("content-length", "5000")
            .body(Body::from_stream(stream::iter([broken])))
            .unwrap();
    }
    response.body(Body::from(reply.body)).unwrap()
}

fn decide(world: &mut World, asked: Asked) -> (Reply, bool, Option<Duration>) {
    let service = world.service;
    let is_change = (service.changes)(&asked);
    let fits = |to: &To| *to == To::AnyRequest || is_change;
    let at = world.mishaps.iter().position(|(to, _)| fits(to));
    let mishap = at.map(|at| world.mishaps.remove(at).1);
    world.asked.push(asked.clone());
    match mishap {
        Some(Mishap::Answer(reply)) => return (reply, false, None),
        Some(Mishap::Hang(wait)) => return (empty(504), false, Some(wait)),
        _ => {}
    }
    let reply = match (service.knows)(&world.data, &asked) {
        true => (service.serve)(&mut world.data, &asked),
        false => (service.refuse)(),
    };
    (reply, matches!(mishap, Some(Mishap::LostAnswer)), None)
}

fn percent_decoded(path: &str) -> String {
    let mut url = reqwest::Url::parse("http://x/").unwrap();
    url.set_query(Some(&format!("p={}", path.replace('+', "%2B"))));
    url.query_pairs().next().unwrap().1.into_owned()
}
