//! Route 53's name servers: moto has none, so this double answers DNS from the record sets that moto lists.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, CNAME, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::moto::Moto;
use crate::name_server::{Found, NameServer, Source};
use crate::process::StartError;

/// moto finds the service in the credential's scope, and looks no further.
const SCOPE: &str = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=x";
const API: &str = "2013-04-01";
/// More record sets than that a test has no use for; they would be a second page.
const MOST: &str = "1000";

/// A hosted zone in moto, served by DNS.
#[derive(Debug)]
pub struct Route53Dns {
    zone: Arc<HostedZone>,
    server: NameServer,
}

#[derive(Debug)]
struct HostedZone {
    client: reqwest::Client,
    url: String,
    name: String,
}

/// One line of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    name: String,
    kind: String,
    ttl: u32,
    value: String,
}

impl Route53Dns {
    /// Creates a public hosted zone in moto, with TXT values (name relative to the zone, value without quotes), and
    /// serves it.
    ///
    /// # Errors
    /// When moto refuses, or no port is free.
    pub async fn start(moto: &Moto, zone: &str, txt: &[(&str, &str)]) -> Result<Self, StartError> {
        let what = format!("creating the hosted zone {zone} in moto");
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| StartError::setup(&what, error))?;
        let zones = format!("{}/{API}/hostedzone", moto.url());
        let body = format!(
            "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/{API}/\"><Name>{zone}.</Name><CallerReference>{zone}</CallerReference></CreateHostedZoneRequest>"
        );
        let made = call(client.post(zones).body(body)).await;
        let made = made.map_err(|error| StartError::setup(&what, error))?;
        let id = between(&made, "<Id>/hostedzone/", "</Id>");
        let id = id.ok_or_else(|| StartError::setup(&what, &made))?;
        let zone = Arc::new(HostedZone {
            client,
            url: format!("{}/{API}/hostedzone/{id}", moto.url()),
            name: zone.to_owned(),
        });
        for (name, value) in txt {
            let added = zone.add_txt(name, value).await;
            added.map_err(|error| StartError::setup(&what, error))?;
        }
        let server = NameServer::start(Arc::clone(&zone)).await;
        let server = server.map_err(|error| StartError::setup(&what, error))?;
        Ok(Self { zone, server })
    }

    /// Where it answers DNS, UDP and TCP.
    pub const fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Every record of the zone as moto lists it, one a line: name, TTL, type, data.
    ///
    /// # Errors
    /// When moto does not answer.
    pub async fn records(&self) -> Result<BTreeSet<String>, StartError> {
        let lines = self.zone.lines().await;
        let lines =
            lines.ok_or_else(|| StartError::setup("listing moto's records", "no answer"))?;
        let shown = lines.into_iter().map(|line| {
            let Line {
                name,
                kind,
                ttl,
                value,
            } = line;
            format!("{name}. {ttl} {kind} {value}")
        });
        Ok(shown.collect())
    }
}

async fn call(request: reqwest::RequestBuilder) -> Result<String, reqwest::Error> {
    let request = request
        .header("authorization", SCOPE)
        .header("content-type", "text/xml");
    let answer = request.send().await?.error_for_status()?;
    answer.text().await
}

impl HostedZone {
    async fn add_txt(&self, name: &str, value: &str) -> Result<String, reqwest::Error> {
        let body = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/{API}/\"><ChangeBatch><Changes><Change><Action>CREATE</Action><ResourceRecordSet><Name>{name}.{}.</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>\"{value}\"</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>",
            self.name
        );
        let url = format!("{}/rrset/", self.url);
        call(self.client.post(url).body(body)).await
    }

    /// All lines; `None` when moto does not answer, or has more than one page.
    async fn lines(&self) -> Option<Vec<Line>> {
        let url = format!("{}/rrset?maxitems={MOST}", self.url);
        let text = call(self.client.get(url)).await.ok()?;
        text.contains("<IsTruncated>false</IsTruncated>")
            .then(|| read(&text))
    }
}

