//! hosting.de: the key in the body, the whole zone configuration sent back, changes that take a moment.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{quoted, unquoted, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "hostingde",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.json()["authToken"] == "right-key",
    refuse: || failed(10109, "Authentication failed"),
    serve,
    changes: |asked| asked.path == "/zoneUpdate",
    min_ttl: 60,
    ..Service::PLAIN
};

fn failed(code: u32, text: &str) -> Reply {
    reply(200, &json!({"status": "error", "errors": [{"code": code, "text": text, "value": ""}], "warnings": []}))
}

fn config(data: &Data, zone: &str, status: &str) -> Value {
    json!({"id": zone_number(data, zone).to_string(), "name": zone, "nameUnicode": zone, "type": "NATIVE", "status": status,
        "soaValues": {"refresh": 7200, "ttl": 300}, "zoneTransferWhitelist": ["192.0.2.1"]})
}

fn page(list: &[Value], pages: usize) -> Reply {
    reply(200, &json!({"status": "success", "errors": [], "response": {"data": list, "totalPages": pages, "limit": 100}}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let body = asked.json();
    match asked.path.as_str() {
        "/zoneConfigsFind" => {
            let wanted = body["filter"]["value"].as_str().unwrap();
            let found = match body["filter"]["field"].as_str().unwrap() {
                "zoneName" => Some(wanted.to_owned()).filter(|zone| data.has_zone(zone)),
                _ => zone_numbered(data, wanted),
            };
            // A change is seen in progress twice, in two states.
            let status = ["active", "pending", "blocked"][data.sessions as usize];
            data.sessions = data.sessions.saturating_sub(1);
            let list: Vec<Value> = found.iter().map(|zone| config(data, zone, status)).collect();
            page(&list, 1)
        }
        "/recordsFind" => {
            let filters = body["filter"]["subFilter"].as_array().unwrap();
            let filter = |field: &str| {
                let found = filters.iter().find(|one| one["field"] == field);
                found.unwrap()["value"].as_str().unwrap().to_owned()
            };
            assert_eq!(filter("RecordType"), "TXT");
            let Some(_) = zone_numbered(data, &filter("zoneConfigId")) else {
                return failed(10404, "zone not found");
            };
            let number = body["page"].as_u64().unwrap().to_string();
            let (records, pages) = data.page(&data.at(&filter("RecordName")), &number);
            let list: Vec<Value> = records.iter().map(|record| json!({"id": record.id.to_string(), "name": record.fqdn, "type": "TXT",
                "content": quoted(&record.value), "ttl": 120})).collect();
            page(&list, pages)
        }
        "/zoneUpdate" => {
            let zone = body["zoneConfig"]["name"].as_str().unwrap().to_owned();
            let sent = config(data, &zone, body["zoneConfig"]["status"].as_str().unwrap());
            assert_eq!(body["zoneConfig"], sent, "the zone's settings come back as they were");
            for record in body["recordsToAdd"].as_array().unwrap() {
                data.least_ttl = record["ttl"].as_u64();
                data.add(record["name"].as_str().unwrap(), &unquoted(record["content"].as_str().unwrap()));
            }
            for record in body["recordsToDelete"].as_array().unwrap() {
                assert!(data.remove(record["id"].as_str().unwrap().parse().unwrap()));
            }
            data.sessions = 2;
            reply(200, &json!({"status": "pending", "errors": [], "response": {"zoneConfig": sent}}))
        }
        _ => failed(10000, "unknown call"),
    }
}
