//! What a provider's own page tells while something goes on, and before something is done.

use evercert_testkit::start_or_skip;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Desk;

async fn add_powerdns(desk: &Desk, url: &str) {
    let settings = json!({ "url": url, "api_key": "k" });
    let new = json!({ "name": "p", "type": "pdns", "settings": settings, "skip_test": true });
    let _: Value = desk
        .scene
        .post("/api/v1/dns-providers", &new, StatusCode::CREATED)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_shown_while_it_runs_and_again_when_it_has_failed() {
    let mut desk = start_or_skip!(Desk::new().await);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    add_powerdns(&desk, &format!("http://{}", silent.local_addr().unwrap())).await;
    desk.signed_in("anna", "#provider/p").await;

    desk.page.click("#test").await.unwrap();
    desk.page
        .wait_for_text("#steps .running", "Log in")
        .await
        .unwrap();
    let marks = desk.page.text("#steps .passed").await.unwrap();
    assert!(marks.contains("Settings"), "{marks}");
    // Nobody listens there any more: what was sent is reset, and so is what is sent again.
    drop(silent);
    desk.page
        .wait_for_text("#steps .failed", "Log in")
        .await
        .unwrap();
    desk.page
        .wait_for_text("#verdict", "Failed.")
        .await
        .unwrap();
    desk.picture("failed").await;
    desk.go("", "DNS providers").await;
    desk.page
        .wait_for_text("table.list", "failed")
        .await
        .unwrap();
    desk.fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_under_a_domain_are_named_before_it_is_unmapped() {
    let mut desk = start_or_skip!(Desk::new().await);
    add_powerdns(&desk, "http://127.0.0.1:9").await;
    desk.scene.import("web", json!({})).await;
    let mapping = json!({ "domain": "example.com", "provider": "p", "skip_test": true });
    let _: Value = desk
        .scene
        .post("/api/v1/domain-mappings", &mapping, StatusCode::CREATED)
        .await;
    desk.signed_in("anna", "#provider/p").await;

    for (button, title) in [
        (".domains button", "Unmap example.com?"),
        ("#disable", "Disable p?"),
    ] {
        desk.page.click(button).await.unwrap();
        desk.page.wait_for_text("dialog h2", title).await.unwrap();
        let names = desk.page.text("dialog .names").await.unwrap();
        assert_eq!(names, "web");
        desk.page.press("Escape").await.unwrap();
        let gone = "!document.querySelector('dialog')";
        desk.page.wait_for(gone).await.unwrap();
    }
    desk.fine();
}
