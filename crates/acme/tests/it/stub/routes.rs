//! What the stub does when it behaves.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::{Canned, State, StubOrder, World, jws};

/// A request whose nonce, URL and signature are right.
struct Signed {
    payload: Value,
    jwk: Value,
    /// The account's URL, when it is signed for one.
    account: Option<String>,
}

pub(super) fn route(state: &State, method: &Method, path: &str, body: &[u8]) -> Canned {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["dir"]) => directory(state),
        ("HEAD", ["nonce"]) => Canned::new(200, ""),
        ("GET", ["nonce"]) => Canned::new(204, ""),
        ("GET", ["ari", id]) => renewal_info(id),
        ("POST", _) => match check(state, path, body) {
            Ok(signed) => signed_route(state, &parts, &signed),
            Err(refusal) => refusal,
        },
        _ => Canned::problem(404, "malformed", "nothing here"),
    }
}

fn signed_route(state: &State, parts: &[&str], signed: &Signed) -> Canned {
    match parts {
        ["new-account"] => new_account(state, signed),
        ["account", _] => account(state, signed),
        ["key-change"] => key_change(state, signed),
        ["new-order"] => new_order(state, signed),
        ["orders", page] => orders(state, page),
        ["order", n] => with_order(state, n, look),
        ["order", n, "finalize"] => {
            let csr = jws::bytes(&signed.payload["csr"]);
            with_order(state, n, |state, n, order| finalize(state, n, order, csr))
        }
        ["authz", n, i] => with_order(state, n, |state, n, order| {
            authorization(state, n, order, i)
        }),
        ["chall", n, i] => {
            let go = signed.payload.is_object();
            with_order(state, n, |state, n, order| {
                challenge(state, n, order, i, go)
            })
        }
        ["cert", n] => certificate(state, n, 0),
        ["cert", n, root] => certificate(state, n, root.parse().unwrap()),
        ["revoke"] => revoke(state, signed),
        _ => Canned::problem(404, "malformed", "nothing here"),
    }
}

fn directory(state: &State) -> Canned {
    let base = &state.base;
    let mut directory = json!({
        "newNonce": format!("{base}/nonce"), "newAccount": format!("{base}/new-account"),
        "newOrder": format!("{base}/new-order"), "revokeCert": format!("{base}/revoke"),
        "keyChange": format!("{base}/key-change"), "renewalInfo": format!("{base}/ari"),
        "meta": { "termsOfService": format!("{base}/terms"), "caaIdentities": ["stub.test"],
                  "profiles": { "classic": "the usual one" } },
    });
    let world = state.world.lock().unwrap();
    directory["meta"]["externalAccountRequired"] = world.rules.eab.is_some().into();
    for (member, value) in &world.rules.directory {
        directory[*member] = match value.as_str() {
            Some(text) => text.replace("{base}", base).into(),
            None => value.clone(),
        };
    }
    Canned::json(200, &directory)
}

fn renewal_info(id: &str) -> Canned {
    if !id.contains('.') {
        return Canned::problem(404, "malformed", "no such certificate");
    }
    let window = json!({ "start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z" });
    let body = json!({ "suggestedWindow": window, "explanationURL": "https://stub.test/why" });
    Canned::json(200, &body)
        .with("retry-after", "21600")
        .no_nonce()
}

fn check(state: &State, path: &str, body: &[u8]) -> Result<Signed, Canned> {
    let (protected, payload) = jws::peek(body);
    let mut world = state.world.lock().unwrap();
    let nonce = protected["nonce"].as_str().unwrap_or_default();
    let known = world.nonces.remove(nonce);
    if !known || world.rules.refuse_nonces > 0 {
        world.rules.refuse_nonces = world.rules.refuse_nonces.saturating_sub(1);
        return Err(Canned::problem(400, "badNonce", "bad nonce"));
    }
    if protected["url"] != format!("{}{path}", state.base) {
        return Err(Canned::problem(400, "malformed", "wrong url in the JWS"));
    }
    let account = protected["kid"].as_str().map(str::to_owned);
    let jwk = match &account {
        Some(url) => world
            .accounts
            .get(url)
            .cloned()
            .ok_or_else(|| Canned::problem(400, "accountDoesNotExist", "no such account"))?,
        None => protected["jwk"].clone(),
    };
    if !jws::is_signed_by(body, &jwk) {
        return Err(Canned::problem(400, "malformed", "bad signature"));
    }
    Ok(Signed {
        payload,
        jwk,
        account,
    })
}

