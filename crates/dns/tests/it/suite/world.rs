//! A DNS service on loopback: real HTTP, scripted misfortune, and a record of what was asked.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;
use tokio::time::Instant;

use super::line::{Doom, Lines};

/// A request as a service sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Below the base, percent-decoded, such as `/zones/7/records`.
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) at: Instant,
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

    /// The longest zone that holds the name.
    pub(crate) fn zone_of(&self, fqdn: &str) -> Option<String> {
        let holds = |zone: &&String| fqdn == *zone || fqdn.ends_with(&format!(".{zone}"));
        let held = self.zones.iter().filter(holds);
        held.max_by_key(|zone| zone.len()).cloned()
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

    /// What the world sees: names and values, sorted.
    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        let records = self.published.as_ref().unwrap_or(&self.records).iter();
        let pairs = records.map(|record| (record.fqdn.clone(), record.value.clone()));
        let mut pairs: Vec<(String, String)> = pairs.collect();
        pairs.sort();
        pairs
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
    /// Requests that a log-in takes which is refused.
    pub(crate) login_requests: usize,
    /// It shows something else once in a while: a strange page is strange the second time.
    pub(crate) nags: bool,
    /// The setting that names its URL.
    pub(crate) url: &'static str,
    /// The setting that names its DNS server, where it has one that shows the values.
    pub(crate) dns: Option<&'static str>,
    /// What it has room for.
    pub(crate) room: Room,
    /// A name whose values can be changed.
    pub(crate) name: &'static str,
}

/// What a service has room for at one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Room {
    #[default]
    Many,
    /// One value, which the next takes the place of.
    One,
    /// The last two values; none is ever taken away.
    LastTwo,
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
        login_requests: 1,
        nags: false,
        url: "base_url",
        dns: None,
        room: Room::Many,
        name: "_acme-challenge.www.example.com",
    };
}

/// Something that goes wrong with a request.
#[derive(Clone, Debug)]
pub(crate) enum Mishap {
    Answer(Reply),
    /// Octets that are no text in UTF-8, with status 200.
    Octets(Vec<u8>),
    /// No answer for so long.
    Hang(Duration),
    /// It is carried out, and the answer breaks off after its head.
    LostAnswer,
    /// It is carried out, and the connection is reset (TCP RST) before a word of the answer.
    Reset,
    /// It is carried out, and the answer has half of its body.
    Half,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    AnyRequest,
    AnyChange,
    /// The request after so many others.
    After(usize),
}

pub(crate) struct World {
    service: Service,
    pub(crate) data: Data,
    pub(crate) asked: Vec<Asked>,
    /// What nobody who knows the service would ask for.
    pub(crate) complaints: Vec<String>,
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
            complaints: Vec::new(),
            mishaps: Vec::new(),
        };
        let world = Arc::new(Mutex::new(world));
        let lines = Lines::new().await;
        let url = format!("http://{}", lines.addr());
        let app = Router::new().fallback(answer).with_state(world.clone());
        let app = app.into_make_service_with_connect_info::<Doom>();
        let server = tokio::spawn(async move { axum::serve(lines, app).await.unwrap() });
        Self { url, world, server }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a second server that shows what this one keeps.
    pub(crate) fn shared(&self) -> Arc<Mutex<World>> {
        self.world.clone()
    }

    /// The next fitting request goes wrong.
    pub(crate) fn mishap(&self, to: To, mishap: Mishap) {
        let mut world = self.world();
        let to = match to {
            To::After(others) => To::After(world.asked.len() + others),
            to => to,
        };
        world.mishaps.push((to, mishap));
    }

    /// Whether everything that was to go wrong did.
    pub(crate) fn is_calm(&self) -> bool {
        self.world().mishaps.is_empty()
    }

    /// Nothing more goes wrong.
    pub(crate) fn calm(&self) {
        self.world().mishaps.clear();
    }

    /// The values at a name, sorted.
    pub(crate) fn values(&self, fqdn: &str) -> Vec<String> {
        self.world().values(fqdn)
    }
}

impl World {
    /// The values that the world sees at a name, sorted.
    pub(crate) fn values(&self, fqdn: &str) -> Vec<String> {
        let seen = self.data.seen_at(fqdn).into_iter();
        let mut values: Vec<String> = seen.map(|record| record.value).collect();
        values.sort();
        values
    }
}

async fn answer(
    State(world): State<Arc<Mutex<World>>>,
    ConnectInfo(doom): ConnectInfo<Doom>,
    request: Request,
) -> Response {
    let asked = read(request).await;
    let lock = || world.lock().unwrap_or_else(PoisonError::into_inner);
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| decide(&mut lock(), asked.clone())));
    let (reply, mishap) = outcome.unwrap_or_else(|_| {
        let what = format!(
            "{} {} is beyond all that it knows",
            asked.method, asked.path
        );
        lock().complaints.push(what);
        (empty(400), None)
    });
    let mut response = Response::builder().status(StatusCode::from_u16(reply.status).unwrap());
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    match mishap {
        Some(Mishap::Hang(wait)) => tokio::time::sleep(wait).await,
        Some(Mishap::Reset) => doom.fall(),
        Some(Mishap::LostAnswer) => {
            let broken: Result<Bytes, _> = Err(std::io::Error::other("the connection breaks"));
            let body = Body::from_stream(stream::iter([broken]));
            return response
                .header("content-length", "5000")
                .body(body)
                .unwrap();
        }
        Some(Mishap::Octets(octets)) => return response.body(Body::from(octets)).unwrap(),
        Some(Mishap::Half) => {
            let half = reply.body.len() / 2;
            let half = reply.body.as_bytes()[..half].to_vec();
            return response.body(Body::from(half)).unwrap();
        }
        Some(Mishap::Answer(_)) | None => {}
    }
    response.body(Body::from(reply.body)).unwrap()
}

async fn read(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let url = reqwest::Url::parse(&format!("http://x{}", parts.uri)).unwrap();
    let pairs = url.query_pairs();
    let headers = parts.headers.iter();
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    Asked {
        method: parts.method.to_string(),
        path: percent_decoded(url.path()),
        query: pairs
            .map(|(k, v)| (k.into_owned(), v.into_owned()))
            .collect(),
        headers: headers.map(|(k, v)| (k.to_string(), text(v))).collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
        at: Instant::now(),
    }
}

/// What is answered, and what goes wrong with it.
fn decide(world: &mut World, asked: Asked) -> (Reply, Option<Mishap>) {
    let service = world.service;
    let is_change = (service.changes)(&asked);
    let number = world.asked.len();
    let fits = |to: &To| match to {
        To::AnyRequest => true,
        To::AnyChange => is_change,
        To::After(others) => number == *others,
    };
    let at = world.mishaps.iter().position(|(to, _)| fits(to));
    let mishap = at.map(|at| world.mishaps.remove(at).1);
    world.asked.push(asked.clone());
    match mishap {
        Some(Mishap::Answer(reply)) => return (reply, None),
        Some(Mishap::Octets(_)) => return (empty(200), mishap),
        Some(Mishap::Hang(_)) => return (empty(504), mishap),
        _ => {}
    }
    let reply = match (service.knows)(&world.data, &asked) {
        true => (service.serve)(&mut world.data, &asked),
        false => (service.refuse)(),
    };
    (reply, mishap)
}

fn percent_decoded(path: &str) -> String {
    let mut url = reqwest::Url::parse("http://x/").unwrap();
    url.set_query(Some(&format!("p={}", path.replace('+', "%2B"))));
    url.query_pairs().next().unwrap().1.into_owned()
}
