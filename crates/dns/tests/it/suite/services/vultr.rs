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

fn not_found() -> Reply {
    reply(404, &json!({"error": "Invalid domain.", "status": 404}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domains", zone]) if data.has_zone(zone) => {
            reply(200, &json!({"domain": {"domain": zone}}))
        }
        ("GET", ["domains", zone, "records"]) if data.has_zone(zone) => {
            // Cursors are opaque; these are page numbers behind a letter.
            let all = data.within(zone);
            let number: usize = asked
                .query("cursor")
                .trim_start_matches('c')
                .parse()
                .unwrap_or(1);
            let (page, pages) = data.page(&all, &number.to_string());
            let list: Vec<Value> = page.iter().map(|record| json!({"id": format!("r-{}", record.id), "type": "TXT",
                "name": relative(&record.fqdn, zone), "data": quoted(&record.value), "ttl": 120, "priority": -1})).collect();
            let next = if number < pages {
                format!("c{}", number + 1)
            } else {
                String::new()
            };
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
