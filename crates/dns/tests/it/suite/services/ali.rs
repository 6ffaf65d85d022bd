//! Alibaba Cloud DNS: RPC by query, signed; refusals are HTTP 400 with a code.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{canonical_query, pct};

pub(super) const SERVICE: Service = Service {
    code: "ali",
    settings: &[("key", "right-key"), ("secret", "right-secret")],
    wrong: &[("key", "right-key"), ("secret", "wrong-secret")],
    knows: |_, asked| {
        let text = format!("{}&%2F&{}", asked.method, pct(&canonical_query(asked, "Signature")));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"right-secret&");
        let signature = STANDARD.encode(aws_lc_rs::hmac::sign(&key, text.as_bytes()));
        asked.query("AccessKeyId") == "right-key" && asked.query("Signature") == signature
    },
    refuse: || failed("SignatureDoesNotMatch", "Specified signature is not matched with our calculation."),
    serve,
    changes: |asked| asked.query("Action").contains("DomainRecord") && !asked.query("Action").starts_with("Describe"),
    min_ttl: 600,
    ..Service::PLAIN
};

fn failed(code: &str, message: &str) -> Reply {
    let body = json!({"RequestId": "A1", "Code": code, "Message": message, "HostId": "alidns.aliyuncs.com"});
    reply(400, &body)
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert_eq!((asked.query("Version"), asked.query("Format")), ("2015-01-09", "json"));
    let zone = asked.query("DomainName");
    match asked.query("Action") {
        "DescribeDomains" => {
            let (zones, _) = data.page(&data.zones, asked.query("PageNumber"));
            let list: Vec<Value> = zones.iter().map(|zone| json!({"DomainName": zone, "DomainId": "d"})).collect();
            reply(200, &json!({"TotalCount": data.zones.len(), "PageSize": 20, "Domains": {"Domain": list}, "RequestId": "A2"}))
        }
        "DescribeDomainRecords" if data.has_zone(zone) => {
            // The key word may stand anywhere in the name.
            let mut found = data.within(zone);
            found.retain(|record| relative(&record.fqdn, zone).contains(asked.query("RRKeyWord")));
            let (page, _) = data.page(&found, asked.query("PageNumber"));
            let list: Vec<Value> = page.iter().map(|record| json!({"RecordId": record.id.to_string(), "RR": relative(&record.fqdn, zone),
                "Type": "TXT", "Value": record.value, "TTL": 600, "Line": "default"})).collect();
            reply(200, &json!({"TotalCount": found.len(), "DomainRecords": {"Record": list}, "RequestId": "A3"}))
        }
        "AddDomainRecord" if data.has_zone(zone) => {
            let fqdn = whole(asked.query("RR"), zone);
            if data.at(&fqdn).iter().any(|record| record.value == asked.query("Value")) {
                return failed("DomainRecordDuplicate", "The DNS record already exists.");
            }
            data.least_ttl = asked.query("TTL").parse().ok();
            let id = data.add(&fqdn, asked.query("Value"));
            reply(200, &json!({"RecordId": id.to_string(), "RequestId": "A4"}))
        }
        "DeleteDomainRecord" => match data.remove(asked.query("RecordId").parse().unwrap()) {
            true => reply(200, &json!({"RecordId": asked.query("RecordId"), "RequestId": "A5"})),
            false => failed("DomainRecordNotBelongToUser", "The DNS record does not belong to this user."),
        },
        _ => failed("InvalidDomainName.NoExist", "The specified domain name does not exist."),
    }
}
