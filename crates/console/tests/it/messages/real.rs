//! A real server's refusal of a signature.

use evercert_console::lifecycle::dns;
use evercert_testkit::{Bind, Zone, start_or_skip};
use evercert_types::Secret;

use super::{Stage, assert_said, words};
use crate::world::{TSIG, actor, dns_provider};

const WRONG: &str = "d3JvbmcgdGVzdCBzZWNyZXQsIG1vcmUgdGhhbiB0aGlydHktdHdvIG9jdGV0cw==";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_at_bind_is_known_by_the_same_words() {
    let bind = start_or_skip!(Bind::start(&[Zone::new("bind.example.test")]).await);
    let stage = Stage::set().await;
    let mut provider = dns_provider("bind", bind.addr(), TSIG);
    let settings = bind.nsupdate_settings().into_iter();
    let settings = settings.map(|(key, value)| match key.as_str() {
        "key_secret" => (key, Secret::new(WRONG.to_owned())),
        _ => (key, Secret::new(value)),
    });
    provider.settings = settings.collect();
    dns::add_dns_provider(&stage.console, &actor(), provider)
        .await
        .unwrap();
    stage.map("bind.example.test", "bind").await;

    let error = stage.fails("bind", &["www.bind.example.test"]).await;

    assert_said(&error, words(8));
    assert_eq!(error.code, "dns.credentials");
    assert!(error.message.contains("it is the secret"), "{error:#?}");
    assert!(!error.message.contains(WRONG), "{error:#?}");
    stage.strike().await;
}