impl Source for HostedZone {
    async fn find(&self, name: &str, kind: RecordType) -> Option<Found> {
        // The names of Amazon's servers, as the zone's NS records say, all lead here.
        if name.contains(".awsdns-") {
            if kind != RecordType::A {
                return Some(nothing(ResponseCode::NoError, None));
            }
            let here = Line {
                name: name.to_owned(),
                kind: "A".to_owned(),
                ttl: 60,
                value: Ipv4Addr::LOCALHOST.to_string(),
            };
            return Some(answered(vec![here.record()?]));
        }
        if name != self.name && !name.ends_with(&format!(".{}", self.name)) {
            return Some(nothing(ResponseCode::Refused, None));
        }
        let lines = self.lines().await?;
        let here: Vec<&Line> = lines.iter().filter(|line| line.name == name).collect();
        let wanted = |line: &&&Line| line.kind == kind.to_string() || line.kind == "CNAME";
        let found: Vec<Record> = here
            .iter()
            .filter(wanted)
            .filter_map(|line| line.record())
            .collect();
        if !found.is_empty() {
            return Some(answered(found));
        }
        let soa = lines.iter().find(|line| line.kind == "SOA");
        let below = format!(".{name}");
        let is_there = !here.is_empty() || lines.iter().any(|line| line.name.ends_with(&below));
        let code = match is_there {
            true => ResponseCode::NoError,
            false => ResponseCode::NXDomain,
        };
        Some(nothing(code, soa.and_then(Line::record)))
    }
}

const fn answered(answers: Vec<Record>) -> Found {
    Found {
        code: ResponseCode::NoError,
        answers,
        soa: None,
    }
}

const fn nothing(code: ResponseCode, soa: Option<Record>) -> Found {
    Found {
        code,
        answers: Vec::new(),
        soa,
    }
}

impl Line {
    fn record(&self) -> Option<Record> {
        let name = |text: &str| Name::from_ascii(format!("{}.", text.trim_end_matches('.'))).ok();
        let data = match self.kind.as_str() {
            "A" => RData::A(A(self.value.parse().ok()?)),
            "CNAME" => RData::CNAME(CNAME(name(&self.value)?)),
            "NS" => RData::NS(NS(name(&self.value)?)),
            "TXT" => {
                let strings = self.value.split('"').skip(1).step_by(2);
                RData::TXT(TXT::new(strings.map(str::to_owned).collect()))
            }
            "SOA" => {
                let words: Vec<&str> = self.value.split_whitespace().collect();
                let [primary, mailbox, numbers @ ..] = words.as_slice() else {
                    return None;
                };
                let [serial, refresh, retry, expire, minimum] = numbers else {
                    return None;
                };
                RData::SOA(SOA::new(
                    name(primary)?,
                    name(mailbox)?,
                    serial.parse().ok()?,
                    refresh.parse().ok()?,
                    retry.parse().ok()?,
                    expire.parse().ok()?,
                    minimum.parse().ok()?,
                ))
            }
            _ => return None,
        };
        Some(Record::from_rdata(name(&self.name)?, self.ttl, data))
    }
}

/// The lines of a `ListResourceRecordSetsResponse`.
fn read(text: &str) -> Vec<Line> {
    let sets = text.split("<ResourceRecordSet>").skip(1);
    sets.flat_map(|set| {
        let part = |tag: &str| between(set, &format!("<{tag}>"), &format!("</{tag}>"));
        let name = part("Name").unwrap_or_default();
        let name = name.trim_end_matches('.').replace("\\052", "*");
        let kind = part("Type").unwrap_or_default();
        let ttl = part("TTL").and_then(|ttl| ttl.parse().ok());
        let values = set.split("<Value>").skip(1);
        let values = values.filter_map(|value| value.split_once("</Value>"));
        let line = |(value, _): (&str, &str)| Line {
            name: name.clone(),
            kind: kind.to_owned(),
            ttl: ttl.unwrap_or_default(),
            value: plain(value),
        };
        values.map(line).collect::<Vec<_>>()
    })
    .collect()
}

/// The value without XML's escapes; moto shows its SOA as `{'Value': '…'}`.
fn plain(value: &str) -> String {
    let value = value
        .strip_prefix("{'Value': '")
        .and_then(|value| value.strip_suffix("'}"))
        .unwrap_or(value);
    let escapes = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    escapes
        .iter()
        .fold(value.to_owned(), |text, (escape, plain)| {
            text.replace(escape, plain)
        })
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::serves;

    #[tokio::test]
    async fn a_hosted_zone_is_served() {
        let moto = crate::start_or_skip!(Moto::start().await);
        let txt = [("_acme-challenge", "somebody else's")];

        let dns = Route53Dns::start(&moto, "example.org", &txt).await.unwrap();

        assert!(serves(dns.addr(), "example.org").await);
        assert!(!serves(dns.addr(), "example.net").await);
        let records = dns.records().await.unwrap();
        let expected = "_acme-challenge.example.org. 60 TXT \"somebody else's\"";
        assert!(records.contains(expected), "{records:?}");
        let found = dns
            .zone
            .find("_acme-challenge.example.org", RecordType::TXT);
        assert_eq!(found.await.unwrap().answers.len(), 1);
        let lost = dns.zone.find("www.example.org", RecordType::TXT).await;
        let lost = lost.unwrap();
        assert_eq!(lost.code, ResponseCode::NXDomain);
        assert!(lost.soa.is_some());
    }
}
