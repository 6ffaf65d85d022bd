//! Zilore: parameters in the query of a POST, values in quotes.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{by_method, quoted, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "zilore",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.header("x-auth-key") == "right-key",
    refuse: || reply(401, &json!({"status": "fail", "error": {"code": 1, "message": "Unauthorized"}})),
    serve,
    changes: by_method,
    min_ttl: 600,
    ..Service::PLAIN
};

fn ok(response: &Value) -> Reply {
    reply(200, &json!({"status": "ok", "response": response}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domains"]) => {
            let found = data.zones.iter().filter(|zone| zone.contains(asked.query("search_text")));
            let list: Vec<Value> = found.map(|zone| json!({"domain_id": 1, "domain_name": zone, "domain_status": "Active"})).collect();
            ok(&json!(list))
        }
        ("GET", ["domains", zone, "records"]) if data.has_zone(zone) => {
            assert_eq!(asked.query("search_record_type"), "TXT");
            let found = data.within(zone).into_iter().filter(|record| record.value.contains(asked.query("search_text")));
            let list: Vec<Value> = found.map(|record| json!({"record_id": record.id.to_string(), "record_name": record.fqdn, "record_type": "TXT",
                "record_value": quoted(&record.value), "record_ttl": 600})).collect();
            ok(&json!(list))
        }
        ("POST", ["domains", zone, "records"]) if data.has_zone(zone) => {
            assert_eq!(asked.query("record_type"), "TXT");
            let value = asked.query("record_value");
            assert!(value.starts_with('"') && value.ends_with('"'), "{value}");
            data.least_ttl = asked.query("record_ttl").parse().ok();
            let id = data.add(asked.query("record_name"), &unquoted(value));
            ok(&json!({"record_id": id, "record_status": "added"}))
        }
        ("DELETE", ["domains", zone, "records"]) if data.has_zone(zone) => match data.remove(asked.query("record_id").parse().unwrap()) {
            true => ok(&json!({"record_status": "deleted"})),
            false => reply(404, &json!({"status": "fail", "error": {"code": 9, "message": "Record not found"}})),
        },
        _ => reply(404, &json!({"status": "fail", "error": {"code": 9, "message": "Domain not found"}})),
    }
}
