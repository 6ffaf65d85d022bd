//! NITRO requests.

use evercert_ns::nitro::{self, Method, Request, Tree};
use serde_json::Value as Json;

use crate::command::round;

/// A NITRO request, written as `METHOD type[/name][?action=verb][&args=k:v,k:v]` and, on the next line, the body.
///
/// * What is read becomes a command that goes through both languages unchanged.
/// * What is refused shows no member that may be secret.
pub fn nitro_json(text: &str) {
    let (first, body) = text.split_once('\n').unwrap_or((text, ""));
    let Some(request) = request(first, body) else {
        return;
    };
    match nitro::from_request(&request) {
        Ok(commands) => commands.iter().for_each(round),
        Err(error) => {
            let shown = format!("{error} {error:?} {request:?}");
            let secrets = secrets(request.body.as_ref()).into_iter();
            // What stands elsewhere too is no secret.
            for secret in secrets.filter(|secret| text.matches(secret).count() == 1) {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}

fn request(line: &str, body: &str) -> Option<Request> {
    let (method, rest) = line.split_once(' ')?;
    let (method, tree) = match method {
        "GET" => (Method::Get, Tree::Config),
        "STAT" => (Method::Get, Tree::Stat),
        "POST" => (Method::Post, Tree::Config),
        "PUT" => (Method::Put, Tree::Config),
        "DELETE" => (Method::Delete, Tree::Config),
        _ => return None,
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, name) = match path.split_once('/') {
        Some((kind, name)) => (kind, Some(name.to_owned())),
        None => (path, None),
    };
    let argument = |wanted: &str| {
        let parts = query.split('&').filter_map(|part| part.split_once('='));
        parts.clone().find(|(key, _)| *key == wanted).map(|(_, value)| value)
    };
    let args = argument("args").unwrap_or_default();
    let body = if body.trim().is_empty() {
        None
    } else {
        Some(serde_json::from_str(body).ok()?)
    };
    Some(Request {
        method,
        tree,
        kind: kind.to_owned(),
        name,
        action: argument("action").map(str::to_owned),
        args: args
            .split(',')
            .filter_map(|pair| pair.split_once(':'))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        body,
    })
}

/// Texts of members that may be secret, where they are long enough not to be found by chance.
fn secrets(body: Option<&Json>) -> Vec<&str> {
    const MEMBERS: &[&str] = &["filecontent", "passplain", "radkey", "secureargs"];
    match body {
        Some(Json::Object(members)) => members
            .iter()
            .flat_map(|(name, value)| match value {
                Json::String(text) if text.len() > 10 && MEMBERS.contains(&name.as_str()) => {
                    vec![text.as_str()]
                }
                other => secrets(Some(other)),
            })
            .collect(),
        Some(Json::Array(items)) => items.iter().flat_map(|item| secrets(Some(item))).collect(),
        _ => Vec::new(),
    }
}
