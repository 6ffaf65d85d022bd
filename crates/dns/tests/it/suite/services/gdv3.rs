//! `GoDaddy`, API version 3, as its own description of it has it.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, relative, whole};
use super::by_method;

pub(super) const SERVICE: Service = Service {
    code: "gdv3",
    settings: &[("token", "gd_pat_right")],
    wrong: &[("token", "gd_pat_wrong")],
    knows: |_, asked| asked.header("authorization") == "Bearer gd_pat_right",
    refuse: || refused(401, "UNAUTHORIZED", "Authentication credentials are missing or invalid."),
    serve,
    changes: by_method,
    min_ttl: 600,
    ..Service::PLAIN
};

fn refused(status: u16, name: &str, message: &str) -> Reply {
    reply(status, &json!({"name": name, "correlationId": "9f1c2e7a-4b3d-4e8f-a1c2-3d4e5f6a7b8c", "message": message}))
}

fn sub_or_at(fqdn: &str, zone: &str) -> String {
    let sub = relative(fqdn, zone);
    if sub.is_empty() { "@".to_owned() } else { sub }
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let parts = asked.parts();
    let ["zones", zone, "dns-records", rest @ ..] = parts.as_slice() else {
        return refused(404, "NOT_FOUND", "There is no method to handle request");
    };
    // What is below a domain is not taken for a domain's name.
    if !data.has_zone(zone) {
        return match zone.starts_with('_') {
            true => refused(400, "BAD_REQUEST", "Malformed request syntax"),
            false => refused(404, "NOT_FOUND", "The requested resource was not found."),
        };
    }
    match (asked.method.as_str(), rest) {
        ("GET", []) if asked.query("type") == "NS" => {
            let servers = [json!({"recordId": "AQ", "name": "@", "type": "NS", "data": "ns33.domaincontrol.com.", "ttl": 3600})];
            reply(200, &json!({"items": servers, "links": []}))
        }
        ("GET", []) => list(data, asked, zone),
        ("POST", []) => {
            let body = asked.json();
            let ttl = body["ttl"].as_u64().unwrap_or(0);
            let (name, value) = (body["name"].as_str().unwrap_or(""), body["data"].as_str().unwrap_or(""));
            let fits = body["type"] == "TXT" && (600..=86_400).contains(&ttl) && (1..=512).contains(&value.len());
            if !fits || name.is_empty() || name.ends_with('.') {
                return refused(422, "INVALID_BODY", "Semantically invalid request");
            }
            data.least_ttl = Some(ttl);
            let fqdn = whole(name, zone);
            if data.at(&fqdn).iter().any(|record| record.value == value) {
                return refused(409, "DUPLICATE_RECORD", "Conflict");
            }
            let id = data.add(&fqdn, value);
            reply(201, &json!({"recordId": format!("Aad7-{id}"), "name": name, "type": "TXT", "data": value, "ttl": ttl}))
        }
        ("DELETE", [id]) => {
            let number = id.strip_prefix("Aad7-").and_then(|id| id.parse().ok());
            match number.is_some_and(|id| data.remove(id)) {
                true => empty(204),
                false => refused(404, "NOT_FOUND", "The requested resource was not found."),
            }
        }
        _ => refused(404, "NOT_FOUND", "There is no method to handle request"),
    }
}

/// The number of pages is left out where there is nothing.
fn list(data: &Data, asked: &Asked, zone: &str) -> Reply {
    let size: usize = asked.query("pageSize").parse().unwrap_or(25);
    if !(1..=100).contains(&size) {
        return refused(400, "BAD_REQUEST", "pageSize must be at most 100");
    }
    let all: Vec<_> = data.within(zone).into_iter()
        .filter(|record| sub_or_at(&record.fqdn, zone) == asked.query("name")).collect();
    let (page, pages) = data.page(&all, asked.query("page"));
    let items: Vec<Value> = page.iter()
        .map(|record| json!({"recordId": format!("Aad7-{}", record.id), "name": sub_or_at(&record.fqdn, zone), "type": "TXT", "data": record.value, "ttl": 600}))
        .collect();
    let mut body = json!({"items": items, "links": []});
    if !all.is_empty() && asked.query("totalRequired") == "true" {
        body["totalItems"] = json!(all.len());
        body["totalPages"] = json!(pages);
    }
    reply(200, &body)
}
