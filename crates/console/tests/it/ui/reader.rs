//! Who may only read sees what is there, and no button they may not use.

use evercert_testkit::start_or_skip;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_providers_and_no_buttons() {
    let mut desk = start_or_skip!(Desk::new().await);
    add_viewer(&desk).await;
    let new = json!({ "name": "p", "type": "pdns", "settings": { "url": "http://127.0.0.1:9", "api_key": "k" }, "skip_test": true });
    let _: Value = desk
        .scene
        .post("/api/v1/dns-providers", &new, StatusCode::CREATED)
        .await;

    desk.signed_in("vera", "").await;
    let who = desk.page.text("#who").await.unwrap();
    assert_eq!(who, "vera viewer");
    assert_eq!(controls(&mut desk).await, Vec::<String>::new());
    desk.go("provider/p", "p").await;
    desk.page
        .wait_for_text("main", "secret, kept encrypted")
        .await
        .unwrap();
    assert_eq!(controls(&mut desk).await, Vec::<String>::new());
    desk.picture("viewer").await;
    for part in ["add", "add/pdns", "provider/p/edit"] {
        desk.go(part, "DNS providers").await;
        let text = "This needs the role operator.";
        desk.page.wait_for_text("main", text).await.unwrap();
        assert_eq!(controls(&mut desk).await, Vec::<String>::new(), "{part}");
    }
    desk.fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_a_session_leads_on() {
    let mut desk = start_or_skip!(Desk::new().await);
    let url = desk.scene.url("/sign-in?next=https://elsewhere.example/");
    desk.page.open(&url).await.unwrap();
    desk.page.fill("#name", "anna").await.unwrap();
    desk.page.fill("#password", "wrong password").await.unwrap();
    desk.page.click("form button").await.unwrap();
    desk.page
        .wait_for_text(".problem", "The user name or the password is wrong.")
        .await
        .unwrap();
    desk.picture("sign-in").await;

    desk.page
        .fill("#password", crate::faces::scene::PASSWORD)
        .await
        .unwrap();
    desk.page.click("form button").await.unwrap();
    // Another site is never led to.
    desk.page
        .wait_for("location.pathname === '/'")
        .await
        .unwrap();
    desk.page.wait_for_text("#who", "anna").await.unwrap();
    let origin = desk.page.eval("location.origin").await.unwrap();
    assert_eq!(origin, desk.scene.url(""));
    desk.fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_filled_in_is_lost_when_the_session_ends() {
    let mut desk = start_or_skip!(Desk::new().await);
    desk.signed_in("anna", "#add/pdns").await;
    let page = &mut desk.page;
    page.fill("[data-key=url]", "http://127.0.0.1:9")
        .await
        .unwrap();
    page.fill("[data-key=api_key]", "k").await.unwrap();
    // Nothing answers there.
    page.click("form label.check").await.unwrap();
    let csrf =
        "fetch('/api/v1/session').then((answer) => answer.json()).then((who) => who.csrf_token)";
    let csrf = page.eval(csrf).await.unwrap();
    let out = format!(
        "fetch('/api/v1/session', {{ method: 'DELETE', headers: {{ 'x-csrf-token': {csrf} }} }}).then((answer) => answer.status)"
    );
    assert_eq!(page.eval(&out).await.unwrap(), 204);
    page.click("form button[type=submit]").await.unwrap();
    page.wait_for_text(".problem", "Your session is over.")
        .await
        .unwrap();

    // As another tab would do it.
    let body = json!({ "name": "anna", "password": crate::faces::scene::PASSWORD }).to_string();
    let again = format!(
        "fetch('/api/v1/session', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, body: {} }}).then((answer) => answer.status)",
        json!(body)
    );
    assert_eq!(page.eval(&again).await.unwrap(), 200);
    page.click("form button[type=submit]").await.unwrap();
    page.wait_for_text("#notice", "pdns was added.")
        .await
        .unwrap();
    desk.fine();
}

/// A user with the administrator's password; users are made by the set-up only, so far.
async fn add_viewer(desk: &Desk) {
    let db = &desk.scene.handle.console.db;
    let anna = db.user_by_name("anna").await.unwrap().unwrap();
    let mut tx = db.begin_write().await.unwrap();
    tx.insert_user("vera", &anna.password_hash, "viewer")
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// What can be pressed or filled in, in the page's content.
async fn controls(desk: &mut Desk) -> Vec<String> {
    let found = "[...document.querySelectorAll('main button, main input, main form, main .button')].map((one) => one.outerHTML)";
    let found = desk.page.eval(found).await.unwrap();
    serde_json::from_value(found).unwrap()
}
