//! `DreamHost`: everything by GET, no zones, no ids.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};

pub(super) const SERVICE: Service = Service {
    code: "dreamhost",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.query("key") == "right-key",
    refuse: || said("error", &json!("invalid_api_key")),
    serve,
    changes: |asked| asked.query("cmd") != "dns-list_records",
    zoneless: true,
    ..Service::PLAIN
};

fn said(result: &str, data: &Value) -> Reply {
    reply(200, &json!({"result": result, "data": data}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert_eq!((asked.method.as_str(), asked.query("format")), ("GET", "json"));
    let (fqdn, value) = (asked.query("record"), asked.query("value"));
    let there = data.at(fqdn).into_iter().find(|record| record.value == value);
    match asked.query("cmd") {
        "dns-list_records" => {
            let list: Vec<Value> = data.records.iter().map(|record| json!({"record": record.fqdn, "value": record.value, "type": "TXT",
                "zone": "z", "editable": "1", "account_id": "1", "comment": ""})).collect();
            said("success", &json!(list))
        }
        "dns-add_record" if data.zone_of(fqdn).is_none() => said("error", &json!("no_such_zone")),
        "dns-add_record" if there.is_some() => said("error", &json!("record_already_exists_remove_first")),
        "dns-add_record" => {
            data.add(fqdn, value);
            said("success", &json!("record_added"))
        }
        "dns-remove_record" => match there {
            Some(record) => {
                data.remove(record.id);
                said("success", &json!("record_removed"))
            }
            None => said("error", &json!("no_such_value")),
        },
        _ => said("error", &json!("no_such_cmd")),
    }
}
