//! `DirectAdmin`: forms in; forms out, or JSON where it is asked for.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{basic, pct, quoted, text_reply, unquoted};

pub(super) const SERVICE: Service = Service {
    code: "da",
    settings: &[("username", "admin"), ("password", "right-password")],
    wrong: &[("username", "admin"), ("password", "wrong-password")],
    knows: |_, asked| asked.header("authorization") == basic("admin", "right-password"),
    refuse: || text_reply(401, "<html><h1>401 Unauthorized</h1></html>"),
    serve,
    changes: |asked| asked.method == "POST",
    ..Service::PLAIN
};

fn combined(fqdn: &str, zone: &str, value: &str) -> String {
    format!("name={}&value={}", pct(&relative(fqdn, zone)), pct(&quoted(value)))
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/CMD_API_SHOW_DOMAINS") => {
            let list: Vec<String> = data.zones.iter().map(|zone| format!("list[]={zone}")).collect();
            text_reply(200, &list.join("&"))
        }
        ("GET", "/CMD_API_DNS_CONTROL") if data.has_zone(asked.query("domain")) => {
            assert_eq!(asked.query("json"), "yes");
            let zone = asked.query("domain");
            // Names are shown relative or whole, depending on how they were made.
            let list: Vec<Value> = data.within(zone).iter().map(|record| {
                let name = match record.id % 2 { 0 => format!("{}.", record.fqdn), _ => relative(&record.fqdn, zone) };
                json!({"type": "TXT", "name": name, "value": quoted(&record.value), "ttl": "300", "combined": combined(&record.fqdn, zone, &record.value)})
            }).collect();
            reply(200, &json!({"records": list}))
        }
        ("POST", "/CMD_API_DNS_CONTROL") if data.has_zone(&asked.given("domain")) => {
            let zone = asked.given("domain");
            match asked.given("action").as_str() {
                "add" => {
                    assert_eq!(asked.given("type"), "TXT");
                    let name = asked.given("name");
                    let fqdn = name.strip_suffix('.').map_or_else(|| whole(&name, &zone), str::to_owned);
                    data.least_ttl = asked.given("ttl").parse().ok();
                    data.add(&fqdn, &unquoted(&asked.given("value")));
                    reply(200, &json!({"success": "Record Added"}))
                }
                "select" => {
                    let wanted = asked.given("txtrecs0");
                    let found = data.within(&zone).into_iter().find(|record| combined(&record.fqdn, &zone, &record.value) == wanted);
                    match found {
                        Some(record) => {
                            data.remove(record.id);
                            reply(200, &json!({"success": "Records Deleted"}))
                        }
                        None => reply(200, &json!({"error": "Cannot delete record", "result": "record not found"})),
                    }
                }
                other => panic!("{other}"),
            }
        }
        _ => reply(200, &json!({"error": "Cannot Execute Your Command", "result": "You do not own that domain"})),
    }
}
