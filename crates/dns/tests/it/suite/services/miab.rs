//! Mail-in-a-Box: values as plain text, added and removed by themselves.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{basic, by_method, text_reply};

pub(super) const SERVICE: Service = Service {
    code: "miab",
    settings: &[("username", "me@example.com"), ("password", "right-password")],
    wrong: &[("username", "me@example.com"), ("password", "wrong-password")],
    knows: |_, asked| asked.header("authorization") == basic("me@example.com", "right-password"),
    // In plain text to whoever accepts anything.
    refuse: || text_reply(401, "Incorrect email address or password.\n"),
    serve,
    changes: by_method,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["admin", "dns", "zones"]) => reply(200, &json!(data.zones)),
        ("GET", ["admin", "dns", "custom", fqdn, "txt"]) => {
            let list: Vec<Value> = data.at(fqdn).iter().map(|record| json!({"qname": record.fqdn, "rtype": "TXT", "value": record.value})).collect();
            reply(200, &json!(list))
        }
        ("POST" | "DELETE", ["admin", "dns", "custom", fqdn, "txt"]) if !data.zones.iter().any(|zone| fqdn.ends_with(zone)) => {
            text_reply(400, &format!("{fqdn} is not a domain name or a subdomain of a domain name managed by this box."))
        }
        ("POST", ["admin", "dns", "custom", fqdn, "txt"]) => {
            if asked.body.trim().is_empty() {
                return text_reply(400, "No value for the record provided.");
            }
            match data.at(fqdn).iter().any(|record| record.value == asked.body) {
                true => text_reply(200, "OK"),
                false => {
                    data.add(fqdn, &asked.body);
                    text_reply(200, "updated DNS: example.com\n")
                }
            }
        }
        ("DELETE", ["admin", "dns", "custom", fqdn, "txt"]) => {
            assert!(!asked.body.is_empty(), "without a value all of them would go");
            let found = data.at(fqdn).into_iter().find(|record| record.value == asked.body);
            match found {
                Some(record) => {
                    data.remove(record.id);
                    text_reply(200, "updated DNS: example.com\n")
                }
                None => text_reply(200, "OK"),
            }
        }
        _ => text_reply(404, "Not Found"),
    }
}
