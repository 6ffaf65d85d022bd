//! `RcodeZero`'s ACME interface: whole sets of `_acme-challenge` names, nothing else is seen.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{by_method, quoted, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "rcode0",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.header("authorization") == "Bearer right-token",
    refuse: || reply(401, &json!({"status": "failed", "message": "Unauthenticated."})),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let failed = |status, message: &str| reply(status, &json!({"status": "failed", "message": message}));
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["zones", "www.example.com"]) => reply(200, &json!(["not found"])),
        ("GET", ["zones", zone]) if data.has_zone(zone) => reply(200, &json!(["found"])),
        ("GET", ["zones", zone, "rrsets"]) if data.has_zone(zone) => {
            let mut names: Vec<String> = data.within(zone).into_iter().map(|record| record.fqdn).collect();
            names.retain(|name| name.starts_with("_acme-challenge"));
            names.dedup();
            names.sort();
            names.dedup();
            let (page, pages) = data.page(&names, asked.query("page"));
            let list: Vec<Value> = page.iter().map(|name| {
                let records: Vec<Value> = data.at(name).iter().map(|record| json!({"content": quoted(&record.value), "disabled": false})).collect();
                json!({"name": format!("{name}."), "type": "TXT", "ttl": 60, "records": records})
            }).collect();
            reply(200, &json!({"data": list, "current_page": 1, "last_page": pages, "per_page": 100, "next_page_url": "null", "total": names.len()}))
        }
        ("PATCH", ["zones", zone, "rrsets"]) if data.has_zone(zone) => {
            let set = asked.json()[0].clone();
            let fqdn = set["name"].as_str().unwrap().strip_suffix('.').unwrap().to_owned();
            let values: Vec<String> = set["records"].as_array().unwrap().iter().map(|record| unquoted(record["content"].as_str().unwrap())).collect();
            let there = !data.at(&fqdn).is_empty();
            match set["changetype"].as_str().unwrap() {
                "add" if there => return failed(400, "RRset already exists"),
                "update" | "delete" if !there => return failed(400, "RRset does not exist"),
                "delete" => data.replace(&fqdn, &[]),
                _ => {
                    data.least_ttl = set["ttl"].as_u64();
                    data.replace(&fqdn, &values);
                }
            }
            reply(200, &json!({"status": "ok", "message": "RRsets updated"}))
        }
        _ => failed(404, "Zone not found"),
    }
}
