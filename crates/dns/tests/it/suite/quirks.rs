//! What single services do differently, and what must come of it: answers as their users reported them.

use std::time::Duration;

use evercert_dns::{DnsError, Fault, Settings, TxtTarget};

use super::services::ALL;
use super::world::{Mishap, Reply, Service, To};
use super::{FIRST, NAME, Scene, answer, target};

async fn scene(code: &str) -> Scene {
    let service: &Service = ALL.iter().find(|service| service.code == code).unwrap();
    Scene::new(*service).await
}

/// The error of publishing a value when the service answers so once.
async fn told(code: &str, to: To, status: u16, body: &str) -> DnsError {
    let scene = scene(code).await;
    scene.running.mishap(to, answer(status, body));
    let added = scene.provider().add(&target(FIRST)).await;
    added.expect_err(&format!("{code}: {body}"))
}

#[tokio::test]
async fn answers_that_say_why_are_understood() {
    use Fault::{Clock, Credentials, Permission, Provider, Zone};
    use To::{AnyChange, AnyRequest};
    for (code, to, status, body, fault, remedy) in [
        (
            "cf",
            AnyChange,
            403,
            r#"{"success":false,"errors":[{"code":9109,"message":"Unauthorized to access requested resource"}]}"#,
            Permission,
            "edit DNS",
        ),
        (
            "cf",
            AnyChange,
            403,
            r#"{"success":false,"errors":[{"code":9109,"message":"Cannot use the access token from location: 203.0.113.1"}]}"#,
            Permission,
            "addresses",
        ),
        (
            "cf",
            AnyRequest,
            400,
            r#"{"success":false,"errors":[{"code":6003,"message":"Invalid request headers","error_chain":[{"code":6111,"message":"Invalid format for Authorization header"}]}]}"#,
            Credentials,
            "",
        ),
        (
            "gd",
            AnyChange,
            403,
            r#"{"code":"ACCESS_DENIED","message":"Authenticated user is not allowed access"}"#,
            Permission,
            "10 or more domains",
        ),
        (
            "gdv3",
            AnyChange,
            403,
            r#"{"name":"FORBIDDEN","correlationId":"9f1c2e7a","message":"missing scope domains.dns:update"}"#,
            Permission,
            "domains.dns:update",
        ),
        (
            "freedns",
            AnyChange,
            200,
            "<table><tr><td bgcolor=\"#eeeeee\">Creation of records beginning with '_' are presently restricted to the domain owner only by default</td></tr></table>",
            Zone,
            "domain of your own",
        ),
        (
            "freedns",
            AnyChange,
            200,
            "<table><tr><td bgcolor=\"#eeeeee\">You already have another already existent CNAME record.</td></tr></table>",
            Provider,
            "",
        ),
        (
            "dp",
            AnyChange,
            200,
            r#"{"status":{"code":"85","message":"Account is not allowed from here"}}"#,
            Permission,
            "places",
        ),
        (
            "dreamhost",
            AnyChange,
            200,
            r#"{"result":"error","data":"not_editable"}"#,
            Permission,
            "",
        ),
        (
            "aws",
            AnyRequest,
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>Signature expired: 20261121T100000Z is now earlier than 20261121T110000Z (20261121T111500Z - 15 min.)</Message></Error></ErrorResponse>",
            Clock,
            "",
        ),
        (
            "azure",
            AnyChange,
            409,
            r#"{"error":{"code":"ScopeLocked","message":"The scope cannot perform delete operation because following scope(s) are locked."}}"#,
            Permission,
            "lock",
        ),
        (
            "gcloud",
            AnyRequest,
            400,
            r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}"#,
            Clock,
            "",
        ),
        (
            "da",
            AnyRequest,
            200,
            "<html><head><title>DirectAdmin Login</title></head><body>Please enter your Username and Password</body></html>",
            Credentials,
            "",
        ),
    ] {
        let error = told(code, to, status, body).await;
        assert_eq!(error.fault(), fault, "{code}: {error}");
        assert!(
            error.remedy().contains(remedy),
            "{code}: {}",
            error.remedy()
        );
        assert!(!error.is_retryable() || fault == Clock, "{code}: {error}");
    }
}

