//! AWS Signature Version 4: what is signed, with what, and the headers that show it.

use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::Url;

use super::credentials::Keys;
use crate::engine::percent;

/// A request as far as it is signed.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a Url,
    pub(super) body: &'a [u8],
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl Signed<'_> {
    /// The headers that show the signature.
    pub(super) fn headers(&self, keys: &Keys, now: Timestamp) -> Vec<(&'static str, String)> {
        let time = now
            .to_zoned(TimeZone::UTC)
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string();
        let token = keys.token.as_ref().map(|token| token.expose().clone());
        let mut signed = vec![("host", self.host()), ("x-amz-date", time.clone())];
        signed.extend(token.clone().map(|token| ("x-amz-security-token", token)));
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = signed
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let request = format!(
            "{}\n{}\n{}\n{lines}\n{names}\n{}",
            self.method,
            self.path(),
            self.query(),
            hash(self.body)
        );
        let date = &time[..8];
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let text = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            hash(request.as_bytes())
        );
        let first = format!("AWS4{}", keys.secret.expose()).into_bytes();
        let chain = [date, self.region, self.service, "aws4_request"];
        let key = chain.iter().fold(first, |key, part| sign(&key, part));
        let signature = hex(&sign(&key, &text));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            keys.id
        );
        let mut headers = vec![("x-amz-date", time), ("authorization", authorization)];
        headers.extend(token.map(|token| ("x-amz-security-token", token)));
        headers
    }

    fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Each segment is encoded once more, as all services but S3 want it.
    fn path(&self) -> String {
        let segments = self.url.path().split('/').map(percent);
        segments.collect::<Vec<_>>().join("/")
    }

    fn query(&self) -> String {
        let pairs = self.url.query_pairs();
        let mut pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{}={}", percent(&name), percent(&value)))
            .collect();
        pairs.sort();
        pairs.join("&")
    }
}

fn hash(octets: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, octets).as_ref())
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_comes_out() {
        // AWS's test suite for signature version 4, case get-vanilla.
        let keys = Keys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned().into(),
            token: None,
        };
        let signed = Signed {
            method: "GET",
            url: &"https://example.amazonaws.com/".parse().unwrap(),
            body: b"",
            region: "us-east-1",
            service: "service",
        };
        let headers = signed.headers(&keys, "2015-08-30T12:36:00Z".parse().unwrap());

        assert_eq!(
            headers[1].1,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }
}
