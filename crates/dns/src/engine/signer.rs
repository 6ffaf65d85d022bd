//! Requests that are signed: one function for each scheme, pure but for the time and the nonce they are given.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::call::Draft;
use super::template::{Vars, percent};

/// A signature scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Signer {
    /// Active24: Basic with an HMAC over method, path and time as password. Settings `key`, `secret`.
    Active24,
    /// Alibaba Cloud's RPC signature, version 1. Settings `key`, `secret`, `security_token`.
    Aliyun,
    /// `DNSMadeEasy`'s three headers. Settings `key`, `secret`.
    Dnsmadeeasy,
    /// Exoscale's `EXO2-HMAC-SHA256`. Settings `key`, `secret`.
    Exoscale,
    /// JD Cloud's `JDCLOUD2-HMAC-SHA256`. Settings `key`, `secret`, `region`.
    Jdcloud,
}

impl Signer {
    /// Adds what the scheme wants to see.
    pub(crate) fn sign(self, draft: &mut Draft, creds: &Vars, now: Timestamp, nonce: &str) {
        let credential = |name: &str| creds.get(name).map_or("", String::as_str);
        let (key, secret) = (credential("cred.key"), credential("cred.secret"));
        match self {
            Self::Active24 => active24(draft, key, secret, now),
            Self::Aliyun => aliyun(
                draft,
                key,
                secret,
                credential("cred.security_token"),
                now,
                nonce,
            ),
            Self::Dnsmadeeasy => dnsmadeeasy(draft, key, secret, now),
            Self::Exoscale => exoscale(draft, key, secret, now),
            Self::Jdcloud => jdcloud(draft, key, secret, credential("cred.region"), now, nonce),
        }
    }
}

fn active24(draft: &mut Draft, key: &str, secret: &str, now: Timestamp) {
    let text = format!("{} {} {}", draft.method, draft.url.path(), now.as_second());
    let password = hex(&sign(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        secret.as_bytes(),
        text.as_bytes(),
    ));
    let basic = STANDARD.encode(format!("{key}:{password}"));
    draft.header("Authorization", format!("Basic {basic}"));
    draft.header("Date", format!("{now:.0}"));
}

fn dnsmadeeasy(draft: &mut Draft, key: &str, secret: &str, now: Timestamp) {
    let date = now
        .to_zoned(TimeZone::UTC)
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    let signature = sign(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        secret.as_bytes(),
        date.as_bytes(),
    );
    draft.header("x-dnsme-apiKey", key.to_owned());
    draft.header("x-dnsme-hmac", hex(&signature));
    draft.header("x-dnsme-requestDate", date);
}

fn aliyun(draft: &mut Draft, key: &str, secret: &str, token: &str, now: Timestamp, nonce: &str) {
    let mut pairs: Vec<(String, String)> = draft.query();
    let common = [
        ("AccessKeyId", key.to_owned()),
        ("Format", "json".to_owned()),
        ("SignatureMethod", "HMAC-SHA1".to_owned()),
        ("SignatureNonce", nonce.to_owned()),
        ("SignatureVersion", "1.0".to_owned()),
        ("Timestamp", format!("{now:.0}")),
        ("Version", "2015-01-09".to_owned()),
    ];
    pairs.extend(common.map(|(name, value)| (name.to_owned(), value)));
    if !token.is_empty() {
        pairs.push(("SecurityToken".to_owned(), token.to_owned()));
    }
    pairs.sort();
    let canonical: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", percent(name), percent(value)))
        .collect();
    let canonical = canonical.join("&");
    let text = format!("{}&%2F&{}", draft.method, percent(&canonical));
    let key = format!("{secret}&");
    let signature = sign(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        key.as_bytes(),
        text.as_bytes(),
    );
    let signature = percent(&STANDARD.encode(signature));
    draft
        .url
        .set_query(Some(&format!("{canonical}&Signature={signature}")));
}

/// How long an Exoscale signature is good for, seconds.
const EXOSCALE_LIFETIME: i64 = 600;

fn exoscale(draft: &mut Draft, key: &str, secret: &str, now: Timestamp) {
    let expires = now.as_second() + EXOSCALE_LIFETIME;
    let mut query = draft.query();
    query.sort();
    let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    let values: String = query.iter().map(|(_, value)| value.as_str()).collect();
    let body = draft.body.as_deref().unwrap_or_default();
    let head = format!("{} {}\n", draft.method, draft.url.path());
    let tail = format!("\n{values}\n\n{expires}");
    let text = [head.as_bytes(), body, tail.as_bytes()].concat();
    let signature = STANDARD.encode(sign(hmac::HMAC_SHA256, secret.as_bytes(), &text));
    let signed = match names.is_empty() {
        true => String::new(),
        false => format!("signed-query-args={},", names.join(";")),
    };
    let header = format!(
        "EXO2-HMAC-SHA256 credential={key},{signed}expires={expires},signature={signature}"
    );
    draft.header("Authorization", header);
}

const JDCLOUD_SERVICE: &str = "domainservice";

