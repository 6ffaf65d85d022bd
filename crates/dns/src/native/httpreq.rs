//! A webhook that changes the DNS, called the way lego calls one (`httpreq`, and `acme-proxy`, which is the same).
//!
//! `POST {endpoint}/present` publishes, `POST {endpoint}/cleanup` withdraws, both with `{"fqdn", "value"}`; any 2xx is
//! success, and the answer's body is not read. Beside what lego does, requests can be signed.

use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use evercert_types::{Secret, SharedClock};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use super::api::{Api, Repeat};
use crate::error::{DnsError, Fault, Step};
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Provider, Receipt, Settings, TxtTarget,
};
use crate::setting::{CA_BUNDLE, Reader};

const CODE: &str = "httpreq";
/// When the request was signed, in Unix seconds.
const TIMESTAMP: &str = "x-evercert-timestamp";
/// `sha256=` and the hexadecimal HMAC-SHA256 of the timestamp, a full stop, and the body.
const SIGNATURE: &str = "x-evercert-signature";
/// Headers that belong to the request itself.
const RESERVED: [&str; 6] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "upgrade",
];

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "Webhook (httpreq)",
    docs: "https://go-acme.github.io/lego/dns/httpreq/",
    least_privilege: Some(
        "An endpoint that takes names beginning with _acme-challenge only.",
    ),
    notes: &[
        "lego's RAW mode (domain, token and key authorization in place of name and value) is not offered: it follows no \
         CNAME, and after a crash nothing could be withdrawn.",
    ],
    fields: &[
        Field::text("base_url", "Endpoint", "URL under which /present and /cleanup are called with a POST of fqdn and value; a path in it is kept.")
            .env(&[], &["HTTPREQ_ENDPOINT", "ACME_PROXY_ENDPOINT"]),
        Field::text("username", "User name", "User name, where the endpoint wants Basic authentication.")
            .optional()
            .env(&[], &["HTTPREQ_USERNAME", "ACME_PROXY_USERNAME"]),
        Field::text("password", "Password", "Password, where the endpoint wants Basic authentication.")
            .optional()
            .secret()
            .env(&[], &["HTTPREQ_PASSWORD", "ACME_PROXY_PASSWORD"]),
        Field::text("token", "Bearer token", "Token, where the endpoint wants one instead.")
            .optional()
            .secret(),
        Field::text("headers", "Headers", "Further headers, Name: value, one a line.")
            .optional()
            .secret(),
        Field::text(
            "hmac_secret",
            "Signature secret",
            "Signs requests: X-Evercert-Signature is sha256= and the hexadecimal HMAC-SHA256 of X-Evercert-Timestamp, a full stop and the body.",
        )
        .optional()
        .secret(),
        CA_BUNDLE,
    ],
    one_of: &[],
    unofficial: false,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    propagation_limit: Duration::from_secs(120),
    propagation_poll: Duration::from_secs(2),
    ..Caps::PLAIN
};

/// Who asks.
#[derive(Debug)]
enum Authentication {
    None,
    Basic(String, Secret<String>),
    Bearer(Secret<String>),
}

#[derive(Debug)]
struct HttpReq {
    api: Api,
    authentication: Authentication,
    headers: HeaderMap,
    signer: Option<Secret<String>>,
    clock: SharedClock,
}

/// In lego's order of keys.
#[derive(Serialize)]
struct Message<'a> {
    fqdn: &'a str,
    value: &'a str,
}

fn build(settings: &Settings, context: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    let base = reader.required("base_url")?;
    let mut api = Api::new(CODE, base, reader.text("ca_bundle"), context)?;
    let authentication = match (
        reader.text("username"),
        reader.secret("password"),
        reader.secret("token"),
    ) {
        (Some(username), Some(password), None) => {
            Authentication::Basic(username.to_owned(), password)
        }
        (None, None, Some(token)) => Authentication::Bearer(token),
        (None, None, None) => Authentication::None,
        (_, _, Some(_)) => {
            return Err(reader.error("give token, or username and password, not both"));
        }
        _ => return Err(reader.error("username and password belong together")),
    };
    let secrets = ["password", "token", "hmac_secret"].map(|key| reader.secret(key));
    api.secrets = secrets.into_iter().flatten().collect();
    let (headers, values) = headers(&reader)?;
    api.secrets.extend(values);
    Ok(Box::new(HttpReq {
        api,
        authentication,
        headers,
        signer: reader.secret("hmac_secret"),
        clock: context.clock.clone(),
    }))
}

