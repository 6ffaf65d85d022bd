//! The sealed cache: restarts with and without the Console, damage, and a disk that takes nothing.

use std::fs;
use std::time::Duration;

use evercert_adc::status::AgentState;
use evercert_adc::{Adc, StartError};

use crate::authority::{ItemSpec, TestCa};
use crate::client::Tls;
use crate::console::FakeConsole;
use crate::world::{Setup, within};

#[tokio::test]
async fn a_restarted_instance_serves_at_once_without_its_console() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (mut console, ca) = (FakeConsole::start().await, TestCa::new());
        let items: Vec<_> = (0..3)
            .map(|i| ca.item(&ItemSpec::new(&format!("{i}.example"))))
            .collect();
        console.put(items.clone(), ca.chains());
        let setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console);
        let adc = setup.start().await;
        adc.active(3).await;
        adc.stop().await;
        console.stop();
        let sealed = fs::read(dir.path().join("state/zerotouch.cache")).unwrap();
        assert!(!sealed.windows(9).any(|part| part == b"1.example"));

        let adc = setup.start().await;
        for (i, item) in items.iter().enumerate() {
            let shown = Tls::plain()
                .look(adc.addr("v"), &format!("{i}.example"))
                .await
                .unwrap();
            assert_eq!((shown.leaf, shown.certificates), (item.fingerprint, 2));
        }
        adc.until("unreachable, told in short", |s| {
            let detail = s.zero_touch.detail.as_deref().unwrap_or_default();
            let told = detail.strip_prefix("calling https://127.0.0.1:");
            let cause = told.and_then(|told| told.split_once(": "));
            s.zero_touch.state == AgentState::Unreachable
                && cause.is_some_and(|(_, cause)| cause == "Connection refused (os error 111)")
        })
        .await;

        console.start_again().await;
        let revision = console.remove([items[0].id]);
        adc.at_revision(revision).await;
        let snapshots = console
            .calls()
            .iter()
            .filter(|call| *call == "snapshot")
            .count();
        assert_eq!(snapshots, 1, "the cursor was kept, so a delta was enough");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_damaged_cache_is_set_aside_and_everything_is_fetched_again() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (mut console, ca) = (FakeConsole::start().await, TestCa::new());
        let item = ca.item(&ItemSpec::new("a.example"));
        console.put([item.clone()], ca.chains());
        let setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console);
        let adc = setup.start().await;
        adc.active(1).await;
        adc.stop().await;
        console.stop();
        let path = dir.path().join("state/zerotouch.cache");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();

        let adc = setup.start().await;
        let cache = adc.handle.status().zero_touch.cache;
        assert!(cache.problem.unwrap().contains("damaged"));
        assert!(cache.remedy.unwrap().contains("zerotouch.cache.damaged"));
        assert!(dir.path().join("state/zerotouch.cache.damaged").exists());
        Tls::plain()
            .look(adc.addr("v"), "a.example")
            .await
            .unwrap_err();

        console.start_again().await;
        adc.active(1).await;
        assert_eq!(
            Tls::plain().leaf(adc.addr("v"), "a.example").await,
            item.fingerprint
        );
        adc.until("written again", |s| s.zero_touch.cache.problem.is_none())
            .await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_stops_nothing_and_is_tried_again() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let obstacle = dir.path().join("state/zerotouch.cache.tmp");
        fs::create_dir_all(obstacle.join("in-the-way")).unwrap();
        let item = ca.item(&ItemSpec::new("a.example"));
        console.put([item.clone()], ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console)
            .start()
            .await;

        let failing = |s: &evercert_adc::Status| s.zero_touch.cache.problem.is_some();
        let status = adc.until("the failure is told", failing).await;
        assert!(
            status
                .zero_touch
                .cache
                .remedy
                .unwrap()
                .contains("from memory")
        );
        assert_eq!(
            Tls::plain().leaf(adc.addr("v"), "a.example").await,
            item.fingerprint
        );

        fs::remove_dir_all(&obstacle).unwrap();
        adc.until("written", |s| s.zero_touch.cache.problem.is_none())
            .await;
        assert!(dir.path().join("state/zerotouch.cache").exists());
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_started_is_told_with_line_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let setup = Setup::new(dir.path()).conf(
        "# one
         # two
         # three
         # four
         # five
         # six
         add lb vserver v SSLL 192.0.2.1 443",
    );
    let error = Adc::start(setup.config()).await.unwrap_err();
    assert!(error.to_string().contains("line 7"), "{error}");
    assert!(!error.remedy().is_empty());

    let setup = Setup::new(dir.path())
        .vserver("v", "SSL", &[])
        .conf("add ssl certKey c -cert none.pem -key none.key\nbind ssl vserver v -certkeyName c");
    let error = Adc::start(setup.config()).await.unwrap_err();
    assert!(
        matches!(&error, StartError::CertKey { path, .. } if path.contains("none.")),
        "{error}"
    );

    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut config = Setup::new(dir.path()).vserver("v", "HTTP", &[]).config();
    config
        .listen
        .insert("v".into(), taken.local_addr().unwrap());
    let error = Adc::start(config).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));

    let mut config = Setup::new(dir.path()).config();
    config.console = Some(evercert_adc::ConsoleLink::new("http://console", None));
    let error = Adc::start(config).await.unwrap_err();
    assert!(matches!(error, StartError::Link(_)));
    tokio::time::sleep(Duration::ZERO).await;
}

#[tokio::test]
async fn a_vserver_without_address_is_warned_of_with_what_to_do() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let adc = Setup::new(dir.path())
            .conf("add lb vserver nowhere HTTP 0.0.0.0 0")
            .start()
            .await;

        let warnings = adc.handle.status().warnings;
        let is_told = |w: &String| {
            w.contains("vserver nowhere has no address to listen on")
                && w.contains("give `add lb vserver` the address")
        };
        assert!(warnings.iter().any(is_told), "{warnings:?}");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn files_that_an_unused_certkey_lacks_are_warned_of() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let pem = TestCa::new().root.certificate().to_pem();
        fs::write(dir.path().join("here.pem"), pem).unwrap();
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[])
            .conf("add ssl certKey unused -cert here.pem -key gone.key")
            .start()
            .await;

        let warnings = adc.handle.status().warnings;
        let about = |file: &str| {
            let mut warnings = warnings.iter();
            warnings.any(|w| w.contains("certkey unused:") && w.contains(file))
        };
        assert!(about("gone.key"), "{warnings:?}");
        assert!(!about("here.pem"), "{warnings:?}");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_state_directory_belongs_to_one_instance_at_a_time() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let setup = Setup::new(dir.path()).vserver("v", "HTTP", &[]);
        let first = setup.start().await;

        let error = Adc::start(setup.config()).await.unwrap_err();
        assert!(matches!(error, StartError::InUse(_)), "{error}");
        assert!(error.remedy().contains("--state-dir"));
        let state = dir.path().join("state");
        evercert_adc::admin::query(&state, "/status").await.unwrap();

        first.stop().await;
        setup.start().await.stop().await;
    })
    .await;
}
