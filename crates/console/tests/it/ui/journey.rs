//! A DNS provider's life on the page, through a real PowerDNS: added, tested, mapped, edited, disabled, removed.

use evercert_testkit::{Pdns, Zone, start_or_skip};

use super::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_added_tested_mapped_and_removed_on_the_page() {
    let pdns = start_or_skip!(Pdns::start(&[Zone::new("example.org")]).await);
    let mut desk = start_or_skip!(Desk::new().await);
    desk.signed_in("anna", "").await;
    desk.page
        .wait_for_text("main", "There is none yet.")
        .await
        .unwrap();
    let who = desk.page.text("#who").await.unwrap();
    assert_eq!(who, "anna admin");

    choose_powerdns(&mut desk).await;
    fill_in(&mut desk, &pdns).await;
    refused_name_is_shown_at_its_field(&mut desk).await;
    desk.page
        .fill("[data-pointer='/name'] input", "lab")
        .await
        .unwrap();
    desk.page.click("form button[type=submit]").await.unwrap();
    desk.page
        .wait_for_text("#notice", "lab was added.")
        .await
        .unwrap();

    map(&mut desk).await;
    test(&mut desk).await;
    edit(&mut desk).await;
    remove(&mut desk).await;
    desk.fine();
    sign_out(&mut desk).await;
}

async fn choose_powerdns(desk: &mut Desk) {
    let page = &mut desk.page;
    page.click("#add").await.unwrap();
    page.fill("#search", "power dns").await.unwrap();
    page.wait_for_text("main [role=status]", "1 of ")
        .await
        .unwrap();
    page.press("ArrowDown").await.unwrap();
    page.press("Enter").await.unwrap();
    page.wait_for_text("h1", "Add PowerDNS").await.unwrap();
}

async fn fill_in(desk: &mut Desk, pdns: &Pdns) {
    let page = &mut desk.page;
    page.click("form button[type=submit]").await.unwrap();
    let missing = "[data-pointer='/settings/url'] .field-problem";
    page.wait_for_text(missing, "is missing").await.unwrap();
    page.fill("[data-key=url]", &pdns.api_url()).await.unwrap();
    let mended = format!("!document.querySelector(\"{missing}\")");
    page.wait_for(&mended).await.unwrap();
    page.fill("[data-key=api_key]", pdns.api_key())
        .await
        .unwrap();
    page.click("form > details:last-of-type > summary")
        .await
        .unwrap();
    page.choose("[data-pointer='/propagation/mode'] select", "servers")
        .await
        .unwrap();
    let servers = pdns.addr().to_string();
    page.fill("[data-key=servers]", &servers).await.unwrap();
    page.fill("[data-key=first_look]", "0s").await.unwrap();
    desk.picture("form").await;
}

/// The server's own refusal: its pointer names the field.
async fn refused_name_is_shown_at_its_field(desk: &mut Desk) {
    let name = "[data-pointer='/name']";
    let page = &mut desk.page;
    page.fill(&format!("{name} input"), "no spaces")
        .await
        .unwrap();
    page.click("form button[type=submit]").await.unwrap();
    page.wait_for(&format!(
        "document.querySelector(\"{name} .field-problem\")"
    ))
    .await
    .unwrap();
    let described = "document.activeElement.matches('[aria-invalid=true]') && \
         document.getElementById(document.activeElement.getAttribute('aria-describedby').split(' ')[0]).innerText";
    let text = desk.page.eval(described).await.unwrap();
    assert!(text.as_str().unwrap().contains("no spaces"), "{text}");
    desk.picture("error").await;
}

async fn map(desk: &mut Desk) {
    let page = &mut desk.page;
    page.fill("#map-domain", "exa mple").await.unwrap();
    page.click("#domains form button").await.unwrap();
    page.wait_for("document.querySelector('#domains .field-problem, #domains .problem')")
        .await
        .unwrap();
    page.fill("#map-domain", "example.org").await.unwrap();
    page.click("#domains form button").await.unwrap();
    page.wait_for_text("#notice", "example.org is mapped.")
        .await
        .unwrap();
    page.wait_for_text(".domains", "example.org").await.unwrap();
}

async fn test(desk: &mut Desk) {
    let page = &mut desk.page;
    page.click("#test").await.unwrap();
    page.wait_for_text("#verdict", "Passed.").await.unwrap();
    let steps = page.text("#steps").await.unwrap();
    for step in [
        "Settings",
        "Log in",
        "Find zone",
        "Write TXT",
        "Read back at the provider",
        "See at the name servers",
        "Remove TXT",
        "Gone at the name servers",
    ] {
        assert!(steps.contains(step), "{step} is missing in {steps}");
    }
    desk.picture("test").await;
    desk.go("", "DNS providers").await;
    let list = desk.page.text("table.list").await.unwrap();
    for part in ["lab", "PowerDNS", "example.org", "active", "passed"] {
        assert!(list.contains(part), "{part} is missing in {list}");
    }
    desk.picture("list").await;
}

async fn edit(desk: &mut Desk) {
    desk.go("provider/lab/edit", "Edit lab").await;
    let page = &mut desk.page;
    let kept = "document.querySelector('[data-key=api_key]').value === '' && \
         document.querySelector('[data-key=api_key]').placeholder === 'kept unless replaced'";
    page.wait_for(kept).await.unwrap();
    page.fill("[data-key=api_key]", "wrong").await.unwrap();
    page.click("form button[type=submit]").await.unwrap();
    page.wait_for("document.querySelector('.settings .problem, .settings .field-problem')")
        .await
        .unwrap();
    desk.picture("refused").await;
    let page = &mut desk.page;
    page.fill("[data-key=api_key]", "").await.unwrap();
    page.fill("[data-pointer='/name'] input", "lab-2")
        .await
        .unwrap();
    page.click("form button[type=submit]").await.unwrap();
    page.wait_for_text("#notice", "Saved.").await.unwrap();
    page.wait_for_text("h1", "lab-2").await.unwrap();
    page.click("#disable").await.unwrap();
    page.click("dialog .danger").await.unwrap();
    page.wait_for_text("#notice", "lab-2 is disabled.")
        .await
        .unwrap();
    page.click("#enable").await.unwrap();
    page.wait_for_text("#notice", "lab-2 is enabled.")
        .await
        .unwrap();
}

async fn remove(desk: &mut Desk) {
    let page = &mut desk.page;
    page.click("#remove").await.unwrap();
    page.click("dialog .danger").await.unwrap();
    page.wait_for_text("dialog .problem", "mapped to")
        .await
        .unwrap();
    desk.picture("in-use").await;
    let page = &mut desk.page;
    page.press("Escape").await.unwrap();
    page.wait_for("!document.querySelector('dialog')")
        .await
        .unwrap();
    page.click(".domains button").await.unwrap();
    page.click("dialog .danger").await.unwrap();
    page.wait_for_text("#notice", "example.org is not mapped any more.")
        .await
        .unwrap();
    page.click("#remove").await.unwrap();
    page.click("dialog .danger").await.unwrap();
    page.wait_for_text("#notice", "lab-2 was removed.")
        .await
        .unwrap();
    page.wait_for_text("main", "There is none yet.")
        .await
        .unwrap();
}

async fn sign_out(desk: &mut Desk) {
    desk.page.click("#sign-out").await.unwrap();
    desk.page
        .wait_for_text("h1", "Sign in to Evercert")
        .await
        .unwrap();
    let url = desk.scene.url("/dns-providers#add");
    desk.page.open(&url).await.unwrap();
    desk.page
        .wait_for("location.pathname === '/sign-in'")
        .await
        .unwrap();
}
