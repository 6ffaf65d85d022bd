//! `ConoHa` VPS 3.0: as 2.0, with Keystone's third version before it.

use serde_json::json;

use super::super::world::{Service, json as reply};
use super::by_method;

pub(super) const SERVICE: Service = Service {
    code: "conohav3",
    settings: &[("user_id", "u1"), ("password", "right-password"), ("tenant_id", "t1")],
    wrong: &[("user_id", "u1"), ("password", "wrong-password"), ("tenant_id", "t1")],
    places: &[("identity_url", "/identity/v3")],
    knows: |data, asked| match asked.path == "/identity/v3/auth/tokens" {
        true => {
            let auth = &asked.json()["auth"];
            auth["identity"]["methods"] == json!(["password"])
                && auth["identity"]["password"]["user"] == json!({"id": "u1", "password": "right-password"})
                && auth["scope"]["project"]["id"] == "t1"
        }
        false => asked.header("x-auth-token") == format!("session-{}", data.sessions),
    },
    refuse: || reply(401, &json!({"error": {"code": 401, "message": "The request you have made requires authentication."}})),
    serve: |data, asked| match asked.path == "/identity/v3/auth/tokens" {
        true => {
            let mut answer = reply(201, &json!({"token": {"expires_at": "2030-01-01T00:00:00Z"}}));
            answer.headers.push(("x-subject-token".to_owned(), format!("session-{}", data.sessions)));
            answer
        }
        false => super::conoha::serve(data, asked, "uuid"),
    },
    changes: |asked| by_method(asked) && !asked.path.starts_with("/identity"),
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};
