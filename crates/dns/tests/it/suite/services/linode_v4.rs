//! Linode, API version 4.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::by_method;

pub(super) const SERVICE: Service = Service {
    code: "linode_v4",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.header("authorization") == "Bearer right-token",
    refuse: || reply(401, &json!({"errors": [{"reason": "Invalid Token"}]})),
    serve,
    changes: by_method,
    min_ttl: 30,
    ..Service::PLAIN
};

fn not_found() -> Reply {
    reply(404, &json!({"errors": [{"reason": "Not found"}]}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let named = |data: &Data, id: &str| {
        data.zones
            .get(id.parse::<usize>().unwrap_or(usize::MAX))
            .cloned()
    };
    let size: u32 = asked.query("page_size").parse().unwrap_or(100);
    if !(25..=500).contains(&size) {
        return reply(400, &json!({"errors": [{"reason": "Must be 25-500", "field": "page_size"}]}));
    }
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domains"]) => {
            let all: Vec<Value> = data
                .zones
                .iter()
                .enumerate()
                .map(|(id, zone)| json!({"id": id, "domain": zone, "type": "master"}))
                .collect();
            let (page, pages) = data.page(&all, asked.query("page"));
            reply(
                200,
                &json!({"data": page, "page": 1, "pages": pages, "results": all.len()}),
            )
        }
        ("GET", ["domains", id, "records"]) => match named(data, id) {
            Some(zone) => {
                let all = data.within(&zone);
                let (page, pages) = data.page(&all, asked.query("page"));
                let list: Vec<Value> = page
                    .iter()
                    .map(|record| {
                        json!({"id": record.id, "type": "TXT",
                    "name": relative(&record.fqdn, &zone), "target": record.value, "ttl_sec": 300})
                    })
                    .collect();
                reply(
                    200,
                    &json!({"data": list, "page": 1, "pages": pages, "results": all.len()}),
                )
            }
            None => not_found(),
        },
        ("POST", ["domains", id, "records"]) => match named(data, id) {
            Some(zone) => {
                let body = asked.json();
                let ttl = body["ttl_sec"].as_u64().unwrap();
                assert!([30, 120, 300, 3600, 7200, 14400, 28800, 57600, 86400].contains(&ttl), "{ttl} is rounded");
                data.least_ttl = Some(ttl);
                let new = data.add(
                    &whole(body["name"].as_str().unwrap(), &zone),
                    body["target"].as_str().unwrap(),
                );
                reply(200, &json!({"id": new}))
            }
            None => not_found(),
        },
        ("DELETE", ["domains", _, "records", id]) => match data.remove(id.parse().unwrap()) {
            true => reply(200, &json!({})),
            false => not_found(),
        },
        _ => not_found(),
    }
}
