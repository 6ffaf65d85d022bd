//! MyDNS.JP: one domain for each master id; pages that say OK.

use super::super::world::{Asked, Data, Reply, Service};
use super::{basic, text_reply};

pub(super) const SERVICE: Service = Service {
    code: "mydnsjp",
    settings: &[("user", "mydns1"), ("password", "right-password")],
    wrong: &[("user", "mydns1"), ("password", "wrong-password")],
    knows: |_, asked| asked.header("authorization") == basic("mydns1", "right-password"),
    refuse: || text_reply(401, "<html><body>401 Authorization Required</body></html>"),
    serve,
    changes: |asked| asked.method == "POST",
    blind: true,
    zoneless: true,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let domain = asked.given("CERTBOT_DOMAIN");
    if !data.zones.iter().any(|zone| domain == *zone || domain.ends_with(&format!(".{zone}"))) {
        return text_reply(200, "<html><body>NG.</body></html>");
    }
    let (fqdn, value) = (format!("_acme-challenge.{domain}"), asked.given("CERTBOT_VALIDATION"));
    let there = data.at(&fqdn).into_iter().find(|record| record.value == value);
    match (asked.given("EDIT_CMD").as_str(), there) {
        ("REGIST", None) => drop(data.add(&fqdn, &value)),
        ("DELETE", Some(record)) => drop(data.remove(record.id)),
        _ => {}
    }
    text_reply(200, "<html><body>OK.</body></html>")
}
