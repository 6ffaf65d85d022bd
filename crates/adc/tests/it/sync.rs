//! The agent against a Console: enrolment, changes, refusals, repair, and the passing of time.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use evercert_adc::status::AgentState;
use evercert_types::{Clock, ItemState, ManualClock, Secret};
use jiff::SignedDuration;

use crate::authority::{ItemSpec, TestCa, now};
use crate::client::Tls;
use crate::console::FakeConsole;
use crate::world::{SOON, Setup, eventually, within};

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

#[tokio::test]
async fn an_enrolled_instance_gets_changes_at_once_and_reports_what_it_saw() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console);
        let adc = setup.start().await;
        adc.until("in sync", |s| s.zero_touch.state == AgentState::InSync)
            .await;
        let spec = ItemSpec::new("a.example");
        let first = ca.item(&spec);

        let revision = console.put([first.clone()], ca.chains());
        let status = adc.at_revision(revision).await;
        assert_eq!(status.zero_touch.identity.unwrap().name, "adc-1");
        assert_eq!(
            Tls::plain().leaf(adc.addr("v"), "a.example").await,
            first.fingerprint
        );
        eventually("the first handshake is reported", SOON, async || {
            (console.observed(first.id, 1) == 1).then_some(())
        })
        .await;

        let second = ca.item(&spec.next());
        let revision = console.put([second.clone()], ca.chains());
        adc.at_revision(revision).await;
        let tls = Tls::plain();
        for _ in 0..3 {
            assert_eq!(
                Tls::plain().leaf(adc.addr("v"), "a.example").await,
                second.fingerprint
            );
        }
        // Resumed sessions show no certificate, so only the first of these two counts.
        tls.leaf(adc.addr("v"), "a.example").await;
        tls.leaf(adc.addr("v"), "a.example").await;
        let revision = console.remove([second.id]);
        let status = adc.at_revision(revision).await;
        assert_eq!(
            (status.zero_touch.counts.held, status.zero_touch.names),
            (0, 0)
        );
        Tls::plain()
            .look(adc.addr("v"), "a.example")
            .await
            .unwrap_err();
        eventually("every handshake is reported", SOON, async || {
            (console.observed(second.id, 2) == 4).then_some(())
        })
        .await;
        assert!(!console.calls().contains(&"buckets".to_owned()));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn plain_polling_alone_works_and_reports_at_once() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .polling(Duration::from_millis(300));
        let adc = setup.start().await;
        adc.until("in sync", |s| s.zero_touch.next_poll_at.is_some())
            .await;

        let item = ca.item(&ItemSpec::new("a.example"));
        let revision = console.put([item.clone()], ca.chains());
        adc.at_revision(revision).await;

        eventually("the watermark is reported", SOON, async || {
            let reports = &console.state().reports;
            reports
                .iter()
                .any(|applied| applied.revision == revision)
                .then_some(())
        })
        .await;
        eventually("unchanged is a 304", SOON, async || {
            console.calls().contains(&"304".to_owned()).then_some(())
        })
        .await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_is_used_once_and_the_identity_is_kept() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let console = FakeConsole::start().await;
        let setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console);
        for _ in 0..2 {
            let adc = setup.start().await;
            adc.until("in sync", |s| s.zero_touch.state == AgentState::InSync)
                .await;
            adc.stop().await;
        }

        let enrolments = console
            .calls()
            .iter()
            .filter(|call| *call == "enroll")
            .count();
        assert_eq!(enrolments, 1);
        use std::os::unix::fs::PermissionsExt;
        for file in ["identity.json", "cache.key"] {
            let meta = std::fs::metadata(dir.path().join("state").join(file)).unwrap();
            assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{file}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_console_that_the_token_does_not_name_is_not_enrolled_at() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, other) = (FakeConsole::start().await, FakeConsole::start().await);
        let mut setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console);
        setup.console.as_mut().unwrap().enroll_token = Some(Secret::new(other.token()));
        let adc = setup.start().await;

        let failed = |s: &evercert_adc::Status| s.zero_touch.detail.is_some();
        let status = adc.until("enrolment fails", failed).await;

        let detail = status.zero_touch.detail.unwrap();
        assert!(detail.contains("identity CA"), "{detail}");
        assert!(console.calls().is_empty());
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_removed_instance_says_so_and_enrols_anew_with_another_token() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let item = ca.item(&ItemSpec::new("a.example"));
        console.put([item.clone()], ca.chains());
        let mut setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .polling(Duration::from_millis(100));
        let adc = setup.start().await;
        adc.active(1).await;

        console.state().instances.clear();
        let refused = |s: &evercert_adc::Status| s.zero_touch.state == AgentState::Refused;
        let status = adc.until("refused", refused).await;
        assert!(status.zero_touch.remedy.unwrap().contains("token create"));
        assert_eq!(
            Tls::plain().leaf(adc.addr("v"), "a.example").await,
            item.fingerprint
        );
        adc.stop().await;

        let token = console.new_token("second");
        setup.console.as_mut().unwrap().enroll_token = Some(Secret::new(token));
        let adc = setup.start().await;
        adc.until("in sync again", |s| {
            s.zero_touch.state == AgentState::InSync
        })
        .await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_identity_is_renewed_at_half_its_life() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let console = FakeConsole::start().await;
        let clock = Arc::new(ManualClock::new(now()));
        let shared = clock.clone();
        console.state().now = Box::new(move || shared.now());
        let mut setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .polling(Duration::from_millis(50));
        setup.clock = clock.clone();
        let adc = setup.start().await;
        adc.until("in sync", |s| s.zero_touch.state == AgentState::InSync)
            .await;
        let ends = |s: &evercert_adc::Status| s.zero_touch.identity.as_ref().unwrap().not_after;
        let before = ends(&adc.handle.status());

        clock.advance(days(4));

        let status = adc.until("renewed", |s| ends(s) > before).await;
        assert_eq!(status.zero_touch.identity.unwrap().name, "adc-1");
        assert!(console.calls().contains(&"renew".to_owned()));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn one_bad_item_hinders_no_other_and_its_earlier_generation_is_served_on() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let spec = ItemSpec::new("a.example");
        let good = ca.item(&spec);
        console.put([good.clone()], ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .start()
            .await;
        adc.active(1).await;

        let others: Vec<_> = (0..5)
            .map(|i| ca.item(&ItemSpec::new(&format!("{i}.example"))))
            .collect();
        let mut bad = ca.item(&spec.next());
        bad.key = others[0].key.clone();
        let mut changes = others.clone();
        changes.insert(2, bad);
        let revision = console.put(changes, ca.chains());
        let status = adc.at_revision(revision).await;

        let counts = status.zero_touch.counts;
        assert_eq!((counts.active, counts.rejected), (5, 1));
        let shown = &status.zero_touch.items[0];
        assert_eq!(
            (shown.state, shown.serving_generation),
            (ItemState::Rejected, Some(1))
        );
        let tls = Tls::plain();
        assert_eq!(tls.leaf(adc.addr("v"), "a.example").await, good.fingerprint);
        assert_eq!(
            tls.leaf(adc.addr("v"), "4.example").await,
            others[4].fingerprint
        );
        eventually("the rejection is reported", SOON, async || {
            let state = console.state();
            let problems = &state.reports.last()?.problems;
            (problems.first()?.code == "key_mismatch").then_some(())
        })
        .await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn snapshots_and_deltas_come_in_pages() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        console.state().page = 3;
        let items: Vec<_> = (0..8)
            .map(|i| ca.item(&ItemSpec::new(&format!("{i}.example"))))
            .collect();
        console.put(items.clone(), ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .start()
            .await;
        adc.active(8).await;
        assert!(!console.calls().contains(&"buckets".to_owned()));

        let more: Vec<_> = (8..13)
            .map(|i| ca.item(&ItemSpec::new(&format!("{i}.example"))))
            .collect();
        console.put(more, ca.chains());
        let revision = console.remove([items[0].id, items[1].id]);
        let status = adc.at_revision(revision).await;

        assert_eq!(status.zero_touch.counts.active, 11);
        // Too old a cursor brings the whole set again; what it does not name goes.
        console.state().known_from = i64::MAX;
        let revision = console.remove([items[2].id]);
        let status = adc.at_revision(revision).await;
        assert_eq!(status.zero_touch.counts.held, 10);
        assert!(!console.calls().contains(&"buckets".to_owned()));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_mass_deletion_is_refused_and_reported_until_it_is_meant() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let items: Vec<_> = (0..20)
            .map(|i| ca.item(&ItemSpec::new(&format!("{i}.example"))))
            .collect();
        console.put(items.clone(), ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .start()
            .await;
        adc.active(20).await;

        let revision = console.remove(items.iter().take(10).map(|item| item.id));
        let guarded = |s: &evercert_adc::Status| s.zero_touch.state == AgentState::Guarded;
        let status = adc.until("guarded", guarded).await;
        assert_eq!(status.zero_touch.counts.active, 20);
        assert!(status.zero_touch.remedy.unwrap().contains("intend-purge"));
        assert_eq!(
            Tls::plain().leaf(adc.addr("v"), "3.example").await,
            items[3].fingerprint
        );
        eventually("the refusal is reported", SOON, async || {
            let state = console.state();
            let problems = &state.reports.last()?.problems;
            (problems.first()?.code == "mass_deletion").then_some(())
        })
        .await;

        console.state().purge_intended = true;
        let status = adc.at_revision(revision).await;
        assert_eq!(status.zero_touch.counts.held, 10);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_new_epoch_brings_a_snapshot_and_an_old_one_is_refused() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let items: Vec<_> = (0..3)
            .map(|i| ca.item(&ItemSpec::new(&format!("{i}.example"))))
            .collect();
        console.put(items.clone(), ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .start()
            .await;
        adc.active(3).await;

        // A backup from before the third item was restored.
        console.remove([items[2].id]);
        {
            let mut state = console.state();
            (state.epoch, state.revision) = (2, 2);
        }
        console.wake();
        let status = adc
            .until("the epoch is taken over", |s| s.zero_touch.epoch == 2)
            .await;
        assert_eq!(
            (status.zero_touch.counts.held, status.zero_touch.revision),
            (2, 2)
        );

        console.state().epoch = 1;
        console.wake();
        let guarded = |s: &evercert_adc::Status| s.zero_touch.state == AgentState::Guarded;
        let status = adc.until("guarded", guarded).await;
        assert_eq!(
            (status.zero_touch.counts.held, status.zero_touch.epoch),
            (2, 2)
        );
        assert!(status.zero_touch.detail.unwrap().contains("went back"));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_set_that_diverged_is_repaired_by_buckets() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let specs: Vec<_> = (0..30)
            .map(|i| ItemSpec::new(&format!("{i}.example")))
            .collect();
        console.put(specs.iter().map(|spec| ca.item(spec)), ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .start()
            .await;
        adc.active(30).await;

        let changed = ca.item(&specs[7].next());
        console.tamper(changed.clone());

        let repaired = |s: &evercert_adc::Status| {
            let items = &s.zero_touch.items;
            items
                .iter()
                .any(|item| item.fingerprint == changed.fingerprint)
        };
        adc.until("repaired", repaired).await;
        let calls = console.calls();
        assert!(calls.contains(&"buckets".to_owned()) && calls.contains(&"items".to_owned()));
        assert_eq!(calls.iter().filter(|call| *call == "snapshot").count(), 1);
        assert_eq!(
            Tls::plain().leaf(adc.addr("v"), "7.example").await,
            changed.fingerprint
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn validity_is_waited_for_and_what_expires_is_dropped() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let clock = Arc::new(ManualClock::new(now()));
        let spec = ItemSpec::new("a.example").valid(now() - days(1), now() + days(2));
        let present = ca.item(&spec);
        let coming = ca.item(&spec.next().valid(now() + days(1), now() + days(3)));
        let alone = ca.item(&ItemSpec::new("b.example").valid(now() + days(1), now() + days(3)));
        console.put([present.clone(), alone.clone()], ca.chains());
        let mut setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console);
        setup.clock = clock.clone();
        let adc = setup.start().await;
        adc.active(1).await;
        let revision = console.put([coming.clone()], ca.chains());
        let status = adc.at_revision(revision).await;
        assert_eq!(status.zero_touch.counts.staged, 2);
        let addr = adc.addr("v");
        assert_eq!(
            Tls::plain().leaf(addr, "a.example").await,
            present.fingerprint
        );
        Tls::plain().look(addr, "b.example").await.unwrap_err();

        clock.advance(days(1) + SignedDuration::from_secs(2));
        adc.active(2).await;
        assert_eq!(
            Tls::plain().leaf(addr, "a.example").await,
            coming.fingerprint
        );
        assert_eq!(
            Tls::plain().leaf(addr, "b.example").await,
            alone.fingerprint
        );

        clock.advance(days(2));
        let status = adc
            .until("expired", |s| s.zero_touch.counts.expired == 2)
            .await;
        assert_eq!(status.zero_touch.names, 0);
        Tls::plain().look(addr, "a.example").await.unwrap_err();
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_console_in_trouble_is_asked_again_and_named_in_the_status() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let item = ca.item(&ItemSpec::new("a.example"));
        console.put([item.clone()], ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .start()
            .await;
        adc.active(1).await;

        console.state().failing = Some(StatusCode::SERVICE_UNAVAILABLE);
        console.wake();
        let down = |s: &evercert_adc::Status| s.zero_touch.state == AgentState::Unreachable;
        let status = adc.until("unreachable", down).await;
        assert!(status.zero_touch.detail.unwrap().contains("503"));
        assert_eq!(
            Tls::plain().leaf(adc.addr("v"), "a.example").await,
            item.fingerprint
        );

        console.state().failing = None;
        let revision = console.put([ca.item(&ItemSpec::new("b.example"))], ca.chains());
        adc.at_revision(revision).await;
        adc.stop().await;
    })
    .await;
}
