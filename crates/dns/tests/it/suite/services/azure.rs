//! Azure: tokens from another host, whole sets, entity tags.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply, whole};
use super::by_method;

pub(super) const SERVICE: Service = Service {
    code: "azure",
    settings: &[("subscription_id", "sub-1"), ("tenant_id", "tenant-1"), ("client_id", "app-1"), ("client_secret", "right-secret")],
    wrong: &[("subscription_id", "sub-1"), ("tenant_id", "tenant-1"), ("client_id", "app-1"), ("client_secret", "wrong-secret")],
    places: &[("login_url", "/login")],
    knows: |data, asked| asked.path.starts_with("/login") || asked.header("authorization") == format!("Bearer session-{}", data.sessions),
    refuse: || reply(401, &json!({"error": {"code": "InvalidAuthenticationToken", "message": "The access token is invalid."}})),
    serve,
    changes: |asked| by_method(asked) && !asked.path.starts_with("/login"),
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

const GROUP: &str = "/subscriptions/sub-1/resourceGroups/rg/providers/Microsoft.Network/dnszones";

fn tag(data: &Data, fqdn: &str) -> String {
    let ids: Vec<String> = data.at(fqdn).iter().map(|record| record.id.to_string()).collect();
    format!("etag-{}", ids.join("-"))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    if asked.path == "/login/tenant-1/oauth2/v2.0/token" {
        let is_right = asked.given("client_secret") == "right-secret" && asked.given("grant_type") == "client_credentials"
            && asked.given("scope") == "https://management.azure.com/.default";
        return match is_right {
            true => reply(200, &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": format!("session-{}", data.sessions)})),
            false => reply(401, &json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."})),
        };
    }
    assert_eq!(asked.query("api-version"), "2018-05-01");
    if asked.path == "/subscriptions/sub-1/providers/Microsoft.Network/dnszones" || asked.path == GROUP {
        let (zones, pages) = data.page(&data.zones, asked.query("$skiptoken"));
        let list: Vec<Value> = zones.iter().map(|zone| json!({"id": format!("{GROUP}/{zone}"), "name": zone, "type": "Microsoft.Network/dnszones"})).collect();
        let number: usize = asked.query("$skiptoken").parse().unwrap_or(1);
        let next = (number < pages).then(|| format!("http://{}{}?api-version=2018-05-01&$skiptoken={}", asked.header("host"), asked.path, number + 1));
        return match next {
            Some(next) => reply(200, &json!({"value": list, "nextLink": next})),
            None => reply(200, &json!({"value": list})),
        };
    }
    let missing = || reply(404, &json!({"error": {"code": "NotFound", "message": "The resource record was not found."}}));
    let Some((zone, "TXT", sub)) = asked.path.strip_prefix(&format!("{GROUP}/")).and_then(|rest| {
        let mut parts = rest.splitn(3, '/');
        Some((parts.next()?, parts.next()?, parts.next()?))
    }) else {
        return missing();
    };
    let fqdn = whole(sub, zone);
    let there = data.at(&fqdn);
    let is_as_it_was = match asked.header("if-none-match") {
        "*" => there.is_empty(),
        _ => asked.header("if-match") == tag(data, &fqdn),
    };
    match asked.method.as_str() {
        "GET" if there.is_empty() => missing(),
        "GET" => {
            let records: Vec<Value> = there.iter().map(|record| json!({"value": [record.value]})).collect();
            reply(200, &json!({"id": asked.path, "name": sub, "etag": tag(data, &fqdn), "properties": {"TTL": 10, "fqdn": format!("{fqdn}."), "TXTRecords": records}}))
        }
        "PUT" | "DELETE" if !is_as_it_was => reply(412, &json!({"error": {"code": "PreconditionFailed", "message": "The condition is not met."}})),
        "PUT" => {
            let properties = asked.json()["properties"].clone();
            data.least_ttl = properties["TTL"].as_u64();
            let values: Vec<String> = properties["TXTRecords"].as_array().unwrap().iter().map(|record| record["value"][0].as_str().unwrap().to_owned()).collect();
            data.replace(&fqdn, &values);
            reply(if there.is_empty() { 201 } else { 200 }, &json!({"name": sub, "etag": tag(data, &fqdn)}))
        }
        _ => {
            data.replace(&fqdn, &[]);
            empty(200)
        }
    }
}
