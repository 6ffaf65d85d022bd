//! A webhook: any answer of 2xx is a success, whatever it says.

use super::super::world::{Asked, Data, Reply, Service, empty};
use super::{basic, text_reply};

pub(super) const SERVICE: Service = Service {
    code: "httpreq",
    settings: &[("username", "anna"), ("password", "right-password")],
    wrong: &[("username", "anna"), ("password", "wrong-password")],
    knows: |_, asked| asked.header("authorization") == basic("anna", "right-password"),
    refuse: || empty(401),
    serve,
    changes: |asked| asked.method == "POST",
    blind: true,
    zoneless: true,
    easy: true,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let body = asked.json();
    assert_eq!(body.as_object().unwrap().len(), 2);
    let fqdn = body["fqdn"].as_str().unwrap().strip_suffix('.').unwrap().to_owned();
    let value = body["value"].as_str().unwrap();
    let there = data.at(&fqdn).into_iter().find(|record| record.value == value);
    match (asked.path.as_str(), there) {
        ("/present", None) => drop(data.add(&fqdn, value)),
        ("/cleanup", Some(record)) => drop(data.remove(record.id)),
        ("/present" | "/cleanup", _) => {}
        _ => return text_reply(404, "no such path"),
    }
    text_reply(200, "thank you")
}
