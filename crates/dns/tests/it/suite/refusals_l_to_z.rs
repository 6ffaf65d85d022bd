//! What refusals mean, for the services from l to z: codes and words as they are documented, or were seen by others.

use evercert_dns::Fault;

use super::services::ALL;
use super::world::{Mishap, Reply, To, World};
use super::{FIRST, Scene, target};

/// A refusal of one service, and what it is to be told as.
struct Refusal {
    code: &'static str,
    to: To,
    status: u16,
    body: &'static str,
    fault: Fault,
    /// Whether it may pass by itself.
    passes: bool,
    /// What must be read in the message or the remedy.
    says: &'static str,
}

const fn passing(
    code: &'static str,
    to: To,
    status: u16,
    body: &'static str,
    says: &'static str,
) -> Refusal {
    Refusal {
        code,
        to,
        status,
        body,
        fault: Fault::Provider,
        passes: true,
        says,
    }
}

const fn lasting(
    code: &'static str,
    status: u16,
    body: &'static str,
    fault: Fault,
    says: &'static str,
) -> Refusal {
    Refusal {
        code,
        to: To::AnyRequest,
        status,
        body,
        fault,
        passes: false,
        says,
    }
}

const REFUSALS: &[Refusal] = &[
    lasting(
        "linode_v4",
        401,
        r#"{"errors":[{"reason":"Your OAuth token is not authorized to use this endpoint."}]}"#,
        Fault::Permission,
        "domains:read_write",
    ),
    lasting(
        "linode_v4",
        401,
        r#"{"errors":[{"reason":"Invalid Token"}]}"#,
        Fault::Credentials,
        "Invalid Token",
    ),
    passing(
        "loopia",
        To::AnyChange,
        200,
        "<methodResponse><params><param><value><string>RATE_LIMITED</string></value></param></params></methodResponse>",
        "RATE_LIMITED",
    ),
    lasting(
        "loopia",
        200,
        "<methodResponse><params><param><value><array><data><value><string>AUTH_ERROR</string></value></data></array></value></param></params></methodResponse>",
        Fault::Credentials,
        "AUTH_ERROR",
    ),
    lasting(
        "loopia",
        200,
        "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>623</int></value></member><member><name>faultString</name><value><string>You are not allowed to call this method</string></value></member></struct></value></fault></methodResponse>",
        Fault::Permission,
        "not allowed",
    ),
    passing(
        "me",
        To::AnyChange,
        400,
        r#"{"error":["Rate limit exceeded"]}"#,
        "Rate limit exceeded",
    ),
    lasting(
        "me",
        400,
        r#"{error: ["Request sent with date header too far out of sync.  Difference in times is -37706, header value is 1481561931000"]}"#,
        Fault::Clock,
        "out of sync",
    ),
    lasting(
        "miab",
        401,
        "missing-totp-token\n",
        Fault::Credentials,
        "otp_secret",
    ),
    lasting(
        "miab",
        401,
        "You are not an administrator.\n",
        Fault::Permission,
        "administrator",
    ),
    lasting(
        "namecheap",
        200,
        r#"<ApiResponse Status="ERROR"><Errors><Error Number="1011150">Invalid request IP: 192.0.2.9</Error></Errors></ApiResponse>"#,
        Fault::Permission,
        "192.0.2.9",
    ),
    lasting(
        "namecheap",
        200,
        r#"<ApiResponse Status="ERROR"><Errors><Error Number="2030166">Edit permission for domain is not supported</Error></Errors></ApiResponse>"#,
        Fault::Permission,
        "Edit permission",
    ),
    passing(
        "namecheap",
        To::AnyRequest,
        200,
        r#"<ApiResponse Status="ERROR"><Errors><Error Number="500000">Too many requests</Error></Errors></ApiResponse>"#,
        "Too many requests",
    ),
    lasting(
        "namecom",
        403,
        r#"{"message":"Permission Denied"}"#,
        Fault::Credentials,
        "two-step",
    ),
    lasting(
        "namesilo",
        200,
        "<namesilo><reply><code>113</code><detail>This API account cannot be accessed from your IP</detail></reply></namesilo>",
        Fault::Permission,
        "allow the Console's address",
    ),
    passing(
        "netcup",
        To::AnyRequest,
        200,
        r#"{"status":"error","statuscode":4013,"shortmessage":"Validation Error.","longmessage":"More than 180 requests per minute. Please wait and retry later.","responsedata":""}"#,
        "check these if it stays",
    ),
    lasting(
        "netcup",
        200,
        r#"{"status":"error","statuscode":4003,"shortmessage":"Api key invalid","longmessage":"","responsedata":""}"#,
        Fault::Credentials,
        "4003",
    ),
    lasting(
        "nic",
        400,
        r#"{"error":"invalid_client","error_description":"no such application"}"#,
        Fault::Credentials,
        "no such application",
    ),
    lasting(
        "openprovider",
        401,
        r#"{"code":196,"desc":"Authentication/Authorization Failed","data":{}}"#,
        Fault::Credentials,
        "API access",
    ),
    lasting(
        "pleskxml",
        200,
        "<packet><system><status>error</status><errcode>11003</errcode><errtext>Access to API is denied from this address</errtext></system></packet>",
        Fault::Permission,
        "11003",
    ),
    lasting(
        "regru",
        200,
        r#"{"result":"error","error_code":"ACCESS_DENIED_FROM_IP","error_text":"Access to API from this IP denied"}"#,
        Fault::Permission,
        "allow the Console's address",
    ),
    passing(
        "regru",
        To::AnyRequest,
        200,
        r#"{"result":"error","error_code":"IP_EXCEEDED_ALLOWED_CONNECTION_RATE","error_text":"Too many"}"#,
        "EXCEEDED",
    ),
    lasting(
        "schlundtech",
        200,
        "<response><result><msg><text>Parser error.</text><code>EF00000</code><type>error</type></msg><status><code>E0205</code><type>error</type></status></result></response>",
        Fault::Provider,
        "Parser error",
    ),
    lasting(
        "ultra",
        400,
        r#"[{"errorCode":60001,"errorMessage":"invalid_grant:token not found, expired or invalid"}]"#,
        Fault::Credentials,
        "60001",
    ),
    lasting(
        "vultr",
        401,
        r#"{"error":"Unauthorized IP address: 192.0.2.9","status":401}"#,
        Fault::Permission,
        "access control",
    ),
];

