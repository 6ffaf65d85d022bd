//! Infoblox WAPI: objects by reference, duplicates refused.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{basic, by_method};

pub(super) const SERVICE: Service = Service {
    code: "infoblox",
    settings: &[("username", "admin"), ("password", "right-password")],
    wrong: &[("username", "admin"), ("password", "wrong-password")],
    knows: |_, asked| asked.header("authorization") == basic("admin", "right-password"),
    refuse: || super::text_reply(401, "<html>Authorization Required</html>"),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn reference(id: u64, fqdn: &str) -> String {
    format!("record:txt/ZG5zLmJpbmRf{id}:{fqdn}/default")
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/zone_auth") => {
            assert_eq!(asked.query("view"), "default");
            let found = data.zones.iter().filter(|zone| *zone == asked.query("fqdn"));
            let list: Vec<Value> = found.map(|zone| json!({"_ref": format!("zone_auth/x:{zone}/default"), "fqdn": zone, "view": "default"})).collect();
            reply(200, &json!(list))
        }
        ("GET", "/record:txt") => {
            assert_eq!(asked.query("view"), "default");
            let found = data.at(asked.query("name"));
            let list: Vec<Value> = found.iter().map(|record| json!({"_ref": reference(record.id, &record.fqdn), "name": record.fqdn, "text": record.value, "ttl": 120})).collect();
            reply(200, &json!(list))
        }
        ("POST", "/record:txt") => {
            let body = asked.json();
            assert_eq!((&body["view"], &body["use_ttl"]), (&json!("default"), &json!(true)));
            let (fqdn, text) = (body["name"].as_str().unwrap(), body["text"].as_str().unwrap());
            if data.at(fqdn).iter().any(|record| record.value == text) {
                let words = "IB.Data.Conflict:The record already exists.";
                return reply(400, &json!({"Error": format!("AdmConDataError: None ({words})"), "code": "Client.Ibap.Data.Conflict", "text": words}));
            }
            data.least_ttl = body["ttl"].as_u64();
            let id = data.add(fqdn, text);
            reply(201, &json!(reference(id, fqdn)))
        }
        ("DELETE", path) => {
            let found = data.records.iter().find(|record| path == format!("/{}", reference(record.id, &record.fqdn)));
            match found.map(|record| record.id) {
                Some(id) => {
                    data.remove(id);
                    reply(200, &json!(path))
                }
                None => reply(404, &json!({"Error": "AdmConDataNotFoundError", "code": "Client.Ibap.Data.NotFound", "text": "Reference not found"})),
            }
        }
        _ => reply(400, &json!({"Error": "AdmConProtoError", "code": "Client.Ibap.Proto", "text": "Unknown object type"})),
    }
}