/// The further headers, and their values as secrets.
fn headers(reader: &Reader<'_>) -> Result<(HeaderMap, Vec<Secret<String>>), DnsError> {
    let (mut headers, mut secrets) = (HeaderMap::new(), Vec::new());
    let lines = reader.text("headers").unwrap_or_default().lines();
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.trim().is_empty()) {
        let malformed = || reader.error(format!("headers: line {number} is not Name: value"));
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| malformed())?;
        if RESERVED.contains(&name.as_str()) {
            return Err(reader.error(format!("headers: {name} belongs to the request itself")));
        }
        let mut header = HeaderValue::try_from(value.trim()).map_err(|_| malformed())?;
        header.set_sensitive(true);
        headers.append(name, header);
        secrets.push(Secret::new(value.trim().to_owned()));
    }
    Ok((headers, secrets))
}

#[async_trait]
impl Provider for HttpReq {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        self.call(Step::Add, "present", target).await?;
        Ok(Receipt {
            created: true,
            ..Receipt::default()
        })
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        self.call(Step::Remove, "cleanup", target).await
    }

    /// The contract has no call that changes nothing.
    async fn check(&self, _: Option<&str>) -> Result<CheckReport, DnsError> {
        let note = format!(
            "{}/present and /cleanup are called; they were not, since both change something.",
            self.api.base
        );
        Ok(CheckReport {
            zone: None,
            notes: vec![note],
        })
    }

    fn caps(&self) -> Caps {
        CAPS
    }
}

impl HttpReq {
    async fn call(&self, step: Step, action: &str, target: &TxtTarget) -> Result<(), DnsError> {
        let url = format!("{}/{action}", self.api.base);
        let message = Message {
            fqdn: &format!("{}.", target.fqdn),
            value: &target.value,
        };
        let body = serde_json::to_vec(&message).map_err(|error| {
            DnsError::new(CODE, step, Fault::Provider, "the request cannot be written")
                .caused_by(error)
        })?;
        let make = || {
            let mut request = self.api.client.post(&url).headers(self.headers.clone());
            request = request.header("content-type", "application/json");
            request = match &self.authentication {
                Authentication::None => request,
                Authentication::Basic(name, password) => {
                    request.basic_auth(name, Some(password.expose()))
                }
                Authentication::Bearer(token) => request.bearer_auth(token.expose()),
            };
            if let Some(secret) = &self.signer {
                let now = self.clock.now().as_second().to_string();
                let signature = signature(secret, &now, &body);
                request = request.header(TIMESTAMP, now).header(SIGNATURE, signature);
            }
            request.body(body.clone())
        };
        // Both calls do the same a second time.
        let sent = self.api.send(step, Repeat::Always, make).await;
        let reply = sent.map_err(|error| error.at_name(&target.fqdn))?;
        match reply.status.is_success() {
            true => Ok(()),
            false => Err(self
                .api
                .refused(step, &reply, &reply.text())
                .at_name(&target.fqdn)),
        }
    }
}

/// Over the time too, so that a request that was overheard is of no use later.
fn signature(secret: &Secret<String>, time: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(time.as_bytes());
    context.update(b".");
    context.update(body);
    let hex = |byte: &u8| format!("{byte:02x}");
    let digits: String = context.sign().as_ref().iter().map(hex).collect();
    format!("sha256={digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_openssl() {
        // printf '1700000000.{"fqdn":"a.","value":"v"}' | openssl dgst -sha256 -hmac secret
        let secret = Secret::new("secret".to_owned());
        let signed = signature(&secret, "1700000000", br#"{"fqdn":"a.","value":"v"}"#);
        assert_eq!(
            signed,
            "sha256=1bbd5eb4e133903074d92ffee91a0996ebfbaa134e59248375d8f0dd82254037"
        );
    }
}
