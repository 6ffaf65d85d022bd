//! Google: a token for a signed claim, changes that name what goes and what comes.

use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply};
use super::{by_method, quoted, unquoted, zone_number, zone_numbered};

pub(super) const SERVICE: Service = Service {
    code: "gcloud",
    settings: &[("service_account", RIGHT)],
    wrong: &[("service_account", WRONG)],
    places: &[("token_url", "/token")],
    knows: |data, asked| asked.path == "/token" || asked.header("authorization") == format!("Bearer session-{}", data.sessions),
    refuse: || reply(401, &json!({"error": {"code": 401, "message": "Request had invalid authentication credentials.", "status": "UNAUTHENTICATED"}})),
    serve,
    changes: |asked| by_method(asked) && asked.path != "/token",
    end_session: Some(|data| data.sessions += 1),
    ..Service::PLAIN
};

/// A service account's file with a key made for this test; it opens nothing.
macro_rules! service_account {
    ($name:literal) => {
        concat!(
            r#"{"type": "service_account", "project_id": "p-1", "client_email": ""#,
            $name,
            r#"@p-1.iam.gserviceaccount.com","#,
            r#" "token_uri": "https://oauth2.googleapis.com/token", "private_key": ""#,
            r#"-----BEGIN PRIVATE KEY-----\n"#,
            r#"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC75GUfOm83KUQB\n"#,
            r#"iutPg1P/MWtm2brm6y7db80sa5C54DCOgLlGfdV74aA6EnMHORUD/HryyLZEHKiJ\n"#,
            r#"hklt6RCYW7GgZyvI+MZwIMprKZaFDSJKjDqwdeecYDgZ4YKXQBcOPYTW3RLTBFTG\n"#,
            r#"tZlM9hL0cLuNxOAyMqwOh7lqcjCgWWG2Qz6iqlQiYaLI84qu0E/g4mzMtceqjWyS\n"#,
            r#"4dGHvhpEtLn5FsCAxdIxVpa20WKL4PbZcsVVcgT0f1Hx/5lnnTb+d2zkyKYURCA9\n"#,
            r#"qki6O7Qkv8f6wNZC2Eu4VOVCtEmN76vTrglTfxXxTt4XgF8t0au3L5vSDQBY1i2G\n"#,
            r#"1xWozsAfAgMBAAECggEABPFRJ60l19GiFFhPMFxIDWKDbMU1gXWWWgTi5NQ/jmQz\n"#,
            r#"YsxIE26j+wpIaL6rf/kkcGJn6ZMWGFyYomWB8P48jYV7+rg8EqFYtwJl0MPbTcy2\n"#,
            r#"pjdiI9o2KYrubt/by5bIBHvhzrUqFZr7j+6fBcNDZGLCzEvtieSDWi5/1ikC1nT3\n"#,
            r#"7XLfZet6PqHLJEhAMFawkhTbNbxA8sfGxme0aHiphuYOHrlVHvzzm7FjvsEu+zxX\n"#,
            r#"7loKQI/buCf1FXMG+7f6mMFwQR7XjmjPUJrlJVkNLYIZxXtBkk/47ydKrVbWcZl6\n"#,
            r#"2jopbVzKIyacXZzU8Ll7oIfVONDeWqVgi4LdyA0OoQKBgQDi0qQ9NUa5iWvXl7oE\n"#,
            r#"qvHS4SFOzTBqXhQa1cg8SWBkP7qh82472BLXQ5eri9cVeJiFnEbisxx/dZdT9feE\n"#,
            r#"YyvPY2HG6hlwJOeNR5HgFHtEjQ0TP7s0WcyAXKCcsKtvvkxHMOOpdTTIKzX4Fr+7\n"#,
            r#"h3ia//SdBwrFE6qZOEf5rvdk/QKBgQDUD8C8aM3mT+V+QyJJ79c5xCVOUZFwcvli\n"#,
            r#"o8j6yTIN/elPvUaJXPUeeJYEr+N493d9T+K80+n4uSm9CH0HitVxAA3G3Ia4bApZ\n"#,
            r#"uvbi9/ylQ3Y6b29/0j78yY3/azOmEiyIUUQwa+tX4U8FczXdoKRya+BztVDCLEN1\n"#,
            r#"SeUK6WHySwKBgQCgODSFe92Sb2y65FUkuO+KizYw6KXbbMr8zafcVeR9y7p0bXSf\n"#,
            r#"Vxiv7/Hx3hy28PGj52j295gYvKKBT0xguoCWxNerX29KlPbvB/AV/cG5AX2L7Ee7\n"#,
            r#"Sfc3cLaPGAhxLVXKL9GQwNbg0g0USlVzDNV3f3d1eCT2Ytbt1iCZUSs1rQKBgH0B\n"#,
            r#"wEMQoPe4d3djyc2+Bai22Kr/aHXaQOqF1E8J1WjsGeH4mKEW3CQXP5AJw1UmxBhp\n"#,
            r#"xCY94bnOJS2a2GFe1Q2k03o7u2rxvXRBw5HuT894IjS2RgsafCj2A6/imPK32eqN\n"#,
            r#"xV2p8HTAi52R2doI/Ye50flDlBSylR2J7uvsweFbAoGAEc3XF05fYzlZ7E/RSxF0\n"#,
            r#"eFA9lwgDmmsGfsw+99sJJptbL4XITytdLpYdgQGLtzMjDowWKyO5ahKBrIlYEcBp\n"#,
            r#"AmD9CBdgc09pUdHlZyofvC3Uy3LX3f+xHvrIWoSqYPZa3qAkFXdb5LUwGaPVo0K4\n"#,
            r#"d4/sARpoSAlD2hc9Il/y6Bo=\n"#,
            r#"-----END PRIVATE KEY-----\n"#,
            r#""}"#
        )
    };
}

