//! Vultr, API version 2.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, relative, whole};
use super::{by_method, quoted, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "vultr",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.header("authorization") == "Bearer right-key",
    refuse: || reply(401, &json!({"error": "Invalid API token.", "status": 401})),
    serve,
    changes: by_method,
    min_ttl: 60,
    ..Service::PLAIN
};

/// A page and the cursor of the next. Cursors are opaque; these are page numbers behind a letter.
fn cursor<T: Clone>(data: &Data, asked: &Asked, all: &[T]) -> (Vec<T>, String) {
    assert!(asked.query("per_page").parse::<u32>().unwrap() <= 500);
    let text = asked.query("cursor").trim_start_matches('c');
    let number: usize = text.parse().unwrap_or(1);
    let (page, pages) = data.page(all, &number.to_string());
    let next = match number < pages {
        true => format!("c{}", number + 1),
        false => String::new(),
    };
    (page, next)
}

fn not_found() -> Reply {
    reply(404, &json!({"error": "Invalid domain.", "status": 404}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domains"]) => {
            let (page, next) = cursor(data, asked, &data.zones);
            let list: Vec<Value> = page.iter().map(|zone| json!({"domain": zone, "date_created": "2020-10-07T19:35:09+00:00", "dns_sec": "disabled"})).collect();
            reply(200, &json!({"domains": list, "meta": {"total": data.zones.len(), "links": {"next": next, "prev": ""}}}))
        }
        ("GET", ["domains", zone, "records"]) if data.has_zone(zone) => {
            let all = data.within(zone);
            let (page, next) = cursor(data, asked, &all);
            let list: Vec<Value> = page.iter().map(|record| json!({"id": format!("r-{}", record.id), "type": "TXT",
                "name": relative(&record.fqdn, zone), "data": quoted(&record.value), "ttl": 120, "priority": -1})).collect();
            reply(
                200,
                &json!({"records": list, "meta": {"total": all.len(), "links": {"next": next, "prev": ""}}}),
            )
        }
        ("POST", ["domains", zone, "records"]) if data.has_zone(zone) => {
            let body = asked.json();
            let text = body["data"].as_str().unwrap();
            assert!(text.starts_with('"'), "Vultr wants TXT values in quotes");
            data.least_ttl = body["ttl"].as_u64();
            let id = data.add(
                &whole(body["name"].as_str().unwrap(), zone),
                &unquoted(text),
            );
            reply(201, &json!({"record": {"id": format!("r-{id}")}}))
        }
        ("DELETE", ["domains", zone, "records", id]) if data.has_zone(zone) => {
            match data.remove(id.trim_start_matches("r-").parse().unwrap()) {
                true => empty(204),
                false => not_found(),
            }
        }
        _ => not_found(),
    }
}
