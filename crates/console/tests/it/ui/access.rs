//! The page for everybody: with a keyboard and a screen reader, on a small screen, in light and dark; and for nobody else.

use std::time::Duration;

use evercert_testkit::chromium::Scheme;
use evercert_testkit::start_or_skip;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Desk;

/// Controls that a screen reader could not name, and controls of the same id.
const NAMELESS: &str = "(() => {
    const named = (node) => node.labels?.[0]?.innerText || node.getAttribute('aria-label') || node.innerText;
    const controls = [...document.querySelectorAll('button, input, select, textarea, a, summary')];
    const ids = [...document.querySelectorAll('[id]')].map((node) => node.id);
    return [...controls.filter((node) => !named(node)).map((node) => node.outerHTML),
        ...ids.filter((id, at) => ids.indexOf(id) !== at)];
})()";

/// Pairs of colours that text is shown in, and their contrast (WCAG 2.2 §1.4.3) where it is too low.
const PALE: &str = "(() => {
    const style = getComputedStyle(document.documentElement);
    const light = (name) => {
        const hex = style.getPropertyValue('--' + name).trim().slice(1);
        const full = hex.length === 3 ? [...hex].map((digit) => digit + digit).join('') : hex;
        const parts = [0, 2, 4].map((at) => parseInt(full.slice(at, at + 2), 16) / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const pairs = ['ink paper', 'ink ground', 'ink field', 'soft paper', 'soft ground', 'soft field', 'accent paper',
        'accent ground', 'on-accent accent', 'good good-ground', 'ink good-ground', 'warn warn-ground', 'bad bad-ground',
        'ink bad-ground', 'bad paper', 'paper bad'];
    return pairs.map((pair) => [pair, pair.split(' ').map(light).sort((a, b) => b - a)])
        .map(([pair, [more, less]]) => [pair, (more + 0.05) / (less + 0.05)])
        .filter(([, contrast]) => !(contrast >= 4.5));
})()";

#[tokio::test(flavor = "multi_thread")]
async fn every_part_is_named_fits_a_small_screen_and_is_legible() {
    let mut desk = start_or_skip!(Desk::new().await);
    let new = json!({
        "name": "a-name-of-forty-letters-without-any-space", "type": "pdns",
        "settings": { "url": "http://127.0.0.1:9", "api_key": "k" }, "skip_test": true,
    });
    let saved: Value = desk
        .scene
        .post("/api/v1/dns-providers", &new, StatusCode::CREATED)
        .await;
    let name = saved["name"].as_str().unwrap();
    desk.signed_in("anna", "").await;

    for (part, title) in [
        ("", "DNS providers"),
        ("add", "Add a DNS provider"),
        ("add/aws", "Add Amazon Route53"),
        ("add/gcloud", "Add Google Cloud DNS"),
        (&format!("provider/{name}"), name),
        (&format!("provider/{name}/edit"), name),
    ] {
        desk.go(part, title).await;
        for scheme in [Scheme::Light, Scheme::Dark] {
            desk.page.screen(360, scheme).await.unwrap();
            let open =
                "document.querySelectorAll('details').forEach((fold) => { fold.open = true; })";
            desk.page.eval(open).await.unwrap();
            let wide = "document.documentElement.scrollWidth";
            assert_eq!(
                desk.page.eval(wide).await.unwrap(),
                360,
                "{part} is too wide"
            );
            assert_eq!(desk.page.eval(PALE).await.unwrap(), json!([]), "{scheme:?}");
        }
        assert_eq!(desk.page.eval(NAMELESS).await.unwrap(), json!([]), "{part}");
    }
    desk.fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_and_html_from_elsewhere_are_refused_by_the_policy() {
    let mut desk = start_or_skip!(Desk::new().await);
    desk.signed_in("anna", "").await;
    desk.fine();

    let html = desk.page.eval("document.body.innerHTML = '<b>x</b>'").await;
    assert!(html.unwrap_err().to_string().contains("TrustedHTML"));
    let style = "document.body.setAttribute('style', 'color: red')";
    desk.page.eval(style).await.unwrap();
    let red = "getComputedStyle(document.body).color === 'rgb(255, 0, 0)'";
    assert_eq!(desk.page.eval(red).await.unwrap(), false);
    let abroad = "fetch('https://127.0.0.1:9/').then(() => 'sent', () => 'refused')";
    assert_eq!(desk.page.eval(abroad).await.unwrap(), "refused");
    let problems = desk.page.problems().join(" ");
    assert!(problems.contains("Content Security Policy"), "{problems}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_without_the_sessions_token_is_refused() {
    let mut desk = start_or_skip!(Desk::new().await);
    desk.signed_in("anna", "").await;

    let post = "fetch('/api/v1/domain-mappings', { method: 'POST', headers: { 'content-type': 'application/json' }, \
         body: '{\"domain\": \"example.org\", \"provider\": \"p\"}' }).then((answer) => answer.status)";
    assert_eq!(desk.page.eval(post).await.unwrap(), 403);
    let readable = "document.cookie";
    assert_eq!(desk.page.eval(readable).await.unwrap(), "");
}

#[tokio::test]
async fn a_test_is_told_line_by_line_and_remembered() {
    let scene = crate::faces::scene::Scene::sqlite().await;
    let closed = evercert_testkit::port::free_addr();
    let settings = json!({ "url": format!("http://{closed}"), "api_key": "k" });
    let new = json!({ "name": "p", "type": "pdns", "settings": settings, "skip_test": true });
    let _: Value = scene
        .post("/api/v1/dns-providers", &new, StatusCode::CREATED)
        .await;

    let test = scene.request(Method::POST, "/api/v1/dns-providers/p/test");
    let answer = test
        .header("accept", "application/x-ndjson")
        .json(&json!({}));
    let answer = answer
        .timeout(Duration::from_secs(60))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let text = answer.text().await.unwrap();
    let lines: Vec<Value> = (text.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();

    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(lines[0], json!({ "begun": "settings" }));
    assert_eq!(lines[1]["step"]["ok"], true);
    assert_eq!(lines[2], json!({ "begun": "log in" }));
    assert_eq!(lines[3]["step"]["ok"], false);
    assert_eq!(lines[4]["report"]["steps"][1], lines[3]["step"]);
    let shown: Value = scene.get("/api/v1/dns-providers/p").await;
    assert_eq!(shown["last_test"]["ok"], false);
    assert_eq!(shown["last_test"]["failed_step"], "log in");

    let missing = scene.request(Method::POST, "/api/v1/dns-providers/q/test");
    let missing = missing
        .header("accept", "application/x-ndjson")
        .send()
        .await
        .unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}