#[tokio::test]
async fn refusals_are_told_as_what_they_mean() {
    let mut wrong = Vec::new();
    for refusal in REFUSALS {
        let service = ALL.iter().find(|service| service.code == refusal.code);
        let scene = Scene::new(*service.unwrap()).await;
        let provider = scene.provider();
        let reply = Reply {
            status: refusal.status,
            headers: Vec::new(),
            body: refusal.body.to_owned(),
        };
        // Each parent of the name may be asked for, and once more where a session could be over.
        for _ in 0..6 {
            let mishap = Mishap::Answer(reply.clone());
            scene.running.mishap(refusal.to, mishap);
        }
        let Err(error) = provider.add(&target(FIRST)).await else {
            wrong.push(format!("{}: {} passed", refusal.code, refusal.says));
            continue;
        };
        let told = format!("{error} {}", error.remedy());
        let is_told = (error.fault(), error.is_retryable()) == (refusal.fault, refusal.passes);
        if !is_told || !told.contains(refusal.says) {
            wrong.push(format!("{}: {:?} {told}", refusal.code, error.fault()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The one service with that code.
async fn scene(code: &str) -> Scene {
    let service = ALL.iter().find(|service| service.code == code);
    Scene::new(*service.unwrap()).await
}

#[tokio::test]
async fn netcup_is_asked_for_the_registered_domain_only() {
    let scene = scene("netcup").await;
    scene.provider().add(&target(FIRST)).await.unwrap();

    let domains = |world: &World| -> Vec<String> {
        let asked = world.asked.iter().map(|asked| asked.json());
        let domains = asked.map(|json| json["param"]["domainname"].clone());
        domains
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    };
    let domains = domains(&scene.running.world());
    assert!(
        domains.iter().all(|name| name == "example.com"),
        "{domains:?}"
    );
    let elsewhere = evercert_dns::TxtTarget::new("_acme-challenge.example.org", FIRST);
    let error = scene.provider().add(&elsewhere).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Zone, "{error}");
}

#[tokio::test]
async fn namecheap_is_told_the_address_that_a_page_tells() {
    let scene = scene("namecheap").await;
    let page = axum::Router::new()
        .route("/ip", axum::routing::get(|| async { "192.0.2.7\n" }))
        .route("/words", axum::routing::get(|| async { "who asks?" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, page).await.unwrap() });
    let with = |place: &str| {
        let address = format!("{url}/{place}");
        let user = [("user", "anna"), ("key", "right-key")];
        scene.provider_with(&[user[0], user[1], ("client_ip", &address)])
    };

    with("ip").add(&target(FIRST)).await.unwrap();
    assert_eq!(scene.ours(super::NAME), [FIRST]);
    let error = with("words").check(None).await.unwrap_err();
    assert!(error.to_string().contains("tells no IPv4"), "{error}");
}

#[tokio::test]
async fn opnsense_tells_what_it_does_not_take_and_that_a_change_is_not_live() {
    let scene = scene("opnsense").await;
    let refused = r#"{"result":"failed","validations":{"record.name":"Only letters are allowed"}}"#;
    scene
        .running
        .mishap(To::AnyChange, super::answer(200, refused));
    let error = scene.provider().add(&target(FIRST)).await.unwrap_err();
    assert!(error.to_string().contains("Only letters"), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn regru_hides_the_error_of_a_domain_within_a_success() {
    let scene = scene("regru").await;
    let hidden = r#"{"result":"success","answer":{"domains":[{"dname":"example.com","result":"error","error_code":"DOMAIN_NOT_FOUND","error_text":"Domain not found"}]}}"#;
    scene
        .running
        .mishap(To::AnyChange, super::answer(200, hidden));
    let error = scene.provider().add(&target(FIRST)).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Zone, "{error}");
    assert!(scene.ours(super::NAME).is_empty());
}
