//! `UltraDNS`, API version 3: errors are lists.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, empty, json as reply};

pub(super) const SERVICE: Service = Service {
    code: "ultra",
    settings: &[("username", "anna"), ("password", "right-password")],
    wrong: &[("username", "anna"), ("password", "wrong-password")],
    knows: |data, asked| match asked.path == "/v2/authorization/token" {
        true => {
            asked.given("password") == "right-password" && asked.given("grant_type") == "password"
        }
        false => asked.header("authorization") == format!("Bearer session-{}", data.sessions),
    },
    refuse: || {
        reply(
            401,
            &json!({"errorCode": 60001, "errorMessage": "invalid_grant:Invalid username & password combination."}),
        )
    },
    serve,
    changes: |asked| asked.method != "GET" && !asked.path.starts_with("/v2/"),
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

fn failure(status: u16, code: u32, message: &str) -> Reply {
    reply(
        status,
        &json!([{"errorCode": code, "errorMessage": message}]),
    )
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("POST", ["v2", "authorization", "token"]) => reply(
            200,
            &json!({"tokenType": "Bearer", "accessToken": format!("session-{}", data.sessions), "refreshToken": "r", "expiresIn": "3600"}),
        ),
        ("GET", ["v3", "zones", zone]) => match data.has_zone(zone.trim_end_matches('.')) {
            true => reply(
                200,
                &json!({"properties": {"name": zone, "type": "PRIMARY"}}),
            ),
            false => failure(404, 1801, "Zone does not exist in the system."),
        },
        (method, ["v3", "zones", _, "rrsets", "TXT", name]) => set(data, asked, method, name),
        _ => failure(404, 1801, "Zone does not exist in the system."),
    }
}

fn set(data: &mut Data, asked: &Asked, method: &str, name: &str) -> Reply {
    let fqdn = name.strip_suffix('.').unwrap();
    let there = data.at(fqdn);
    let values = |body: &Value| -> Vec<String> {
        body["rdata"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value.as_str().unwrap().to_owned())
            .collect()
    };
    match method {
        "POST" if !there.is_empty() => failure(
            400,
            2111,
            "Resource Record of type 16 with these attributes already exists.",
        ),
        "GET" | "DELETE" if there.is_empty() => failure(404, 70002, "Data not found."),
        "GET" => {
            let rdata: Vec<&str> = there.iter().map(|record| record.value.as_str()).collect();
            reply(
                200,
                &json!({"zoneName": "z", "rrSets": [{"ownerName": name, "rrtype": "TXT (16)", "ttl": 300, "rdata": rdata}]}),
            )
        }
        "DELETE" => {
            data.replace(fqdn, &[]);
            empty(204)
        }
        _ => {
            let body = asked.json();
            data.least_ttl = body["ttl"].as_u64();
            data.replace(fqdn, &values(&body));
            reply(
                if method == "POST" { 201 } else { 200 },
                &json!({"message": "Successful"}),
            )
        }
    }
}
