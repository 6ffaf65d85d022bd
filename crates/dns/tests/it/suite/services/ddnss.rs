//! DDNSS: one value for a host, and a page with a sentence as the answer.

use super::super::world::{Asked, Data, Reply, Room, Service};
use super::{keep_one, text_reply};

pub(super) const SERVICE: Service = Service {
    code: "ddnss",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.query("key") == "right-key",
    refuse: || said(&failure("badauth : Die Authorisation ist fehlgeschlagen.")),
    serve,
    changes: |_| true,
    room: Room::One,
    name: "_acme-challenge.anna.ddnss.de",
    ..Service::PLAIN
};

/// As lego's tests have it.
fn said(inside: &str) -> Reply {
    let page = format!(
        "<head><meta name=\"robots\" content=\"noindex\"><title>DDNSS - Kostenloser DynDNS Service</title></head><body>{inside}</body>"
    );
    text_reply(200, &page)
}

fn failure(why: &str) -> String {
    format!("<p>Error Occurred While Processing Request :</p><blockquote>- {why}</blockquote>")
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    let host = asked.query("host").to_owned();
    if host != "anna.ddnss.de" {
        return said(&failure("notfqdn : Hostname fehlt oder ist falsch."));
    }
    match asked.query("txtm") {
        "1" => keep_one(data, &host, asked.query("txt")),
        "2" => keep_one(data, &host, ""),
        other => panic!("{other}"),
    }
    said("<p><font face=\"Verdana\" size=\"2\">Updated 1 hostname.</font></p>")
}
