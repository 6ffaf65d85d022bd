//! Settings made for acme.sh or lego fill the form, by their names, in the browser.

use evercert_testkit::start_or_skip;
use serde_json::{Value, json};

use super::Desk;

/// What is pasted, and the variables it sets.
const TEXTS: [(&str, &str, &str); 13] = [
    (
        "shell",
        "export CF_Token=\"a b\" # mine\nCF_Zone_ID=z",
        r#"{"CF_Token":"a b","CF_Zone_ID":"z"}"#,
    ),
    (
        "one line",
        "A='x' B=\"y\" lego --dns cloudflare run",
        r#"{"A":"x","B":"y"}"#,
    ),
    (
        "escapes",
        r#"A="q\"\$\\" B=x\ y C='it'\''s'"#,
        r#"{"A":"q\"$\\","B":"x y","C":"it's"}"#,
    ),
    (
        "account.conf",
        "SAVED_CF_Key='k'\n# no\nLOG_FILE=''",
        r#"{"SAVED_CF_Key":"k"}"#,
    ),
    (
        "encoded",
        "A='__ACME_BASE64__START_w6TDtg==__ACME_BASE64__END_'",
        r#"{"A":"äö"}"#,
    ),
    (
        "docker",
        "docker run -e A=1 \\\n  --env B=2 --env=C=3 goacme/lego",
        r#"{"A":"1","B":"2","C":"3"}"#,
    ),
    (
        "compose",
        "environment:\n  A: one # x\n  - B=two\n  C: \"th: ree\"",
        r#"{"A":"one","B":"two","C":"th: ree"}"#,
    ),
    (
        "json",
        "{ \n \"A\": \"one\",\n \"B\": \"two\"\n}",
        r#"{"A":"one","B":"two"}"#,
    ),
    (
        "lines",
        "A='{\n \"k\": 1\n}'\nB=2",
        "{\"A\":\"{\\n \\\"k\\\": 1\\n}\",\"B\":\"2\"}",
    ),
    (
        "powershell",
        "$env:A = \"one\"\n$env:B=\"two\"",
        r#"{"A":"one","B":"two"}"#,
    ),
    (
        "windows",
        "set A=one\r\nsetx B two\r\n",
        r#"{"A":"one","B":"two"}"#,
    ),
    (
        "url",
        "A=https://x.example/?a=b&c=d",
        r#"{"A":"https://x.example/?a=b&c=d"}"#,
    ),
    ("nothing", "hello, world\n'unended", "{}"),
];

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_read_from_what_people_have() {
    let mut desk = start_or_skip!(Desk::new().await);
    let url = desk.scene.url("/sign-in");
    desk.page.open(&url).await.unwrap();
    desk.page.wait_for_text("h1", "Sign in").await.unwrap();

    for (what, text, wanted) in TEXTS {
        let read = format!(
            "import('/ui/dns/paste.js').then((paste) => Object.fromEntries(paste.parseSettings({})))",
            json!(text)
        );
        let found = desk.page.eval(&read).await.unwrap();
        let wanted: Value = serde_json::from_str(wanted).unwrap();
        assert_eq!(found, wanted, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_variable_of_every_kind_finds_its_field() {
    let mut desk = start_or_skip!(Desk::new().await);
    let types: Value = desk.scene.get("/api/v1/dns-providers/types").await;
    let url = desk.scene.url("/sign-in");
    desk.page.open(&url).await.unwrap();
    desk.page.wait_for_text("h1", "Sign in").await.unwrap();

    for kind in types["items"].as_array().unwrap() {
        for field in kind["fields"].as_array().unwrap() {
            for list in ["acme_sh_env", "lego_env"] {
                for name in field[list].as_array().unwrap() {
                    let text = format!("export {}='v'", name.as_str().unwrap());
                    let matched = format!(
                        "import('/ui/dns/paste.js').then((paste) => \
                         [...paste.matchSettings({kind}, paste.parseSettings({})).values])",
                        json!(text)
                    );
                    let found = desk.page.eval(&matched).await.unwrap();
                    assert_eq!(found, json!([[field["key"], "v"]]), "{text}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pasted_settings_fill_the_form_and_choose_the_way_to_log_in() {
    let mut desk = start_or_skip!(Desk::new().await);
    desk.signed_in("anna", "#add/cf").await;
    let page = &mut desk.page;
    page.wait_for_text("h1", "Add CloudFlare").await.unwrap();
    page.click("form > details:first-of-type > summary")
        .await
        .unwrap();
    let box_ = "form > details:first-of-type textarea";
    let text =
        "export CF_Email='a@example.org'\nexport CF_Key='k'\nCF_DNS_API_TOKEN_FILE=/f\nODD=<img>";
    page.fill(box_, text).await.unwrap();
    page.click("form > details:first-of-type button")
        .await
        .unwrap();

    let said = "form > details:first-of-type [role=status]";
    page.wait_for_text(said, "Filled in: E-mail, Global API key.")
        .await
        .unwrap();
    let told = page.text(said).await.unwrap();
    assert!(told.contains("Not used for CloudFlare: ODD."), "{told}");
    assert!(
        told.contains("CF_DNS_API_TOKEN_FILE: a file's path."),
        "{told}"
    );
    let filled = page
        .eval("document.querySelector('[data-key=key]').value")
        .await
        .unwrap();
    assert_eq!(filled, "k");
    desk.picture("paste").await;

    let page = &mut desk.page;
    page.fill(box_, "HETZNER=1\nexport DO_API_KEY=x")
        .await
        .unwrap();
    page.click("form > details:first-of-type button")
        .await
        .unwrap();
    page.wait_for_text(said, "These are variables of DigitalOcean.")
        .await
        .unwrap();
    desk.fine();
}