fn new_account(state: &State, signed: &Signed) -> Canned {
    let mut world = state.world.lock().unwrap();
    let existing = world.accounts.iter().find(|(_, jwk)| **jwk == signed.jwk);
    if let Some((url, _)) = existing {
        return account_answer(state, 200, &url.clone());
    }
    if signed.payload["onlyReturnExisting"] == true {
        return Canned::problem(400, "accountDoesNotExist", "no such account");
    }
    let binding = &signed.payload["externalAccountBinding"];
    if let Some((kid, key)) = world.rules.eab.clone() {
        let protected = jws::part(binding, "protected");
        if binding.is_null() {
            return Canned::problem(403, "externalAccountRequired", "an EAB is needed");
        }
        let here = protected["url"] == format!("{}/new-account", state.base);
        if protected["kid"] != kid || !here || !jws::is_bound(binding, &key, &signed.jwk) {
            return Canned::problem(403, "unauthorized", "the EAB does not verify");
        }
    }
    let url = format!("{}/account/{}", state.base, jws::thumbprint(&signed.jwk));
    world.accounts.insert(url.clone(), signed.jwk.clone());
    account_answer(state, 201, &url)
}

fn account_answer(state: &State, status: u16, url: &str) -> Canned {
    let body = json!({ "status": "valid", "orders": format!("{}/orders/0", state.base) });
    Canned::json(status, &body).with("location", url)
}

fn account(state: &State, signed: &Signed) -> Canned {
    let mut world = state.world.lock().unwrap();
    let mut body = json!({ "status": "valid", "contact": signed.payload["contact"],
                           "orders": format!("{}/orders/0", state.base) });
    if signed.payload["status"] == "deactivated" {
        signed
            .account
            .as_ref()
            .map(|url| world.accounts.remove(url));
        body["status"] = "deactivated".into();
    }
    Canned::json(200, &body)
}

fn key_change(state: &State, signed: &Signed) -> Canned {
    let inner = signed.payload.to_string();
    let new_jwk = jws::part(&signed.payload, "protected")["jwk"].clone();
    let change = jws::part(&signed.payload, "payload");
    let url = signed.account.clone().unwrap_or_default();
    let right = jws::is_signed_by(inner.as_bytes(), &new_jwk)
        && change["account"] == url
        && change["oldKey"] == signed.jwk;
    if !right {
        return Canned::problem(400, "malformed", "bad key change");
    }
    state.world.lock().unwrap().accounts.insert(url, new_jwk);
    Canned::json(200, &json!({ "status": "valid" }))
}

fn new_order(state: &State, signed: &Signed) -> Canned {
    let mut world = state.world.lock().unwrap();
    let names = signed.payload["identifiers"].as_array().map_or(0, Vec::len);
    let mut extra = Map::new();
    for member in ["profile", "replaces", "notBefore", "notAfter"] {
        if let Some(value) = signed.payload.get(member) {
            extra.insert(member.to_owned(), value.clone());
        }
    }
    let order = StubOrder {
        identifiers: signed.payload["identifiers"].clone(),
        extra,
        validated: vec![world.rules.prevalidated; names],
        csr: None,
        looks_left: world.rules.processing_looks,
    };
    let number = world.orders.len();
    let body = order_json(state, number, &order);
    world.orders.push(order);
    Canned::json(201, &body).with("location", format!("{{base}}/order/{number}"))
}

fn orders(state: &State, page: &str) -> Canned {
    let page: usize = page.parse().unwrap();
    let count = state.world.lock().unwrap().orders.len();
    let numbers = (page * 2..count).take(2);
    let urls: Vec<_> = numbers
        .map(|n| format!("{}/order/{n}", state.base))
        .collect();
    let answer = Canned::json(200, &json!({ "orders": urls }));
    if page * 2 + 2 < count {
        answer.with(
            "link",
            format!("<{{base}}/orders/{}>;rel=\"next\"", page + 1),
        )
    } else {
        answer
    }
}

