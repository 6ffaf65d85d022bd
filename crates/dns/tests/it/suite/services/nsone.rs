//! NS1, API version 1.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::by_method;

pub(super) const SERVICE: Service = Service {
    code: "nsone",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.header("x-nsone-key") == "right-key",
    refuse: || reply(401, &json!({"message": "Unauthorized"})),
    serve,
    changes: by_method,
    min_ttl: 0,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["zones", zone]) => match data.has_zone(zone) {
            true => reply(200, &json!({"zone": zone, "id": "5", "records": []})),
            false => reply(404, &json!({"message": "zone not found"})),
        },
        (method, ["zones", zone, fqdn, "TXT"]) if data.has_zone(zone) => {
            record(data, asked, method, fqdn)
        }
        _ => reply(404, &json!({"message": "zone not found"})),
    }
}

fn record(data: &mut Data, asked: &Asked, method: &str, fqdn: &str) -> Reply {
    let there = !data.at(fqdn).is_empty();
    match method {
        "PUT" if there => reply(400, &json!({"message": "record already exists"})),
        "GET" | "POST" | "DELETE" if !there => reply(404, &json!({"message": "record not found"})),
        "PUT" | "POST" => {
            let body = asked.json();
            let answers = body["answers"].as_array().unwrap();
            let values: Vec<String> = answers
                .iter()
                .map(|one| one["answer"][0].as_str().unwrap().to_owned())
                .collect();
            data.replace(fqdn, &values);
            reply(200, &json!({"domain": fqdn, "type": "TXT"}))
        }
        "DELETE" => {
            data.replace(fqdn, &[]);
            reply(200, &json!({}))
        }
        _ => {
            let answers: Vec<Value> = data
                .at(fqdn)
                .iter()
                .map(|record| json!({"answer": [record.value], "id": record.id}))
                .collect();
            reply(
                200,
                &json!({"domain": fqdn, "type": "TXT", "ttl": 60, "answers": answers}),
            )
        }
    }
}
