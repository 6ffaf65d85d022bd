//! Route 53 as moto plays it, and the ways to its keys that need servers of their own.

use std::sync::Arc;

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, put};
use axum::{Json, Router};
use evercert_dns::{Provider, Settings, TxtTarget};
use evercert_testkit::{Moto, start_or_skip};
use serde_json::json;

use crate::harness::{FIRST, NAME, SECOND};

/// moto finds the service in the scope, and looks no further.
const SCOPE: &str = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=x";

fn provider(url: &str, pairs: &[(&str, &str)]) -> Arc<dyn Provider> {
    let pairs = pairs.iter().copied().chain([("base_url", url)]);
    let settings: Settings = pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
        .collect();
    evercert_dns::build("aws", &settings).unwrap()
}

const KEYS: [(&str, &str); 2] = [("access_key_id", "AKID"), ("secret_access_key", "secret")];

async fn ask(url: String, method: reqwest::Method, body: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .request(method, url)
        .header("authorization", SCOPE)
        .body(body.to_owned());
    request.send().await.unwrap().text().await.unwrap()
}

async fn create_zone(moto: &Moto, name: &str, is_private: bool) {
    let config =
        format!("<HostedZoneConfig><PrivateZone>{is_private}</PrivateZone></HostedZoneConfig>");
    let vpc = if is_private {
        "<VPC><VPCRegion>us-east-1</VPCRegion><VPCId>vpc-1</VPCId></VPC>"
    } else {
        ""
    };
    let body = format!(
        "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}.</Name>{vpc}<CallerReference>{name}{is_private}</CallerReference>{config}</CreateHostedZoneRequest>"
    );
    let answer = ask(
        format!("{}/2013-04-01/hostedzone", moto.url()),
        reqwest::Method::POST,
        &body,
    )
    .await;
    assert!(answer.contains("<Id>"), "{answer}");
}

#[tokio::test]
async fn route_53_by_moto_keeps_values_one_by_one() {
    let moto = start_or_skip!(Moto::start().await);
    create_zone(&moto, "example.org", true).await;
    create_zone(&moto, "example.org", false).await;
    create_zone(&moto, "org.example", false).await;
    let provider = provider(&moto.url(), &KEYS);

    provider.check(Some(NAME)).await.unwrap();
    let receipt = provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    assert_eq!(
        (receipt.zone.as_str(), receipt.created),
        ("example.org", true)
    );
    assert!(
        !provider
            .add(&TxtTarget::new(NAME, FIRST))
            .await
            .unwrap()
            .created
    );
    provider.add(&TxtTarget::new(NAME, SECOND)).await.unwrap();
    let again = provider.add(&TxtTarget::new(NAME, SECOND)).await.unwrap();
    assert!(!again.created);
    provider
        .remove(&TxtTarget::new(NAME, FIRST), Some(&receipt))
        .await
        .unwrap();
    assert!(
        !provider
            .add(&TxtTarget::new(NAME, SECOND))
            .await
            .unwrap()
            .created
    );
    provider
        .remove(&TxtTarget::new(NAME, SECOND), None)
        .await
        .unwrap();
    assert!(
        provider
            .add(&TxtTarget::new(NAME, SECOND))
            .await
            .unwrap()
            .created
    );
    let error = provider
        .add(&TxtTarget::new("_acme-challenge.example.net", FIRST))
        .await
        .unwrap_err();
    assert_eq!(error.fault(), evercert_dns::Fault::Zone, "{error}");
}

/// A metadata service, a token service and a Route 53 that shows by which key it was asked.
async fn cloud() -> String {
    async fn token(headers: HeaderMap) -> (StatusCode, &'static str) {
        match headers.contains_key("x-aws-ec2-metadata-token-ttl-seconds") {
            true => (StatusCode::OK, "metadata-token"),
            false => (StatusCode::BAD_REQUEST, ""),
        }
    }
    let known = |headers: &HeaderMap| {
        headers
            .get("x-aws-ec2-metadata-token")
            .is_some_and(|token| token == "metadata-token")
    };
    let roles =
        get(async move |headers: HeaderMap| if known(&headers) { "dns-role\n" } else { "" });
    let role = get(async move |Path(role): Path<String>, headers: HeaderMap| {
        assert!(known(&headers) && role == "dns-role");
        Json(
            json!({"Code": "Success", "AccessKeyId": "ASIAINSTANCE", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}),
        )
    });
    let sts = get(
        async |Query(query): Query<std::collections::BTreeMap<String, String>>,
               headers: HeaderMap| {
            assert_eq!(
                (
                    query["Action"].as_str(),
                    query["RoleArn"].as_str(),
                    query["ExternalId"].as_str()
                ),
                ("AssumeRole", "arn:aws:iam::1:role/dns", "ext")
            );
            let authorization = headers["authorization"].to_str().unwrap();
            assert!(
                authorization.contains("Credential=ASIAINSTANCE/")
                    && authorization.contains("/us-east-1/sts/aws4_request"),
                "{authorization}"
            );
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s2</SecretAccessKey>\
         <SessionToken>t2</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        },
    );
    let route53 = get(async |headers: HeaderMap| {
        let authorization = headers["authorization"].to_str().unwrap().to_owned();
        let token = headers["x-amz-security-token"].to_str().unwrap().to_owned();
        let by = if authorization.contains("ASIAROLE/") && token == "t2" {
            "role"
        } else {
            "instance"
        };
        assert!(
            authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"),
            "{authorization}"
        );
        format!(
            "<R><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>{by}.example.</Name></HostedZone></HostedZones></R>"
        )
    });
    let app = Router::new()
        .route("/latest/api/token", put(token))
        .route("/latest/meta-data/iam/security-credentials/", roles)
        .route("/latest/meta-data/iam/security-credentials/{role}", role)
        .route("/", sts)
        .route("/2013-04-01/hostedzonesbyname", route53);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test]
async fn keys_come_from_the_instance_and_roles_are_taken_with_them() {
    let url = cloud().await;
    let instance = [("source", "instance"), ("metadata_url", url.as_str())];
    provider(&url, &instance).check(None).await.unwrap();
    let role = [
        ("role_arn", "arn:aws:iam::1:role/dns"),
        ("external_id", "ext"),
        ("sts_url", url.as_str()),
    ];
    let pairs: Vec<(&str, &str)> = instance.into_iter().chain(role).collect();
    // Only who asks with the role's key is shown a zone of that name.
    let error = provider(&url, &instance)
        .add(&TxtTarget::new("x.role.example", FIRST))
        .await
        .unwrap_err();
    assert_eq!(error.fault(), evercert_dns::Fault::Zone, "{error}");
    let error = provider(&url, &pairs)
        .add(&TxtTarget::new("x.role.example", FIRST))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("HTTP 404") && error.zone() == Some("role.example"),
        "{error}"
    );
}

#[test]
fn keys_that_are_not_given_are_told() {
    for (pairs, word) in [
        (&[][..], "access_key_id and secret_access_key"),
        (&[("source", "magic")], "none of file, instance, container"),
        (&[("source", "file"), ("credentials_file", "x")], "absolute"),
    ] {
        let pairs = pairs.iter().copied();
        let settings: Settings = pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
            .collect();
        let error = evercert_dns::build("aws", &settings).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}
