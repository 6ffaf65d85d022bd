//! What can befall signed updates and nothing else: keys, clocks, zones, aliases.

use std::sync::Arc;

use evercert_dns::server::{RecordData, ZoneConfig};
use evercert_dns::{Context, DnsError, Fault, NameLocks, Step, TxtTarget, build_with};
use evercert_types::{Clock as _, ManualClock, SystemClock};
use jiff::SignedDuration;

use super::scene::{FIRST, SECOND};
use super::stages::dns::{Dns, Fate, Which};
use super::stages::{Stage, packet};

const NAME: &str = "_acme-challenge.www.example.com";
const CODES: [&str; 2] = ["knot", "nsupdate"];

async fn double() -> Dns {
    Dns::new(&["example.com"]).await
}

async fn failure(code: &str, dns: &Dns, settings: &evercert_dns::Settings) -> DnsError {
    let provider = evercert_dns::build(code, settings).unwrap();
    let error = provider
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();
    assert_eq!(dns.records(), []);
    error
}

#[tokio::test]
async fn a_key_that_is_unknown_or_has_another_secret_is_told_apart() {
    for code in CODES {
        let dns = double().await;
        let error = failure(code, &dns, &dns.wrong_settings(NAME)).await;
        assert_eq!(error.status(), Some("NOTAUTH, BADSIG"));
        assert_eq!((error.fault(), dns.asked()), (Fault::Credentials, 1));

        let nobody = dns.settings_with("hmac-sha256:nobody:d3Jvbmctc2VjcmV0");
        let error = failure(code, &dns, &nobody).await;
        assert_eq!(error.status(), Some("NOTAUTH, BADKEY"));
        assert_eq!((error.fault(), dns.asked()), (Fault::Credentials, 2));
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_with_the_difference_and_not_tried_again() {
    for code in CODES {
        let dns = double().await;
        let clock = ManualClock::new(SystemClock.now());
        clock.advance(SignedDuration::from_hours(-1));
        let context = Context {
            clock: Arc::new(clock),
            locks: NameLocks::new(),
            ..Context::default()
        };
        let provider = build_with(code, &dns.settings(NAME), &context).unwrap();

        let error = provider
            .add(&TxtTarget::new(NAME, FIRST))
            .await
            .unwrap_err();

        assert_eq!(
            (error.fault(), error.is_retryable()),
            (Fault::Clock, false),
            "{error}"
        );
        assert_eq!(error.status(), Some("NOTAUTH, BADTIME"));
        assert!(
            error.to_string().contains(" s ahead of this host's"),
            "{error}"
        );
        assert_eq!(dns.asked(), 1);
    }
}

#[tokio::test]
async fn refusals_of_an_update_are_told_as_what_they_are_and_not_sent_again() {
    for code in CODES {
        for (rcode, status, fault) in [
            (packet::REFUSED, "REFUSED", Fault::Permission),
            (packet::NOTZONE, "NOTZONE", Fault::Zone),
            (packet::SERVFAIL, "SERVFAIL", Fault::Provider),
        ] {
            let dns = double().await;
            dns.fate(Which::NextChange, Fate::Refused(rcode));

            let error = failure(code, &dns, &dns.settings(NAME)).await;

            assert_eq!(error.status(), Some(status));
            assert_eq!((error.step(), error.fault()), (Step::Add, fault), "{error}");
            assert_eq!(error.is_retryable(), fault == Fault::Provider);
            assert_eq!((error.zone(), dns.changes()), (Some("example.com"), 1));
        }
    }
}

/// The server says NOERROR, and keeps nothing.
#[tokio::test]
async fn a_value_dropped_at_an_alias_is_noticed() {
    for code in CODES {
        let alias = RecordData::Cname("elsewhere.example.net".to_owned());
        let zone = ZoneConfig::new("example.com").with("_acme-challenge.www", alias);
        let dns = Dns::with_zones(vec![zone]).await;

        let error = failure(code, &dns, &dns.settings(NAME)).await;

        assert_eq!(
            (error.step(), error.fault()),
            (Step::Verify, Fault::Zone),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains("alias (CNAME) of elsewhere.example.net"),
            "{error}"
        );
        assert_eq!(dns.changes(), 1);
    }
}

#[tokio::test]
async fn a_question_that_fails_on_the_way_leaves_the_zone_as_it_is() {
    for code in CODES {
        let dns = double().await;
        dns.plant(NAME, "somebody-elses");
        let provider = evercert_dns::build(code, &dns.settings(NAME)).unwrap();
        // The question for the zone, and the one for what is there.
        for others in 0..2 {
            dns.fate(Which::After(others), Fate::Refused(packet::SERVFAIL));
            let error = provider
                .add(&TxtTarget::new(NAME, SECOND))
                .await
                .unwrap_err();
            assert_eq!(error.fault(), Fault::Provider, "{error}");
            assert!(error.is_retryable(), "{error}");
        }
        assert_eq!(dns.changes(), 0);
        assert_eq!(
            dns.records(),
            [(NAME.to_owned(), "somebody-elses".to_owned())]
        );
        assert_eq!(dns.complaints(), [""; 0]);
    }
}
