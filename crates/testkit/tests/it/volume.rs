//! Months of renewals pass in seconds.

use std::time::{Duration, Instant};

use evercert_testkit::acme_stub::{AcmeStub, Authz, LimitKind, StubOptions};
use jiff::SignedDuration;

use crate::support::{issue_order, on_clock, order_for, pair, register};

#[tokio::test]
async fn a_month_of_renewals_breaks_no_limit_and_takes_seconds() {
    let (clock, mut options) = on_clock(StubOptions::lets_encrypt());
    options.switches.authz = Authz::Valid;
    let stub = AcmeStub::start(options).await.unwrap();
    let account = register(&stub).await;
    let key = pair();
    let names: Vec<String> = (0..40).map(|n| format!("www.site{n}.example")).collect();
    let start = Instant::now();

    for _week in 0..5 {
        for name in &names {
            issue_order(&account, &order_for(&[name]), &key)
                .await
                .unwrap();
            clock.advance(SignedDuration::from_mins(1));
        }
        clock.advance(SignedDuration::from_hours(24 * 6));
    }

    let certificates = stub.control().certificates();
    assert_eq!(certificates.len(), 200);
    let span = certificates[199].at.duration_since(certificates[0].at);
    assert!(span > SignedDuration::from_hours(24 * 24), "{span}");
    assert_eq!(stub.control().refused(LimitKind::ExactSet), 0);
    let each = start.elapsed() / 200;
    assert!(each < Duration::from_millis(100), "{each:?} for each order");
}
