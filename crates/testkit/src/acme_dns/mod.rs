//! acme-dns with its real protocol: `/register`, `/update`, two values per account that roll, answers by DNS.
//!
//! As the original does it (github.com/joohoi/acme-dns, `pkg/api`, `pkg/database`, `pkg/nameserver`): a value takes the
//! place of the one that was updated longest ago, by a clock of whole seconds, and of two with the same second the first
//! row goes. Nothing can be removed.

mod account;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use evercert_types::{Clock as _, SystemClock};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::name_server::{Found, NameServer, Source};
use crate::process::StartError;

pub use account::Account;
use account::{Network, is_txt};

/// Time to live of values.
const TTL: u32 = 1;

/// A running acme-dns; dropping it stops it.
#[derive(Debug)]
pub struct AcmeDns {
    state: Arc<Registered>,
    url: String,
    server: NameServer,
    _tasks: JoinSet<()>,
}

/// What it keeps.
#[derive(Debug)]
struct Registered {
    domain: String,
    accounts: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Debug)]
struct Kept {
    account: Account,
    rows: [Row; 2],
}

#[derive(Clone, Debug, Default)]
struct Row {
    value: String,
    /// Unix seconds.
    updated: i64,
}

impl AcmeDns {
    /// Serves `domain` (such as `auth.example.net`), its API and its DNS on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(domain: &str) -> Result<Self, StartError> {
        let failed = |error: std::io::Error| StartError::setup("starting acme-dns's double", error);
        let state = Arc::new(Registered {
            domain: domain.to_owned(),
            accounts: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let api = Router::new()
            .route("/register", post(register))
            .route("/update", post(update))
            .route("/health", get(async || StatusCode::OK))
            .with_state(Arc::clone(&state))
            .into_make_service_with_connect_info::<SocketAddr>();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { drop(axum::serve(listener, api).await) });
        let server = NameServer::start(Arc::clone(&state)).await;
        Ok(Self {
            state,
            url,
            server: server.map_err(failed)?,
            _tasks: tasks,
        })
    }

    /// Base URL of its API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it answers DNS, UDP and TCP.
    pub const fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Registers an account that may be used from everywhere.
    pub fn register(&self) -> Account {
        self.state.register(Vec::new())
    }

    /// Writes a value, as the account would.
    pub fn put(&self, account: &Account, value: &str) {
        let mut accounts = self.state.accounts();
        if let Some(kept) = accounts.get_mut(&account.subdomain) {
            kept.put(value);
        }
    }

    /// The values of an account, first row first; an empty row is left out.
    pub fn values(&self, account: &Account) -> Vec<String> {
        self.state.values(&account.subdomain)
    }

    /// The settings of the acmedns provider with these accounts, each with the domain that it is for.
    pub fn settings(&self, accounts: &[(String, Account)]) -> Vec<(String, String)> {
        let by_name: serde_json::Map<String, Value> = accounts
            .iter()
            .map(|(domain, account)| (domain.clone(), account.json()))
            .collect();
        vec![
            ("base_url".to_owned(), self.url.clone()),
            ("accounts".to_owned(), Value::from(by_name).to_string()),
        ]
    }
}

impl Registered {
    fn accounts(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self, allowed: Vec<Network>) -> Account {
        let account = Account::new(&self.domain, allowed);
        let kept = Kept {
            account: account.clone(),
            rows: Default::default(),
        };
        self.accounts().insert(account.subdomain.clone(), kept);
        account
    }

    fn values(&self, subdomain: &str) -> Vec<String> {
        let accounts = self.accounts();
        let rows = accounts.get(subdomain).map(|kept| kept.rows.clone());
        let values = rows.into_iter().flatten().map(|row| row.value);
        values.filter(|value| !value.is_empty()).collect()
    }

