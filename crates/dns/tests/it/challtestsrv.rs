//! pebble-challtestsrv as a provider.

use evercert_dns::TxtTarget;
use evercert_testkit::{Challtestsrv, start_or_skip};

use crate::conformance::{Shown, Subject};
use crate::harness::{FIRST, NAME, SECOND, provider, settings, txt};

#[tokio::test]
async fn conforms() {
    let server = start_or_skip!(Challtestsrv::start().await);
    let subject = Subject {
        code: "challtestsrv",
        settings: settings(&server.settings()),
        refused: None,
        shown: Shown::Dns(server.addr()),
        sees_presence: true,
    };

    crate::conformance::conforms(&subject).await;
}

#[tokio::test]
async fn without_dns_the_provider_remembers_what_it_added() {
    let server = start_or_skip!(Challtestsrv::start().await);
    let url = ("url".to_owned(), server.management_url());
    let provider = provider("challtestsrv", &settings(&[url]));

    provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    provider.add(&TxtTarget::new(NAME, SECOND)).await.unwrap();
    assert_eq!(txt(server.addr(), NAME).await, [FIRST, SECOND]);
    provider
        .remove(&TxtTarget::new(NAME, FIRST), None)
        .await
        .unwrap();

    assert_eq!(txt(server.addr(), NAME).await, [SECOND]);
}