#[tokio::test]
async fn a_name_that_one_may_not_ask_for_has_parents() {
    let denied = r#"{"code":"ACCESS_DENIED","message":"Authenticated user is not allowed access"}"#;
    let scene = scene("gd").await;
    for _ in 0..2 {
        scene.running.mishap(To::AnyRequest, answer(403, denied));
    }
    let receipt = scene.provider().add(&target(FIRST)).await.unwrap();
    assert_eq!(receipt.zone, "example.com");

    for _ in 0..3 {
        scene.running.mishap(To::AnyRequest, answer(403, denied));
    }
    let error = scene.provider().add(&target(FIRST)).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Permission, "{error}");
    assert!(error.remedy().contains("10 or more"), "{}", error.remedy());
}

#[tokio::test]
async fn a_wrong_second_factor_is_thought_of() {
    let scene = scene("inwx").await;
    let provider = scene.provider_with(scene.service.wrong);
    let error = provider.check(None).await.unwrap_err();
    assert!(
        error.remedy().contains("second factor"),
        "{}",
        error.remedy()
    );
}

#[tokio::test]
async fn a_subscription_that_is_not_there_is_no_missing_zone() {
    let scene = scene("azure").await;
    let provider = scene.provider();
    provider.check(None).await.unwrap();
    let body = r#"{"error":{"code":"SubscriptionNotFound","message":"The subscription 'sub-1' could not be found."}}"#;
    scene.running.mishap(To::AnyRequest, answer(404, body));
    let error = provider.add(&target(FIRST)).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Configuration, "{error}");
    assert!(error.remedy().contains("subscription_id"));
}

#[tokio::test]
async fn an_application_that_may_list_nothing_is_told_the_zone() {
    let scene = scene("azure").await;
    let own = scene.service.settings.iter().copied();
    let place = [("resource_group", "rg"), ("zone", "example.com")];
    let settings: Vec<(&str, &str)> = own.clone().chain(place).collect();
    let provider = scene.provider_with(&settings);
    provider.check(None).await.unwrap();
    provider.add(&target(FIRST)).await.unwrap();
    assert_eq!(scene.ours(NAME), [FIRST]);
    let listed = |scene: &Scene| {
        let world = scene.running.world();
        let lists = world
            .asked
            .iter()
            .filter(|asked| asked.path.ends_with("/dnszones"));
        lists.map(|asked| asked.path.clone()).collect::<Vec<_>>()
    };
    assert!(listed(&scene).is_empty());
    let elsewhere = TxtTarget::new("_acme-challenge.example.co.uk", FIRST);
    let error = provider.add(&elsewhere).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Zone, "{error}");

    let settings: Vec<(&str, &str)> = own.chain([place[0]]).collect();
    let provider = scene.provider_with(&settings);
    provider.remove(&target(FIRST), None).await.unwrap();
    assert!(scene.ours(NAME).is_empty());
    assert!(
        listed(&scene)
            .iter()
            .all(|path| path.contains("/resourceGroups/rg/"))
    );
}

#[tokio::test]
async fn what_another_was_faster_with_is_read_again() {
    let overtaken = [
        (
            "gcloud",
            404,
            r#"{"error":{"code":404,"message":"The 'entity.change.deletions[0]' resource named 'x (TXT)' does not exist."}}"#,
        ),
        (
            "gcloud",
            409,
            r#"{"error":{"code":409,"message":"The resource 'entity.change.additions[0]' named 'x (TXT)' already exists"}}"#,
        ),
        (
            "azure",
            412,
            r#"{"error":{"code":"PreconditionFailed","message":"The condition is not met."}}"#,
        ),
    ];
    for (code, status, body) in overtaken {
        let scene = scene(code).await;
        scene.running.mishap(To::AnyChange, answer(status, body));
        let provider = scene.provider();
        assert!(
            provider.add(&target(FIRST)).await.unwrap().created,
            "{code}"
        );
        assert_eq!(scene.ours(NAME), [FIRST], "{code}");
        scene.nobody_else_was_touched();
    }
}

#[tokio::test]
async fn what_is_refused_because_it_is_there_is_done() {
    let refusals = [
        (
            "autodns",
            422,
            r#"{"messages":[{"text":"entered twice","code":"EF02022","status":"ERROR"}],"status":{"code":"E0202002","type":"ERROR"}}"#,
        ),
        (
            "inwx",
            200,
            r#"{"code":2302,"msg":"Object exists","reasonCode":"x"}"#,
        ),
        (
            "cf",
            400,
            r#"{"success":false,"errors":[{"code":81058,"message":"An identical record already exists."}]}"#,
        ),
    ];
    for (code, status, body) in refusals {
        let scene = scene(code).await;
        scene.running.mishap(To::AnyChange, answer(status, body));
        let receipt = scene.provider().add(&target(FIRST)).await.unwrap();
        assert!(!receipt.created, "{code}");
    }
}

