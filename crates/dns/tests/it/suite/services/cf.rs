//! Cloudflare, API version 4.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{by_method, quoted, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "cf",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.header("authorization") == "Bearer right-token",
    refuse: || failure(403, 9109, "Invalid access token"),
    serve,
    changes: by_method,
    min_ttl: 60,
    ..Service::PLAIN
};

fn failure(status: u16, code: u32, message: &str) -> Reply {
    reply(
        status,
        &json!({"success": false, "errors": [{"code": code, "message": message}], "messages": [], "result": null}),
    )
}

fn success(result: &Value, pages: usize) -> Reply {
    let info =
        json!({"page": 1, "per_page": 100, "total_pages": pages, "count": 1, "total_count": 1});
    reply(
        200,
        &json!({"success": true, "errors": [], "messages": [], "result": result, "result_info": info}),
    )
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["zones"]) => {
            let found = data
                .zones
                .iter()
                .filter(|zone| *zone == asked.query("name"));
            let found: Vec<Value> = found
                .map(|zone| json!({"id": id(zone), "name": zone, "status": "active"}))
                .collect();
            success(&json!(found), 1)
        }
        (method, ["zones", zone, "dns_records", rest @ ..]) => {
            let Some(zone) = data.zones.iter().find(|known| id(known) == *zone).cloned() else {
                return failure(404, 7003, "Could not route to the zone");
            };
            records(data, asked, method, &zone, rest)
        }
        _ => failure(400, 7000, "No route for that URI"),
    }
}

fn records(data: &mut Data, asked: &Asked, method: &str, zone: &str, rest: &[&str]) -> Reply {
    match (method, rest) {
        ("GET", []) => {
            assert_eq!(asked.query("type"), "TXT");
            let all = data.at(asked.query("name"));
            let (page, pages) = data.page(&all, asked.query("page"));
            let list: Vec<Value> = page.iter().map(|record| json!({"id": format!("{:032x}", record.id), "type": "TXT",
                "name": record.fqdn, "content": quoted(&record.value), "ttl": 120, "proxied": false})).collect();
            success(&json!(list), pages)
        }
        ("POST", []) => {
            let body = asked.json();
            let (name, content) = (
                body["name"].as_str().unwrap(),
                unquoted(body["content"].as_str().unwrap()),
            );
            let ttl = body["ttl"].as_u64().unwrap();
            if ttl != 1 && !(60..=86_400).contains(&ttl) {
                return failure(400, 9021, "Invalid TTL. Must be between 60 and 86,400 seconds, or 1 for Automatic.");
            }
            data.least_ttl = Some(ttl);
            if !name.ends_with(zone) {
                return failure(400, 9005, "Content for TXT record is invalid");
            }
            if data.at(name).iter().any(|record| record.value == content) {
                return failure(400, 81058, "An identical record already exists.");
            }
            let new = data.add(name, &content);
            success(&json!({"id": format!("{new:032x}"), "name": name}), 1)
        }
        ("DELETE", [record]) => match data.remove(u64::from_str_radix(record, 16).unwrap()) {
            true => success(&json!({"id": record}), 1),
            false => failure(404, 81044, "Record does not exist."),
        },
        _ => failure(405, 7001, "Method not available for that URI"),
    }
}

fn id(zone: &str) -> String {
    let octets: String = zone.bytes().map(|octet| format!("{octet:02x}")).collect();
    format!("{octets:0<32.32}")
}
