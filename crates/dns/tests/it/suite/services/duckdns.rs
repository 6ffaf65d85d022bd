//! `DuckDNS`: one value for a host, and two letters as the answer.

use super::super::world::{Asked, Data, Reply, Room, Service};
use super::{keep_one, text_reply};

pub(super) const SERVICE: Service = Service {
    code: "duckdns",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.query("token") == "right-token",
    refuse: || text_reply(200, "KO"),
    serve,
    changes: |_| true,
    room: Room::One,
    name: "_acme-challenge.anna.duckdns.org",
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    if asked.path != "/update" || asked.query("domains") != "anna" {
        return text_reply(200, "KO");
    }
    let value = match asked.query("clear") {
        "true" => "",
        _ => asked.query("txt"),
    };
    keep_one(data, "anna.duckdns.org", value);
    text_reply(200, "OK")
}
