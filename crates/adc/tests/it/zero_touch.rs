//! Zero touch as its documentation tells it, where no other module does: removal, configuration, names, status.

use std::path::Path;
use std::time::Duration;

use evercert_adc::admin;
use evercert_adc::config::{ConsoleLink, Polling};
use serde_json::Value as Json;

use crate::authority::{ItemSpec, TestCa};
use crate::client::Tls;
use crate::console::FakeConsole;
use crate::world::{Setup, within};

/// One row of NITRO, as the owner of the status socket reads it.
async fn row(dir: &Path, kind: &str) -> Json {
    let path = format!("/nitro/v1/config/{kind}");
    let mut answer = admin::query(&dir.join("state"), &path).await.unwrap();
    answer[kind].take()
}

#[tokio::test]
async fn the_console_is_polled_every_ten_minutes_unless_told_otherwise() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let console = FakeConsole::start().await;
        let mut setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .console(&console);
        let link = setup.console.as_mut().unwrap();
        assert_eq!(link.poll_interval, Duration::from_secs(600));
        assert_eq!(
            ConsoleLink::new("https://c", None).poll_interval,
            link.poll_interval
        );
        link.polling = Polling::Plain;
        let adc = setup.start().await;

        let status = adc
            .until("the next poll is planned", |status| {
                let zero_touch = &status.zero_touch;
                zero_touch.next_poll_at.is_some() && zero_touch.last_success_at.is_some()
            })
            .await;

        let (last, next) = (
            status.zero_touch.last_poll_at,
            status.zero_touch.next_poll_at,
        );
        let pause = next.unwrap().duration_since(last.unwrap()).as_secs();
        // Instances do not all ask at the same moment.
        assert!((470..=730).contains(&pause), "{pause}");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_store_does_not_have_is_removed_here() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let [kept, gone] = ["kept.example", "gone.example"].map(|n| ca.item(&ItemSpec::new(n)));
        console.put([kept.clone(), gone.clone()], ca.chains());
        let setup = Setup::new(dir.path()).vserver("v", "SSL", &[]);
        let adc = setup.console(&console).start().await;
        adc.active(2).await;
        let addr = adc.addr("v");
        assert_eq!(
            Tls::plain().leaf(addr, "gone.example").await,
            gone.fingerprint
        );

        let revision = console.remove([gone.id]);
        let status = adc.at_revision(revision).await;

        assert_eq!(status.zero_touch.counts.held, 1);
        Tls::plain().look(addr, "gone.example").await.unwrap_err();
        assert_eq!(
            Tls::plain().leaf(addr, "kept.example").await,
            kept.fingerprint
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn zero_touch_certificates_are_in_no_configuration() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        console.put([ca.item(&ItemSpec::new("zt.example"))], ca.chains());
        let setup = Setup::new(dir.path()).vserver("v", "SSL", &[]);
        let adc = setup.console(&console).start().await;
        adc.active(1).await;

        let running = row(dir.path(), "nsrunningconfig").await.to_string();
        let certkeys = row(dir.path(), "sslcertkey").await.to_string();

        assert!(running.contains("add lb vserver v SSL"), "{running}");
        for text in [running, certkeys] {
            assert!(!text.contains("zt.example"), "{text}");
        }
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn no_sni_switch_is_needed() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let item = ca.item(&ItemSpec::new("a.example"));
        console.put([item.clone()], ca.chains());
        let setup = Setup::new(dir.path())
            .vserver("v", "SSL", &[])
            .conf("set ssl vserver v -SNIEnable DISABLED");
        let adc = setup.console(&console).start().await;
        adc.active(1).await;

        let leaf = Tls::plain().leaf(adc.addr("v"), "a.example").await;

        assert_eq!(leaf, item.fingerprint);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_used_again_is_the_new_certificate() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let first = ca.item(&ItemSpec::new("a.example"));
        console.put([first.clone()], ca.chains());
        let setup = Setup::new(dir.path()).vserver("v", "SSL", &[]);
        let adc = setup.console(&console).start().await;
        adc.active(1).await;
        let addr = adc.addr("v");

        // Another certificate under the same name, at once with the removal of the first.
        let second = ca.item(&ItemSpec::new("a.example"));
        assert_eq!(first.name, second.name);
        console.put([second.clone()], ca.chains());
        let revision = console.remove([first.id]);
        adc.at_revision(revision).await;
        assert_eq!(
            Tls::plain().leaf(addr, "a.example").await,
            second.fingerprint
        );

        // The same item with the same number of its generation, and other contents.
        let mut third = ca.item(&ItemSpec::new("a.example"));
        third.id = second.id;
        let revision = console.put([third.clone()], ca.chains());
        adc.at_revision(revision).await;
        assert_eq!(
            Tls::plain().leaf(addr, "a.example").await,
            third.fingerprint
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_status_command_tells_where_the_console_and_each_certificate_are() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        let item = ca.item(&ItemSpec::new("a.example *.b.example"));
        let revision = console.put([item.clone()], ca.chains());
        let setup = Setup::new(dir.path()).vserver("v", "SSL", &[]);
        let adc = setup.console(&console).start().await;
        adc.at_revision(revision).await;
        Tls::plain().leaf(adc.addr("v"), "a.example").await;

        adc.run("set ssl zeroTouchParam -ocspCacheTimeout 30").await;
        let shown = row(dir.path(), "sslzerotouchparam").await;

        for (field, value) in [
            ("zerotouch", "ENABLED"),
            ("state", "In sync"),
            ("admconnectivitystatus", "Connected"),
            ("httpstatuscode", "200"),
            ("ocspcachetimeout", "30"),
            ("ocspusenonce", "ENABLED"),
            ("ocsphttpmethod", "POST"),
        ] {
            assert_eq!(shown[field], value, "{field} of {shown}");
        }
        assert!(
            console
                .url()
                .ends_with(shown["remoteserverip"].as_str().unwrap())
        );
        assert!(shown["requesttimestamp"].as_str().unwrap().ends_with("GMT"));
        assert_eq!(
            (&shown["revision"], &shown["held"], &shown["names"]),
            (&revision.into(), &1.into(), &2.into())
        );
        let certificate = &shown["sslzerotouchparam_sslzerotouchcert_binding"][0];
        assert_eq!(certificate["fingerprint"], item.fingerprint.to_string());
        assert_eq!(certificate["handshakes"], 1);

        console.stop();
        adc.until("the Console is missed", |status| {
            status.zero_touch.detail.is_some()
        })
        .await;
        let shown = row(dir.path(), "sslzerotouchparam").await;
        assert_eq!(shown["admconnectivitystatus"], "Unreachable");
        assert!(shown["remedy"].is_string(), "{shown}");
        adc.stop().await;
    })
    .await;
}