    /// `None` where the account may not.
    fn update(&self, asked: &Asked<'_>) -> Option<Result<(), &'static str>> {
        let mut accounts = self.accounts();
        let mut all = accounts.values_mut();
        let kept = all.find(|kept| kept.account.username == asked.user)?;
        let account = &kept.account;
        let may = account.password == asked.key
            && account.allows(asked.peer)
            && account.subdomain == asked.subdomain;
        if !may {
            return None;
        }
        if !is_txt(asked.txt) {
            return Some(Err("bad_txt"));
        }
        kept.put(asked.txt);
        Some(Ok(()))
    }
}

impl Kept {
    fn put(&mut self, value: &str) {
        let oldest = usize::from(self.rows[1].updated < self.rows[0].updated);
        self.rows[oldest] = Row {
            value: value.to_owned(),
            updated: SystemClock.now().as_second(),
        };
    }
}

/// An update as it was asked for.
struct Asked<'a> {
    user: &'a str,
    key: &'a str,
    peer: SocketAddr,
    subdomain: &'a str,
    txt: &'a str,
}

type Answer = (StatusCode, Json<Value>);

fn error(status: StatusCode, word: &str) -> Answer {
    (status, Json(json!({ "error": word })))
}

async fn register(State(state): State<Arc<Registered>>, body: String) -> Answer {
    let read = match body.is_empty() {
        true => Ok(Value::Null),
        false => serde_json::from_str::<Value>(&body),
    };
    let Ok(read) = read else {
        return error(StatusCode::BAD_REQUEST, "malformed_json_payload");
    };
    let entries = read["allowfrom"].as_array().cloned().unwrap_or_default();
    let networks = entries.iter().map(|entry| Network::parse(entry.as_str()?));
    match networks.collect::<Option<Vec<_>>>() {
        Some(networks) => {
            let account = state.register(networks);
            (StatusCode::CREATED, Json(account.json()))
        }
        None => error(StatusCode::BAD_REQUEST, "invalid_allowfrom_cidr"),
    }
}

async fn update(
    State(state): State<Arc<Registered>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // What cannot be read has no subdomain, and so is nobody's.
    let read: Value = serde_json::from_str(&body).unwrap_or_default();
    let asked = Asked {
        user: header("x-api-user").unwrap_or_default(),
        key: header("x-api-key").unwrap_or_default(),
        peer,
        subdomain: read["subdomain"].as_str().unwrap_or_default(),
        txt: read["txt"].as_str().unwrap_or_default(),
    };
    match state.update(&asked) {
        Some(Ok(())) => (StatusCode::OK, Json(json!({ "txt": asked.txt }))),
        Some(Err(word)) => error(StatusCode::BAD_REQUEST, word),
        None => error(StatusCode::UNAUTHORIZED, "forbidden"),
    }
}

impl Source for Registered {
    async fn find(&self, name: &str, kind: RecordType) -> Option<Found> {
        let own = name == self.domain;
        let label = name.strip_suffix(&self.domain);
        let label = label.and_then(|label| label.strip_suffix('.'));
        if !own && label.is_none() {
            return Some(Found {
                code: ResponseCode::Refused,
                answers: Vec::new(),
                soa: None,
            });
        }
        let values = self.values(label.unwrap_or_default());
        let owner = name_of(name)?;
        let record = |data| Record::from_rdata(owner.clone(), TTL, data);
        let answers = match kind {
            RecordType::TXT => {
                let txt = values.iter().map(|value| TXT::new(vec![value.clone()]));
                txt.map(|txt| record(RData::TXT(txt))).collect()
            }
            RecordType::SOA if own => vec![self.soa()?],
            RecordType::NS if own => vec![record(RData::NS(NS(owner.clone())))],
            RecordType::A if own => vec![record(RData::A(A([127, 0, 0, 1].into())))],
            _ => Vec::new(),
        };
        // A name that was registered and has no value yet is not there.
        let code = match own || !values.is_empty() {
            true => ResponseCode::NoError,
            false => ResponseCode::NXDomain,
        };
        let soa = if answers.is_empty() { self.soa() } else { None };
        Some(Found { code, answers, soa })
    }
}

impl Registered {
    fn soa(&self) -> Option<Record> {
        let domain = name_of(&self.domain)?;
        let data = SOA::new(domain.clone(), domain.clone(), 1, 28_800, 7_200, 604_800, 1);
        Some(Record::from_rdata(domain, TTL, RData::SOA(data)))
    }
}

fn name_of(text: &str) -> Option<Name> {
    Name::from_ascii(format!("{text}.")).ok()
}
