//! `DNSMadeEasy`, API version 2.0.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, relative, whole};
use super::{by_method, hmac_sha1, quoted};

pub(super) const SERVICE: Service = Service {
    code: "me",
    settings: &[("key", "k"), ("secret", "right-secret")],
    wrong: &[("key", "k"), ("secret", "wrong-secret")],
    knows: |_, asked| {
        let expected = hmac_sha1("right-secret", asked.header("x-dnsme-requestdate"));
        asked.header("x-dnsme-apikey") == "k" && asked.header("x-dnsme-hmac") == expected
    },
    refuse: || reply(403, &json!({"error": ["API key or HMAC is not right"]})),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let named = |id: &str| {
        data.zones
            .get(id.parse::<usize>().unwrap_or(usize::MAX))
            .cloned()
    };
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["dns", "managed", "name"]) => match data
            .zones
            .iter()
            .position(|zone| zone == asked.query("domainname"))
        {
            Some(id) => reply(200, &json!({"id": id, "name": asked.query("domainname")})),
            None => reply(404, &json!({"error": ["Cannot find the domain"]})),
        },
        ("GET", ["dns", "managed", id, "records"]) => {
            let zone = named(id).unwrap();
            let all = data.at(&whole(asked.query("recordName"), &zone));
            let number = asked.query("page").parse::<usize>().unwrap_or(0) + 1;
            let (page, pages) = data.page(&all, &number.to_string());
            let list: Vec<Value> = page
                .iter()
                .map(|record| {
                    json!({"name": relative(&record.fqdn, &zone), "value": quoted(&record.value),
                "id": record.id, "type": "TXT", "source": 1, "sourceId": 1, "ttl": 120})
                })
                .collect();
            reply(
                200,
                &json!({"totalRecords": all.len(), "totalPages": pages, "page": number - 1, "data": list}),
            )
        }
        ("POST", ["dns", "managed", id, "records"]) => {
            let zone = named(id).unwrap();
            let body = asked.json();
            assert_eq!(body["gtdLocation"], "DEFAULT");
            data.least_ttl = body["ttl"].as_u64();
            let id = data.add(
                &whole(body["name"].as_str().unwrap(), &zone),
                body["value"].as_str().unwrap(),
            );
            reply(201, &json!({"id": id, "type": "TXT"}))
        }
        ("DELETE", ["dns", "managed", _, "records", id]) => {
            match data.remove(id.parse().unwrap()) {
                true => empty(200),
                false => reply(404, &json!({"error": ["Cannot find the record"]})),
            }
        }
        _ => reply(404, &json!({"error": ["Not found"]})),
    }
}