fn jdcloud(draft: &mut Draft, key: &str, secret: &str, region: &str, now: Timestamp, nonce: &str) {
    let time = now
        .to_zoned(TimeZone::UTC)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let date = &time[..8];
    let host = match (draft.url.host_str(), draft.url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let content_type = draft
        .content_type
        .get_or_insert_with(|| "application/json".to_owned())
        .clone();
    let mut query = draft.query();
    query.sort();
    let query: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{}={}", percent(name), percent(value)))
        .collect();
    let signed = "content-type;host;x-jdcloud-date;x-jdcloud-nonce";
    let body =
        hex(digest::digest(&digest::SHA256, draft.body.as_deref().unwrap_or_default()).as_ref());
    let request = format!(
        "{}\n{}\n{}\ncontent-type:{content_type}\nhost:{host}\nx-jdcloud-date:{time}\nx-jdcloud-nonce:{nonce}\n\n{signed}\n{body}",
        draft.method,
        draft.url.path(),
        query.join("&"),
    );
    let scope = format!("{date}/{region}/{JDCLOUD_SERVICE}/jdcloud2_request");
    let hashed = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
    let text = format!("JDCLOUD2-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
    let chain = [date, region, JDCLOUD_SERVICE, "jdcloud2_request"];
    let start = format!("JDCLOUD2{secret}").into_bytes();
    let signing = chain.iter().fold(start, |key, part| {
        sign(hmac::HMAC_SHA256, &key, part.as_bytes())
    });
    let signature = hex(&sign(hmac::HMAC_SHA256, &signing, text.as_bytes()));
    draft.header("x-jdcloud-date", time.clone());
    draft.header("x-jdcloud-nonce", nonce.to_owned());
    draft.header(
        "Authorization",
        format!("JDCLOUD2-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={signed}, Signature={signature}"),
    );
}

fn sign(algorithm: hmac::Algorithm, key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(algorithm, key);
    hmac::sign(&key, text).as_ref().to_vec()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creds(extra: &[(&str, &str)]) -> Vars {
        let pairs = [("cred.key", "key"), ("cred.secret", "secret")];
        pairs
            .iter()
            .chain(extra)
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn signed(signer: Signer, method: &str, url: &str, time: &str) -> Draft {
        let mut draft = Draft::new(method, url.parse().unwrap());
        signer.sign(
            &mut draft,
            &creds(&[("cred.region", "cn-north-1")]),
            time.parse().unwrap(),
            "nonce",
        );
        draft
    }

    fn header<'a>(draft: &'a Draft, name: &str) -> &'a str {
        &draft.headers.iter().find(|(key, _)| key == name).unwrap().1
    }

    #[test]
    fn active24_signs_method_path_and_time() {
        let url = "https://rest.active24.cz/v1/user/self/service?page=1";
        let draft = signed(Signer::Active24, "GET", url, "2025-06-28T01:02:03Z");

        let basic = STANDARD.encode("key:743e2257421b260ed561f3e7af4b035414636393");
        assert_eq!(header(&draft, "Authorization"), format!("Basic {basic}"));
        assert_eq!(header(&draft, "Date"), "2025-06-28T01:02:03Z");
    }

    #[test]
    fn dnsmadeeasy_signs_the_date() {
        let draft = signed(
            Signer::Dnsmadeeasy,
            "GET",
            "https://api.dnsmadeeasy.com/V2.0/x",
            "2015-06-02T02:36:07Z",
        );

        assert_eq!(
            header(&draft, "x-dnsme-requestDate"),
            "Tue, 02 Jun 2015 02:36:07 GMT"
        );
        // The published vector is over the same instant written with UTC.
        let text = b"Tue, 02 Jun 2015 02:36:07 UTC";
        let signature = hex(&sign(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"secret", text));
        assert_eq!(signature, "6b6c8432119c31e1d3776eb4cd3abd92fae4a71c");
        assert_eq!(header(&draft, "x-dnsme-hmac").len(), 40);
    }

    #[test]
    fn aliyun_sorts_and_signs_the_query() {
        let url = "https://alidns.aliyuncs.com/?Action=DescribeDomains&PageSize=100";
        let draft = signed(Signer::Aliyun, "GET", url, "2026-01-02T03:04:05Z");

        let query = draft.url.query().unwrap();
        assert!(
            query.starts_with("AccessKeyId=key&Action=DescribeDomains&Format=json&PageSize=100"),
            "{query}"
        );
        assert!(
            query.contains("Timestamp=2026-01-02T03%3A04%3A05Z"),
            "{query}"
        );
        assert!(!query.contains("secret"), "{query}");
    }

    #[test]
    fn exoscale_and_jdcloud_name_what_they_signed() {
        let draft = signed(
            Signer::Exoscale,
            "GET",
            "https://api.example/v2/dns-domain?b=2&a=1",
            "2026-01-02T03:04:05Z",
        );
        assert!(header(&draft, "Authorization").starts_with(
            "EXO2-HMAC-SHA256 credential=key,signed-query-args=a;b,expires=1767323645,"
        ));

        let draft = signed(
            Signer::Jdcloud,
            "GET",
            "https://d.example/v2/regions/cn-north-1/domain",
            "2026-01-02T03:04:05Z",
        );
        let authorization = header(&draft, "Authorization");
        assert!(
            authorization
                .contains("Credential=key/20260102/cn-north-1/domainservice/jdcloud2_request"),
            "{authorization}"
        );
    }
}
