//! `DigitalOcean`, API version 2.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, relative, whole};
use super::by_method;

pub(super) const SERVICE: Service = Service {
    code: "dgon",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.header("authorization") == "Bearer right-token",
    refuse: || {
        reply(
            401,
            &json!({"id": "Unauthorized", "message": "Unable to authenticate you"}),
        )
    },
    serve,
    changes: by_method,
    min_ttl: 30,
    ..Service::PLAIN
};

fn not_found() -> Reply {
    reply(
        404,
        &json!({"id": "not_found", "message": "The resource you were accessing could not be found."}),
    )
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domains", zone]) if data.has_zone(zone) => {
            reply(200, &json!({"domain": {"name": zone, "ttl": 1800}}))
        }
        ("GET", ["domains", zone, "records"]) if data.has_zone(zone) => {
            assert!(asked.query("per_page").parse::<u32>().unwrap() <= 200 && asked.query("type") == "TXT");
            let all: Vec<_> = data
                .within(zone)
                .into_iter()
                .filter(|record| record.fqdn == asked.query("name"))
                .collect();
            let number: usize = asked.query("page").parse().unwrap_or(1);
            let (page, pages) = data.page(&all, asked.query("page"));
            let list: Vec<Value> = page
                .iter()
                .map(|record| {
                    json!({"id": record.id, "type": "TXT",
                "name": relative(&record.fqdn, zone), "data": record.value, "ttl": 120})
                })
                .collect();
            let next = format!(
                "https://{}{}?type=TXT&name={}&per_page=200&page={}",
                asked.header("host"),
                asked.path,
                asked.query("name"),
                number + 1
            );
            let links = if number < pages {
                json!({"pages": {"next": next}})
            } else {
                json!({})
            };
            reply(
                200,
                &json!({"domain_records": list, "links": links, "meta": {"total": all.len()}}),
            )
        }
        ("POST", ["domains", zone, "records"]) if data.has_zone(zone) => {
            let body = asked.json();
            if body["ttl"].as_u64().unwrap() < 30 {
                return reply(422, &json!({"id": "unprocessable_entity", "message": "TTL must be greater than or equal to 30"}));
            }
            data.least_ttl = body["ttl"].as_u64();
            let id = data.add(
                &whole(body["name"].as_str().unwrap(), zone),
                body["data"].as_str().unwrap(),
            );
            reply(201, &json!({"domain_record": {"id": id, "type": "TXT"}}))
        }
        ("DELETE", ["domains", zone, "records", id]) if data.has_zone(zone) => {
            match data.remove(id.parse().unwrap()) {
                true => empty(204),
                false => not_found(),
            }
        }
        _ => not_found(),
    }
}