#[tokio::test]
async fn a_long_throttling_is_told_with_its_time() {
    let scene = scene("desec").await;
    let throttled = Reply {
        status: 429,
        headers: vec![("retry-after".to_owned(), "900".to_owned())],
        body: r#"{"detail":"Request was throttled. Expected available in 900 seconds."}"#
            .to_owned(),
    };
    scene
        .running
        .mishap(To::AnyChange, Mishap::Answer(throttled));
    let error = scene.provider().add(&target(FIRST)).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(900)));
    assert!(error.to_string().contains("900 seconds"), "{error}");
}

#[tokio::test]
async fn a_ttl_that_the_service_does_not_take_becomes_the_next_one() {
    let fresh = TxtTarget::new("_acme-challenge.new.example.com", FIRST);
    for (code, asked, sent) in [
        ("cf", "30", 60),
        ("cloudns", "100", 300),
        ("desec", "60", 3600),
        ("dgon", "5", 30),
        ("gandi_livedns", "60", 300),
        ("gd", "60", 600),
        ("he", "60", 300),
    ] {
        let scene = scene(code).await;
        let own = scene.service.settings.iter().copied();
        let settings: Vec<(&str, &str)> = own.chain([("ttl", asked)]).collect();
        scene.provider_with(&settings).add(&fresh).await.unwrap();
        let least = scene.running.world().data.least_ttl;
        assert_eq!(least, Some(sent), "{code}");
    }
}

#[tokio::test]
async fn the_other_kind_of_credentials_works_too() {
    for (code, settings) in [
        (
            "cloudns",
            [("sub_auth_id", "88"), ("password", "right-password")].as_slice(),
        ),
        (
            "cloudns",
            &[
                ("auth_id", "77"),
                ("sub_auth_id", "88"),
                ("password", "right-password"),
            ],
        ),
        ("gandi_livedns", &[("key", "right-key")]),
    ] {
        let scene = scene(code).await;
        let provider = scene.provider_with(settings);
        provider.add(&target(FIRST)).await.unwrap();
        assert_eq!(scene.ours(NAME), [FIRST], "{code}");
    }
}

#[tokio::test]
async fn a_cloud_domain_has_its_records_at_its_master() {
    let scene = scene("cloudns").await;
    let target = TxtTarget::new("_acme-challenge.cloud.example", FIRST);
    let receipt = scene.provider().add(&target).await.unwrap();
    assert_eq!(receipt.zone, "cloud.example");
    assert_eq!(scene.running.values("_acme-challenge.example.com"), [FIRST]);
    scene.provider().remove(&target, None).await.unwrap();
    assert!(
        scene
            .running
            .values("_acme-challenge.example.com")
            .is_empty()
    );
}

#[test]
fn credentials_that_are_half_given_are_refused_with_the_names() {
    for (code, given) in [
        ("cf", "email"),
        ("cloudns", "password"),
        ("azure", "tenant_id"),
    ] {
        let settings: Settings = [(given.to_owned(), "x".to_owned().into())]
            .into_iter()
            .collect();
        let context = evercert_dns::Context::default();
        let error = evercert_dns::build_with(code, &settings, &context).unwrap_err();
        assert_eq!(error.fault(), Fault::Configuration, "{error}");
    }
}

#[tokio::test]
async fn each_page_of_a_list_is_asked_for_once_and_a_list_without_an_end_is_told() {
    let scene = scene("cf").await;
    scene.running.world().data.page = 1;
    scene.running.world().data.add(NAME, "another-one");
    scene.provider().remove(&target(FIRST), None).await.unwrap();
    let lists = |scene: &Scene| {
        let world = scene.running.world();
        let asked = world.asked.iter();
        asked
            .filter(|asked| asked.path.ends_with("/dns_records"))
            .count()
    };
    assert_eq!(lists(&scene), 2, "two records, a page each");

    for number in 0..200 {
        let mut world = scene.running.world();
        world.data.add(NAME, &format!("one-more-{number}"));
    }
    let error = scene.provider().add(&target(FIRST)).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Provider, "{error}");
    assert!(error.to_string().contains("200 pages"), "{error}");
    assert_eq!(lists(&scene), 2 + 200);
}
