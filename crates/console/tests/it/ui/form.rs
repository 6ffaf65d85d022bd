//! The form of every kind of DNS provider is made from its description.

use evercert_testkit::start_or_skip;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_has_a_form_with_all_its_fields() {
    let mut desk = start_or_skip!(Desk::new().await);
    let types: Value = desk.scene.get("/api/v1/dns-providers/types").await;
    desk.signed_in("anna", "#add").await;
    let items = types["items"].as_array().unwrap();
    let shown = "document.querySelectorAll('.choices li').length";
    assert_eq!(desk.page.eval(shown).await.unwrap(), items.len());
    desk.picture("types").await;

    for kind in items {
        let (code, name) = (
            kind["code"].as_str().unwrap(),
            kind["name"].as_str().unwrap(),
        );
        desk.go(&format!("add/{code}"), &format!("Add {name}"))
            .await;
        let fields = kind["fields"].as_array().unwrap();
        for field in fields {
            let key = field["key"].as_str().unwrap();
            let control = format!("document.querySelector('.settings [data-key={key}]')");
            let seen = format!(
                "(() => {{ const node = {control}; return [document.querySelector(`label[for=${{node.id}}]`).innerText, \
                 node.type, node.classList.contains('masked'), \
                 document.getElementById(node.getAttribute('aria-describedby')).innerText || 'folded'] }})()"
            );
            let seen = desk.page.eval(&seen).await.unwrap();
            let is_masked = seen[1] == "password" || seen[2] == true;
            assert_eq!(
                Value::Bool(is_masked),
                field["secret"],
                "{code} {key}: {seen}"
            );
        }
        let count = desk
            .page
            .eval("document.querySelectorAll('.settings [data-key]').length");
        assert_eq!(count.await.unwrap(), fields.len(), "{code}");
        tells_what_one_should_know(&mut desk, kind).await;
        if code == "freedns" {
            desk.picture("notes").await;
        }
    }
    desk.fine();
}

async fn tells_what_one_should_know(desk: &mut Desk, kind: &Value) {
    let text = desk.page.text("main").await.unwrap();
    let warns = text.contains("unofficial, may break");
    assert_eq!(Value::Bool(warns), kind["unofficial"], "{text}");
    let proof = match kind["proof"].as_str().unwrap() {
        "real_server" => "tested with the real server",
        "recording" => "tested with recorded answers",
        _ => "tested from its documentation only",
    };
    assert!(text.contains(proof), "{text}");
    if let Some(least) = kind["least_privilege"].as_str() {
        assert!(text.contains(least), "{least} is missing in {text}");
    }
    // Few have notes.
    for note in kind["notes"].as_array().into_iter().flatten() {
        let note = note.as_str().unwrap();
        assert!(text.contains(note), "{note} is missing in {text}");
    }
    let docs = "document.querySelector('main a[target=_blank]').href";
    let docs = desk.page.eval(docs).await.unwrap();
    let bare = |url: &Value| url.as_str().unwrap().trim_end_matches('/').to_owned();
    assert_eq!(bare(&docs), bare(&kind["docs"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_way_to_log_in_is_chosen_and_only_its_fields_are_sent() {
    let mut desk = start_or_skip!(Desk::new().await);
    desk.signed_in("anna", "#add/cf").await;
    let page = &mut desk.page;
    page.wait_for_text("h1", "Add CloudFlare").await.unwrap();
    page.fill("[data-key=token]", "not-sent").await.unwrap();
    page.click(".ways label:nth-of-type(2)").await.unwrap();
    page.fill("[data-key=email]", "anna@example.org")
        .await
        .unwrap();
    page.click("form > .check").await.unwrap();
    page.click("form button[type=submit]").await.unwrap();
    page.wait_for_text(
        "[data-pointer='/settings/key'] .field-problem",
        "is missing",
    )
    .await
    .unwrap();
    page.fill("[data-key=key]", "k").await.unwrap();
    page.click("[data-pointer='/settings/key'] button")
        .await
        .unwrap();
    page.wait_for("document.querySelector('[data-key=key]').type === 'text'")
        .await
        .unwrap();
    page.click("form button[type=submit]").await.unwrap();
    page.wait_for_text("#notice", "cf was added.")
        .await
        .unwrap();

    let saved: Value = desk.scene.get("/api/v1/dns-providers/cf").await;
    assert_eq!(saved["settings"]["email"], "anna@example.org");
    assert_eq!(saved["settings"]["key"], "***");
    assert_eq!(saved["settings"].get("token"), None);

    set_propagation(&desk).await;
    desk.go("provider/cf/edit", "Edit cf").await;
    let page = &mut desk.page;
    page.fill("[data-key=first_look]", "1s").await.unwrap();
    page.click(".ways label:nth-of-type(1)").await.unwrap();
    page.fill("[data-key=token]", "t").await.unwrap();
    page.click("form > .check").await.unwrap();
    page.click("form button[type=submit]").await.unwrap();
    page.wait_for_text("#notice", "Saved.").await.unwrap();

    let saved: Value = desk.scene.get("/api/v1/dns-providers/cf").await;
    let settings = saved["settings"].as_object().unwrap();
    assert_eq!(settings.keys().collect::<Vec<_>>(), ["token"]);
    let mut wanted = propagation();
    wanted["first_look"] = json!("1s");
    assert_eq!(saved["propagation"], wanted);
    desk.fine();
}

/// All that can be set, to see that an edit of one part keeps the others.
fn propagation() -> Value {
    json!({
        "mode": "servers", "servers": ["127.0.0.1:5353"], "timeout": "2m", "first_look": "3s", "poll": "4s",
        "agreement": "quorum", "settle": "5s", "follow_cnames": false,
    })
}

async fn set_propagation(desk: &Desk) {
    let change = json!({ "propagation": propagation() });
    let patch = desk
        .scene
        .request(Method::PATCH, "/api/v1/dns-providers/cf");
    let answer = patch.json(&change).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_console_says_of_a_setting_stands_at_its_field() {
    let mut desk = start_or_skip!(Desk::new().await);
    desk.signed_in("anna", "#add/pdns").await;
    let page = &mut desk.page;
    page.wait_for_text("h1", "Add PowerDNS").await.unwrap();
    page.fill("[data-key=url]", "ftp://<b>dns</b>")
        .await
        .unwrap();
    page.fill("[data-key=api_key]", "k").await.unwrap();
    page.click("form button[type=submit]").await.unwrap();

    let at = "[data-pointer='/settings/url'] .field-problem";
    page.wait_for_text(at, "http").await.unwrap();
    desk.fine();
}
