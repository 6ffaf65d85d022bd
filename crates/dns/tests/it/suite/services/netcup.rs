//! Netcup's customer control panel: one address, actions in the body, sessions.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};

pub(super) const SERVICE: Service = Service {
    code: "netcup",
    settings: &[
        ("customer", "12345"),
        ("key", "right-key"),
        ("password", "right-password"),
    ],
    wrong: &[
        ("customer", "12345"),
        ("key", "right-key"),
        ("password", "wrong-password"),
    ],
    knows: |_, asked| {
        let param = &asked.json()["param"];
        let is_ours = param["customernumber"] == "12345" && param["apikey"] == "right-key";
        is_ours && (!is_login(asked) || param["apipassword"] == "right-password")
    },
    // These words come with a wrong API password too.
    refuse: || failure(4013, "Customer account not found. JSON decode failed while validating request."),
    serve,
    changes: |asked| asked.json()["action"] == "updateDnsRecords",
    end_session: Some(|data| data.sessions += 1),
    // Domains as they are registered; asking for others is an error that is counted.
    zoneless: true,
    ..Service::PLAIN
};

fn is_login(asked: &Asked) -> bool {
    asked.json()["action"] == "login"
}

fn failure(code: u32, message: &str) -> Reply {
    reply(
        200,
        &json!({"status": "error", "statuscode": code, "shortmessage": message, "longmessage": message, "responsedata": ""}),
    )
}

fn success(data: &Value) -> Reply {
    reply(
        200,
        &json!({"status": "success", "statuscode": 2000, "shortmessage": "OK", "longmessage": "", "responsedata": data}),
    )
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let body = asked.json();
    let param = &body["param"];
    let zone = param["domainname"].as_str().unwrap_or_default().to_owned();
    assert!(asked.query.contains_key("JSON"), "without ?JSON the endpoint speaks SOAP");
    if !is_login(asked) && param["apisessionid"] != format!("session-{}", data.sessions) {
        return failure(4001, "The session id is not in a valid format.");
    }
    if zone.contains('_') {
        return failure(4013, "Value in field domainname does not match requirements of type: domainname");
    }
    match body["action"].as_str().unwrap() {
        "login" => success(&json!({"apisessionid": format!("session-{}", data.sessions)})),
        _ if !data.has_zone(&zone) => failure(
            5029,
            "Can not get DNS records for domain. Domain not found.",
        ),
        "infoDnsZone" => success(&json!({"name": zone, "ttl": "86400"})),
        "infoDnsRecords" => {
            let list: Vec<Value> = data.within(&zone).iter().map(|record| json!({"id": record.id.to_string(), "hostname": relative(&record.fqdn, &zone),
                "type": "TXT", "priority": "0", "destination": record.value, "deleterecord": false, "state": "yes"})).collect();
            success(&json!({"dnsrecords": list}))
        }
        "updateDnsRecords" => {
            for record in param["dnsrecordset"]["dnsrecords"].as_array().unwrap() {
                let fqdn = whole(record["hostname"].as_str().unwrap(), &zone);
                let value = record["destination"].as_str().unwrap();
                match record["deleterecord"] == true {
                    true => {
                        let id = record["id"].as_str().unwrap().parse().unwrap();
                        assert!(
                            data.at(&fqdn)
                                .iter()
                                .any(|one| one.id == id && one.value == value)
                        );
                        data.remove(id);
                    }
                    false => {
                        data.add(&fqdn, value);
                    }
                }
            }
            success(&json!({"dnsrecords": []}))
        }
        other => failure(4013, other),
    }
}
