//! JD Cloud: signed after the fashion of AWS, pages of a named size.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{between, by_method, canonical_query, hex, hmac_sha256, sha256, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "jd",
    settings: &[("key", "right-key"), ("secret", "right-secret")],
    wrong: &[("key", "right-key"), ("secret", "wrong-secret")],
    knows: |_, asked| asked.header("authorization") == expected(asked),
    refuse: || reply(401, &json!({"requestId": "r", "error": {"code": 401, "status": "UNAUTHENTICATED", "message": "signature does not match"}})),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn expected(asked: &Asked) -> String {
    let time = asked.header("x-jdcloud-date");
    let date = time.get(..8).unwrap_or_default();
    let names = ["content-type", "host", "x-jdcloud-date", "x-jdcloud-nonce"];
    let lines: String = names.iter().map(|name| format!("{name}:{}\n", asked.header(name))).collect();
    let request = format!("{}\n{}\n{}\n{lines}\n{}\n{}", asked.method, asked.path, canonical_query(asked, ""), names.join(";"), sha256(&asked.body));
    let scope = format!("{date}/cn-north-1/domainservice/jdcloud2_request");
    let text = format!("JDCLOUD2-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&request));
    let key = scope.split('/').fold(b"JDCLOUD2right-secret".to_vec(), |key, part| hmac_sha256(&key, part));
    let signature = hex(&hmac_sha256(&key, &text));
    assert!(!between(asked.header("authorization"), "Signature=", " ").is_empty());
    format!("JDCLOUD2-HMAC-SHA256 Credential=right-key/{scope}, SignedHeaders={}, Signature={signature}", names.join(";"))
}

fn result(data: &Value) -> Reply {
    reply(200, &json!({"requestId": "r", "result": data}))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let missing = || reply(404, &json!({"requestId": "r", "error": {"code": 404, "status": "NOT_FOUND", "message": "not found"}}));
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["v2", "regions", "cn-north-1", "domain"]) => {
            let (zones, pages) = data.page(&data.zones, asked.query("pageNumber"));
            let list: Vec<Value> = zones.iter().map(|zone| json!({"id": zone_number(data, zone), "domainName": zone})).collect();
            result(&json!({"dataList": list, "currentCount": list.len(), "totalCount": data.zones.len(), "totalPage": pages}))
        }
        (method, ["v2", "regions", "cn-north-1", "domain", zone, "ResourceRecord", rest @ ..]) => {
            let Some(zone) = zone_numbered(data, zone) else { return missing() };
            match (method, rest) {
                ("GET", []) => {
                    let mut found = data.within(&zone);
                    found.retain(|record| record.fqdn.contains(asked.query("search")));
                    let (page, pages) = data.page(&found, asked.query("pageNumber"));
                    let list: Vec<Value> = page.iter().map(|record| json!({"id": record.id, "hostRecord": relative(&record.fqdn, &zone), "hostValue": record.value, "type": "TXT", "ttl": 120})).collect();
                    result(&json!({"dataList": list, "totalPage": pages}))
                }
                ("POST", []) => {
                    let req = asked.json()["req"].clone();
                    assert_eq!(req["viewValue"], -1);
                    data.least_ttl = req["ttl"].as_u64();
                    let id = data.add(&whole(req["hostRecord"].as_str().unwrap(), &zone), req["hostValue"].as_str().unwrap());
                    result(&json!({"dataList": {"id": id}}))
                }
                ("DELETE", [id]) if data.remove(id.parse().unwrap()) => result(&json!({})),
                _ => missing(),
            }
        }
        _ => missing(),
    }
}
