//! Alwaysdata, API version 1.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, relative, whole};
use super::{basic, by_method};

pub(super) const SERVICE: Service = Service {
    code: "alwaysdata",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.header("authorization") == basic("right-key", ""),
    refuse: || empty(401),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    // Without the final slash the service redirects, which loses the body.
    assert!(asked.path.ends_with('/'), "{}", asked.path);
    let zone = |id: &str| data.zones.get(id.parse::<usize>().unwrap()).cloned();
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domain"]) => {
            let list: Vec<Value> = data.zones.iter().enumerate()
                .map(|(id, zone)| json!({"id": id, "href": format!("/v1/domain/{id}/"), "name": zone})).collect();
            reply(200, &json!(list))
        }
        ("GET", ["record"]) => {
            let zone = zone(asked.query("domain")).unwrap();
            let list: Vec<Value> = data
                .at(&whole(asked.query("name"), &zone))
                .iter()
                .map(|record| {
                    json!({"id": record.id, "domain": {"href": "/v1/domain/0/"}, "type": "TXT",
                    "name": relative(&record.fqdn, &zone), "value": record.value, "ttl": 120})
                })
                .collect();
            reply(200, &json!(list))
        }
        ("POST", ["record"]) => {
            let body = asked.json();
            let zone = zone(&body["domain"].as_u64().unwrap().to_string()).unwrap();
            data.add(
                &whole(body["name"].as_str().unwrap(), &zone),
                body["value"].as_str().unwrap(),
            );
            empty(201)
        }
        ("DELETE", ["record", id]) => match data.remove(id.parse().unwrap()) {
            true => empty(204),
            false => empty(404),
        },
        _ => empty(404),
    }
}