fn with_order(
    state: &State,
    number: &str,
    act: impl FnOnce(&State, usize, &mut StubOrder) -> Canned,
) -> Canned {
    let mut world = state.world.lock().unwrap();
    let number: usize = number.parse().unwrap();
    match world.orders.get_mut(number) {
        Some(order) => act(state, number, order),
        None => Canned::problem(404, "malformed", "no such order"),
    }
}

fn look(state: &State, number: usize, order: &mut StubOrder) -> Canned {
    if order.csr.is_some() {
        order.looks_left = order.looks_left.saturating_sub(1);
    }
    Canned::json(200, &order_json(state, number, order))
}

fn order_json(state: &State, number: usize, order: &StubOrder) -> Value {
    let base = &state.base;
    let status = match (&order.csr, order.looks_left) {
        (Some(_), 0) => "valid",
        (Some(_), _) => "processing",
        (None, _) if order.validated.iter().all(|valid| *valid) => "ready",
        (None, _) => "pending",
    };
    let authorizations: Vec<_> = (0..order.validated.len())
        .map(|i| format!("{base}/authz/{number}/{i}"))
        .collect();
    let mut body = json!({
        "status": status, "identifiers": order.identifiers, "authorizations": authorizations,
        "finalize": format!("{base}/order/{number}/finalize"), "expires": "2030-01-01T00:00:00Z",
    });
    if status == "valid" {
        body["certificate"] = format!("{base}/cert/{number}").into();
    }
    for (member, value) in &order.extra {
        body[member] = value.clone();
    }
    body
}

fn finalize(state: &State, number: usize, order: &mut StubOrder, csr: Vec<u8>) -> Canned {
    if order.csr.is_some() || !order.validated.iter().all(|valid| *valid) {
        return Canned::problem(403, "orderNotReady", "the order is not ready");
    }
    if state.ca.issue(&csr, 0).is_none() {
        return Canned::problem(400, "badCSR", "no CSR");
    }
    order.csr = Some(csr);
    Canned::json(200, &order_json(state, number, order))
}

fn authorization(state: &State, number: usize, order: &StubOrder, index: &str) -> Canned {
    let i: usize = index.parse().unwrap();
    let asked = order.identifiers[i]["value"].as_str().unwrap_or_default();
    let name = asked.trim_start_matches("*.");
    let status = if order.validated[i] {
        "valid"
    } else {
        "pending"
    };
    Canned::json(
        200,
        &json!({
            "status": status, "identifier": { "type": "dns", "value": name },
            "wildcard": asked != name,
            "challenges": [
                { "type": "vendor-mail-01", "url": format!("{}/mail", state.base), "mail": [1] },
                challenge_json(state, number, order, i),
            ],
        }),
    )
}

fn challenge_json(state: &State, number: usize, order: &StubOrder, i: usize) -> Value {
    json!({
        "type": "dns-01", "url": format!("{}/chall/{number}/{i}", state.base),
        "token": format!("token-{number}-{i}"),
        "status": if order.validated[i] { "valid" } else { "pending" },
    })
}

fn challenge(state: &State, number: usize, order: &mut StubOrder, i: &str, go: bool) -> Canned {
    let i: usize = i.parse().unwrap();
    if go && order.validated[i] {
        return Canned::problem(400, "malformed", "the challenge is not pending");
    }
    order.validated[i] |= go;
    Canned::json(200, &challenge_json(state, number, order, i))
}

fn certificate(state: &State, number: &str, root: usize) -> Canned {
    let world: &World = &state.world.lock().unwrap();
    let order = number.parse().ok().and_then(|n: usize| world.orders.get(n));
    let chain = order.and_then(|order| state.ca.issue(order.csr.as_deref()?, root));
    let Some(chain) = chain else {
        return Canned::problem(404, "malformed", "no such certificate");
    };
    let mut answer = Canned::new(200, chain)
        .with("content-type", "application/pem-certificate-chain")
        .with("link", "<{base}/dir>;rel=\"index\"");
    for other in 1..=world.rules.alternates {
        answer = answer.with(
            "link",
            format!("</cert/{number}/{other}>;rel=\"alternate\""),
        );
    }
    answer
}

fn revoke(state: &State, signed: &Signed) -> Canned {
    let certificate = signed.payload["certificate"].to_string();
    if state.world.lock().unwrap().revoked.insert(certificate) {
        Canned::new(200, "")
    } else {
        Canned::problem(400, "alreadyRevoked", "already revoked")
    }
}
