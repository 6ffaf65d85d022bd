//! `show ssl zerotouch`: read-only fields of `sslzerotouchparam`, and the state of every certificate.
//!
//! NetScaler's fields are `zerotouch`, `remoteserverip`, `keyfilename`, `admconnectivitystatus`, `httpstatuscode`,
//! `requesttype`, `requesttimestamp` and `nextrequesttime`; what they may say is public nowhere. The others are ours.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Reader, Row};
use crate::status::{AgentState, CacheStatus, ItemStatus, ZeroTouchStatus};

/// The type under which the certificates' rows stand.
const CERTIFICATES: &str = "sslzerotouchparam_sslzerotouchcert_binding";

impl Reader<'_> {
    /// Completes the row of the zero-touch parameters.
    pub(super) fn zero_touch(&self, row: &mut Row) {
        let status = self.instance.status().zero_touch;
        let is_on = status.console.is_some() || status.counts.held > 0;
        let mut put = |field: &str, value: Option<Json>| {
            if let Some(value) = value {
                row.insert(field.to_owned(), value);
            }
        };
        put(
            "zerotouch",
            Some(json!(if is_on { "ENABLED" } else { "DISABLED" })),
        );
        put("state", Some(json!(state(status.state))));
        put("detail", status.detail.as_ref().map(|text| json!(text)));
        put("remedy", status.remedy.as_ref().map(|text| json!(text)));
        put(
            "admconnectivitystatus",
            Some(json!(connectivity(status.state))),
        );
        put("remoteserverip", status.console.as_deref().map(host));
        put(
            "keyfilename",
            status.identity.as_ref().map(|_| json!("identity.json")),
        );
        put(
            "httpstatuscode",
            status.http_status.map(|code| json!(code.to_string())),
        );
        put(
            "requesttype",
            status.request.as_ref().map(|kind| json!(kind)),
        );
        put("requesttimestamp", status.last_poll_at.map(time));
        put("lastsuccesstimestamp", status.last_success_at.map(time));
        put("nextrequesttime", next(&status));
        numbers(&status, &mut put);
        cache(&status.cache, &mut put);
        let certificates: Vec<Json> = status.items.iter().map(certificate).collect();
        put(
            CERTIFICATES,
            (!certificates.is_empty()).then_some(Json::Array(certificates)),
        );
    }
}

fn numbers(status: &ZeroTouchStatus, put: &mut impl FnMut(&str, Option<Json>)) {
    let counts = &status.counts;
    let scope = Some(&status.scope).filter(|scope| !scope.is_empty());
    put("scope", scope.map(|scope| json!(scope)));
    put("revision", Some(json!(status.revision)));
    put("held", Some(json!(counts.held)));
    put("active", Some(json!(counts.active)));
    put("staged", Some(json!(counts.staged)));
    put("rejected", Some(json!(counts.rejected)));
    put("expired", Some(json!(counts.expired)));
    put("names", Some(json!(status.names)));
}

fn cache(cache: &CacheStatus, put: &mut impl FnMut(&str, Option<Json>)) {
    put("cachefile", Some(json!(cache.path)));
    put("cachesaved", cache.saved_at.map(time));
    put(
        "cacheproblem",
        cache.problem.as_ref().map(|text| json!(text)),
    );
}

fn certificate(item: &ItemStatus) -> Json {
    let mut row = json!({
        "certificate": item.certificate,
        "algorithm": item.algorithm.to_string(),
        "generation": item.generation,
        "fingerprint": item.fingerprint.to_string(),
        "state": item.state.to_string(),
        "names": item.names,
        "handshakes": item.handshakes,
        "ocspresponsestatus": item.ocsp.as_deref().unwrap_or("NONE"),
    });
    let more = [
        ("notafter", item.not_after.map(time)),
        (
            "servinggeneration",
            item.serving_generation.map(|g| json!(g)),
        ),
        ("code", item.code.as_ref().map(|code| json!(code))),
        ("reason", item.detail.as_ref().map(|text| json!(text))),
    ];
    if let Json::Object(row) = &mut row {
        for (field, value) in more {
            if let Some(value) = value {
                row.insert(field.to_owned(), value);
            }
        }
    }
    row
}

fn host(console: &str) -> Json {
    let host = console.strip_prefix("https://").unwrap_or(console);
    json!(host.trim_end_matches('/'))
}

fn time(at: Timestamp) -> Json {
    json!(at.strftime("%a %b %e %H:%M:%S %Y GMT").to_string())
}

/// When the Console is asked next; a call that waits there needs no time.
fn next(status: &ZeroTouchStatus) -> Option<Json> {
    match (status.next_poll_at, status.state) {
        (Some(at), _) => Some(time(at)),
        (None, AgentState::InSync) => Some(json!("waiting at the Console for changes")),
        _ => None,
    }
}

const fn state(state: AgentState) -> &'static str {
    match state {
        AgentState::NoConsole => "No Console",
        AgentState::Enrolling => "Enrolling",
        AgentState::Connecting => "Connecting",
        AgentState::InSync => "In sync",
        AgentState::Syncing => "Taking over changes",
        AgentState::Unreachable => "Console unreachable; what is held is served",
        AgentState::Refused => "Refused by the Console; what is held is served",
        AgentState::Guarded => "Change refused; what is held is served",
    }
}

const fn connectivity(state: AgentState) -> &'static str {
    match state {
        AgentState::NoConsole => "Not configured",
        AgentState::Enrolling => "Enrolling",
        AgentState::Connecting => "Connecting",
        AgentState::InSync | AgentState::Syncing | AgentState::Guarded => "Connected",
        AgentState::Unreachable => "Unreachable",
        AgentState::Refused => "Refused",
    }
}
