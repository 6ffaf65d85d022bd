//! The first administrator is made on the page that the set-up URL opens.

use evercert_testkit::{Chromium, start_or_skip};

use crate::faces::scene::{PASSWORD, config, start};

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_page_makes_the_administrator_and_leads_on() {
    let (_browser, mut page) = start_or_skip!(Chromium::start().await);
    let dir = tempfile::tempdir().unwrap();
    let handle = start(config(dir.path())).await;
    let url = handle.setup_url.as_ref().unwrap().expose().clone();

    page.open(&url).await.unwrap();
    page.wait_for("location.hash === '' && !document.querySelector('form button').disabled")
        .await
        .unwrap();
    page.fill("#password", PASSWORD).await.unwrap();
    page.fill("#again", "something else").await.unwrap();
    page.click("form button").await.unwrap();
    page.wait_for_text(".problem", "The passwords differ.")
        .await
        .unwrap();
    page.fill("#again", PASSWORD).await.unwrap();
    page.click("form button").await.unwrap();
    page.wait_for_text("#token", "evc_").await.unwrap();
    page.click("#done a").await.unwrap();
    page.wait_for_text("#who", "admin admin").await.unwrap();

    assert_eq!(page.problems(), Vec::<String>::new());
    handle.shutdown().await;
}