const RIGHT: &str = service_account!("right");
const WRONG: &str = service_account!("stranger");

/// The claims, when the key of the account signed them.
fn claims(asked: &Asked) -> Option<Value> {
    assert_eq!(asked.given("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let key: Value = serde_json::from_str(RIGHT).unwrap();
    let pem = key["private_key"].as_str().unwrap();
    let inside: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = aws_lc_rs::rsa::KeyPair::from_pkcs8(&STANDARD.decode(inside).unwrap()).unwrap();
    let assertion = asked.given("assertion");
    let (text, signature) = assertion.rsplit_once('.')?;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(text.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?).ok()
}

fn token(data: &Data, asked: &Asked) -> Reply {
    let Some(claims) = claims(asked) else {
        return reply(400, &json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}));
    };
    let is_right = claims["iss"] == "right@p-1.iam.gserviceaccount.com" && claims["aud"] == "https://oauth2.googleapis.com/token"
        && claims["scope"] == "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
        && claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() == 3600;
    match is_right {
        true => reply(200, &json!({"access_token": format!("session-{}", data.sessions), "expires_in": 3599, "token_type": "Bearer"})),
        false => reply(400, &json!({"error": "invalid_grant", "error_description": "Invalid grant: account not found"})),
    }
}

fn set(data: &Data, fqdn: &str) -> Value {
    let values: Vec<String> = data.at(fqdn).iter().map(|record| quoted(&record.value)).collect();
    json!({"name": format!("{fqdn}."), "type": "TXT", "ttl": 120, "rrdatas": values})
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    if asked.path == "/token" {
        return token(data, asked);
    }
    let missing = || reply(404, &json!({"error": {"code": 404, "message": "The 'parameters.managedZone' resource was not found."}}));
    let Some(path) = asked.path.strip_prefix("/dns/v1/projects/p-1/managedZones") else { return missing() };
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", [""]) => {
            let wanted = asked.query("dnsName").trim_end_matches('.');
            let found = data.zones.iter().filter(|zone| *zone == wanted);
            let list: Vec<Value> = found.flat_map(|zone| {
                let entry = |id: String, visibility: &str| json!({"name": id, "id": "9", "dnsName": format!("{zone}."), "visibility": visibility});
                [entry("inside".to_owned(), "private"), entry(format!("zone-{}", zone_number(data, zone)), "public")]
            }).collect();
            reply(200, &json!({"kind": "dns#managedZonesListResponse", "managedZones": list}))
        }
        (method, [zone, rest @ ..]) => {
            let Some(_) = zone_numbered(data, zone.trim_start_matches("zone-")) else { return missing() };
            match (method, rest) {
                ("GET", ["rrsets"]) => {
                    assert_eq!(asked.query("type"), "TXT");
                    let fqdn = asked.query("name").trim_end_matches('.');
                    let list = if data.at(fqdn).is_empty() { json!([]) } else { json!([set(data, fqdn)]) };
                    reply(200, &json!({"kind": "dns#resourceRecordSetsListResponse", "rrsets": list}))
                }
                ("POST", ["changes"]) => {
                    let body = asked.json();
                    let (gone, new) = (&body["deletions"][0], &body["additions"][0]);
                    let name = gone["name"].as_str().or(new["name"].as_str()).unwrap();
                    let fqdn = name.strip_suffix('.').unwrap().to_owned();
                    let is_there = !data.at(&fqdn).is_empty();
                    let refused = |status: u16, message: &str| reply(status, &json!({"error": {"code": status, "message": message}}));
                    match (is_there, gone.is_null()) {
                        (false, false) => return refused(404, &format!("The 'entity.change.deletions[0]' resource named '{name} (TXT)' does not exist.")),
                        (true, true) => return refused(409, &format!("The resource 'entity.change.additions[0]' named '{name} (TXT)' already exists")),
                        (true, false) if *gone != set(data, &fqdn) => return refused(412, "Precondition not met for 'entity.change.deletions[0]'"),
                        _ => {}
                    }
                    data.least_ttl = new["ttl"].as_u64().or(data.least_ttl);
                    let values = new["rrdatas"].as_array().into_iter().flatten().map(|text| unquoted(text.as_str().unwrap()));
                    data.replace(&fqdn, &values.collect::<Vec<_>>());
                    reply(200, &json!({"kind": "dns#change", "id": "7", "status": "pending"}))
                }
                ("GET", ["changes", "7"]) => reply(200, &json!({"kind": "dns#change", "id": "7", "status": "done"})),
                _ => missing(),
            }
        }
        _ => missing(),
    }
}
