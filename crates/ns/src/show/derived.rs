//! Fields' texts, and words that follow from several fields.

use serde_json::Value as Json;

use crate::show::Row;
use crate::show::layout::rows_of;

/// The text of a field, or of a derived one (`@…`); `None` where it is missing or empty.
pub(super) fn text(row: &Row, field: &str) -> Option<String> {
    match field {
        "@types" => certificate_types(row),
        "@usage" => usage(row),
        "@checks" => Some(checks(row)),
        "@curves" => curves(row),
        "@side" => Some(side(row)),
        "@members" => has_members(row).then(|| members(row).to_string()),
        "@up" => has_members(row).then(|| members_up(row).to_string()),
        "@opname" => name_of_service(row),
        _ => plain(row.get(field)?),
    }
}

/// A JSON value as a word.
pub(super) fn plain(value: &Json) -> Option<String> {
    let text = match value {
        Json::Null | Json::Object(_) => return None,
        Json::Bool(true) => "YES".to_owned(),
        Json::Bool(false) => "NO".to_owned(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        Json::Array(items) if items.iter().any(Json::is_object) => return None,
        Json::Array(items) => {
            let words: Vec<_> = items.iter().filter_map(plain).collect();
            words.join(" ")
        }
    };
    (!text.is_empty()).then_some(text)
}

/// Whether a switch is on, however it is written.
pub(super) fn is_on(row: &Row, field: &str) -> bool {
    match row.get(field) {
        Some(Json::Bool(on)) => *on,
        Some(Json::String(word)) => ["true", "yes", "enabled", "on"]
            .iter()
            .any(|on| word.eq_ignore_ascii_case(on)),
        _ => false,
    }
}

/// Where a binding stands among its like: certificates of the server, then those by SNI, then CAs; else by priority.
pub(super) fn rank(bound: &Row) -> (u8, u64) {
    let kind = match (is_on(bound, "ca"), is_on(bound, "snicert")) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    };
    let priority = text(bound, "priority").or_else(|| text(bound, "cipherpriority"));
    (kind, priority.and_then(|p| p.parse().ok()).unwrap_or(0))
}

fn certificate_types(row: &Row) -> Option<String> {
    let named = |word: &str| match word {
        "CLNT_CERT" => "Client Certificate".to_owned(),
        "SRVR_CERT" => "Server Certificate".to_owned(),
        "ROOT_CERT" => "Root CA".to_owned(),
        "INTM_CERT" => "Intermediate CA".to_owned(),
        other => other.to_owned(),
    };
    let words = match row.get("certificatetype")? {
        Json::Array(words) => words.iter().filter_map(plain).collect(),
        other => plain(other).into_iter().collect::<Vec<_>>(),
    };
    let quoted: Vec<_> = words
        .iter()
        .map(|word| format!("\"{}\"", named(word)))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join("\t"))
}

/// What a bound certificate is for.
fn usage(row: &Row) -> Option<String> {
    let words = match (is_on(row, "ca"), is_on(row, "snicert")) {
        (true, _) => "CA Certificate",
        (false, true) => "Server Certificate for SNI",
        (false, false) => "Server Certificate",
    };
    Some(words.to_owned())
}

/// What is checked with a bound CA certificate, and whether clients hear its name.
fn checks(row: &Row) -> String {
    if !is_on(row, "ca") {
        return String::new();
    }
    let mut words = String::new();
    for (field, label) in [("crlcheck", "CRLCheck"), ("ocspcheck", "OCSPCheck")] {
        if let Some(check) = text(row, field) {
            words.push_str(&format!("\t\t{label}: {check}"));
        }
    }
    words.push_str(if is_on(row, "skipcaname") {
        "\t\tCA_Name Not Sent"
    } else {
        "\t\tCA_Name Sent"
    });
    words
}

fn curves(row: &Row) -> Option<String> {
    let names: Vec<_> = row
        .keys()
        .filter(|nitro| nitro.ends_with("_ecccurve_binding"))
        .flat_map(|nitro| rows_of(row, nitro))
        .filter_map(|bound| text(bound, "ecccurvename"))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn side(row: &Row) -> String {
    let word = match text(row, "sslprofiletype").as_deref() {
        Some("BackEnd") => "Back-End",
        Some("QUIC-FrontEnd") => "QUIC Front-End",
        _ => "Front-End",
    };
    word.to_owned()
}

const MEMBERS: &[&str] = &[
    "lbvserver_service_binding",
    "lbvserver_servicegroup_binding",
    "lbvserver_servicegroupmember_binding",
];

/// Whether the row tells of its members at all; in a list it does not.
fn has_members(row: &Row) -> bool {
    MEMBERS.iter().any(|nitro| row.contains_key(*nitro))
}

fn members(row: &Row) -> usize {
    MEMBERS.iter().flat_map(|nitro| rows_of(row, nitro)).count()
}

fn members_up(row: &Row) -> usize {
    MEMBERS
        .iter()
        .flat_map(|nitro| rows_of(row, nitro))
        .filter(|bound| {
            ["curstate", "svrstate", "svcstate"]
                .iter()
                .any(|field| text(bound, field).as_deref() == Some("UP"))
        })
        .count()
}

fn name_of_service(row: &Row) -> Option<String> {
    text(row, "servicename").or_else(|| text(row, "servicegroupname"))
}
