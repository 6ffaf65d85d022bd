//! Services with room for one value: it is set, replaced and taken away; challenges go one after the other.

use evercert_dns::{Fault, Multi, TxtTarget};

use super::services::text_reply;
use super::world::{Asked, Data, Mishap, Reply, Service, To};
use super::{FIRST, SECOND, Scene, answer};

/// A service, and a name that it can prove.
const ALL: [(Service, &str); 2] = [(DDNSS, "anna.ddnss.de"), (DUCKDNS, "anna.duckdns.org")];

/// DDNSS: a page with a sentence in it.
const DDNSS: Service = Service {
    code: "ddnss",
    settings: &[("key", "right-key")],
    wrong: &[("key", "wrong-key")],
    knows: |_, asked| asked.query("key") == "right-key",
    refuse: || {
        text_reply(
            200,
            &page(
                "<p>Error Occurred While Processing Request :</p><blockquote>- badauth : Die Authorisation ist fehlgeschlagen.</blockquote>",
            ),
        )
    },
    serve: |data, asked| {
        let host = asked.query("host").to_owned();
        if host != "anna.ddnss.de" {
            return text_reply(
                200,
                &page(
                    "<p>Error Occurred While Processing Request :</p><blockquote>- notfqdn : Hostname fehlt oder ist falsch.</blockquote>",
                ),
            );
        }
        match asked.query("txtm") {
            "1" => keep(data, &host, asked.query("txt")),
            "2" => keep(data, &host, ""),
            other => panic!("{other}"),
        }
        text_reply(
            200,
            &page("<p><font face=\"Verdana\" size=\"2\">Updated 1 hostname.</font></p>"),
        )
    },
    changes: |_| true,
    ..Service::PLAIN
};

/// As lego's tests have it.
fn page(inside: &str) -> String {
    format!(
        "<head><meta name=\"robots\" content=\"noindex\"><title>DDNSS - Kostenloser DynDNS Service</title></head><body>{inside}</body>"
    )
}

/// `DuckDNS`: two letters.
const DUCKDNS: Service = Service {
    code: "duckdns",
    settings: &[("token", "right-token")],
    wrong: &[("token", "wrong-token")],
    knows: |_, asked| asked.query("token") == "right-token",
    refuse: || text_reply(200, "KO"),
    serve: duckdns,
    changes: |_| true,
    ..Service::PLAIN
};

fn duckdns(data: &mut Data, asked: &Asked) -> Reply {
    if asked.path != "/update" || asked.query("domains") != "anna" {
        return text_reply(200, "KO");
    }
    let value = match asked.query("clear") {
        "true" => "",
        _ => asked.query("txt"),
    };
    keep(data, "anna.duckdns.org", value);
    text_reply(200, "OK")
}

fn keep(data: &mut Data, host: &str, value: &str) {
    data.replace(host, &[]);
    if !value.is_empty() {
        data.add(host, value);
    }
}

async fn each(case: impl AsyncFn(&mut Scene, &str)) {
    for (service, host) in ALL {
        let mut scene = Scene::new(service).await;
        case(&mut scene, host).await;
        scene.nobody_else_was_touched();
    }
}

fn target(host: &str, value: &str) -> TxtTarget {
    TxtTarget::new(&format!("_acme-challenge.{host}"), value)
}

#[tokio::test]
async fn the_one_value_is_set_replaced_and_taken_away() {
    each(async |scene, host| {
        let provider = scene.provider();
        assert_eq!(provider.caps().multi, Multi::Single);
        provider.add(&target(host, FIRST)).await.unwrap();
        provider.add(&target(host, FIRST)).await.unwrap();
        assert_eq!(scene.running.values(host), [FIRST]);
        provider.add(&target(host, SECOND)).await.unwrap();
        assert_eq!(scene.running.values(host), [SECOND]);
        scene
            .provider()
            .remove(&target(host, SECOND), None)
            .await
            .unwrap();
        assert!(scene.running.values(host).is_empty());
        scene
            .provider()
            .remove(&target(host, SECOND), None)
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_service_with_one_value_tells_what_is_wrong() {
    each(async |scene, host| {
        let provider = scene.provider_with(scene.service.wrong);
        let error = provider.add(&target(host, FIRST)).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Credentials, "{error}");
        assert!(
            !error.is_retryable() && !format!("{error:?}").contains("wrong-"),
            "{error:?}"
        );
        assert_eq!(scene.running.world().asked.len(), 1);

        let elsewhere = scene.provider().add(&target("example.com", FIRST)).await;
        let error = elsewhere.unwrap_err();
        assert_eq!(error.fault(), Fault::Zone, "{error}");

        for (mishap, word) in [
            (answer(500, "oops"), "HTTP 500"),
            (
                answer(200, "<html>Sign in</html>"),
                "is not what this service answers",
            ),
        ] {
            scene.running.mishap(To::AnyRequest, mishap);
            let error = scene
                .provider()
                .add(&target(host, FIRST))
                .await
                .unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert!(scene.running.values(host).is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_service_with_one_value_is_asked_again_when_busy_and_after_a_lost_answer() {
    each(async |scene, host| {
        let wait = Reply {
            status: 429,
            headers: vec![("retry-after".to_owned(), "1".to_owned())],
            body: String::new(),
        };
        scene.running.mishap(To::AnyRequest, Mishap::Answer(wait));
        let provider = scene.provider();
        provider.add(&target(host, FIRST)).await.unwrap();
        scene.running.mishap(To::AnyChange, Mishap::LostAnswer);
        if let Err(error) = provider.add(&target(host, SECOND)).await {
            assert!(error.is_retryable(), "{error}");
            provider.add(&target(host, SECOND)).await.unwrap();
        }
        assert_eq!(scene.running.values(host), [SECOND]);
        for _ in 0..3 {
            let hang = Mishap::Hang(std::time::Duration::from_secs(5));
            scene.running.mishap(To::AnyRequest, hang);
        }
        let error = scene.hasty().add(&target(host, FIRST)).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Network, "{error}");
    })
    .await;
}
