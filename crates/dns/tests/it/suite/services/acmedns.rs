//! acme-dns: an account for each name, which keeps its last two values and gives none away.

use serde_json::json;

use super::super::world::{Asked, Data, Reply, Room, Service, json as reply};

/// What the server registered for the suite's names: the first label is the account's.
macro_rules! accounts {
    ($password:literal) => {
        concat!(
            "{\"a\": {\"fulldomain\": \"8e5700ea.auth.example.com\", \"subdomain\": \"8e5700ea\", \"username\": \"u-1\", \"password\": \"", $password, "\"},",
            "\"b\": {\"fulldomain\": \"uk.example.co.uk\", \"subdomain\": \"uk\", \"username\": \"u-1\", \"password\": \"", $password, "\"},",
            "\"c\": {\"fulldomain\": \"idna.xn--bcher-kva.example\", \"subdomain\": \"idna\", \"username\": \"u-1\", \"password\": \"", $password, "\"}}"
        )
    };
}

const NAMES: [(&str, &str); 3] = [
    ("8e5700ea", "8e5700ea.auth.example.com"),
    ("uk", "uk.example.co.uk"),
    ("idna", "idna.xn--bcher-kva.example"),
];

pub(super) const SERVICE: Service = Service {
    code: "acmedns",
    settings: &[("accounts", accounts!("right-password"))],
    wrong: &[("accounts", accounts!("wrong-password"))],
    knows: |_, asked| {
        asked.path == "/health"
            || (asked.header("x-api-user"), asked.header("x-api-key")) == ("u-1", "right-password")
    },
    refuse: || reply(401, &json!({"error": "forbidden"})),
    serve,
    changes: |asked| asked.path == "/update",
    room: Room::LastTwo,
    name: "8e5700ea.auth.example.com",
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/health") => reply(200, &json!(null)),
        ("POST", "/update") => update(data, asked),
        other => panic!("{other:?}"),
    }
}

/// The older of two places gets the value.
fn update(data: &mut Data, asked: &Asked) -> Reply {
    let body = asked.json();
    let subdomain = body["subdomain"].as_str().unwrap();
    let Some((_, name)) = NAMES.iter().find(|(label, _)| *label == subdomain) else {
        return reply(401, &json!({"error": "forbidden"}));
    };
    let txt = body["txt"].as_str().unwrap();
    if txt.len() != 43 {
        return reply(400, &json!({"error": "bad_txt"}));
    }
    if let [oldest, _] = data.at(name).as_slice() {
        data.remove(oldest.id);
    }
    data.add(name, txt);
    reply(200, &json!({ "txt": txt }))
}
