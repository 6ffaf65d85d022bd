//! Work on one name at one server: questions and updates, signed and their replies verified.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::Nsupdate;
use crate::error::{DnsError, Fault, Step};
use crate::lookup::{
    Answer, Exchange, LookupError, Recursion, question_message, random_id, rcode_text,
};
use crate::name;
use crate::provider::TxtTarget;
use crate::tsig::{self, Signing, TsigRecord};
use crate::update::{self, Change};

/// A secondary that forwards updates shows them a moment later.
const VERIFY_PAUSES: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];

/// Work on one name at one server.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) provider: &'a Nsupdate,
    pub(super) label: &'a str,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) target: &'a TxtTarget,
    pub(super) zone: String,
}

/// A reply whose signature was looked at.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) tsig: Option<TsigRecord>,
    pub(super) authentic: bool,
}

impl<'a> Session<'a> {
    pub(super) fn addition(&self) -> Change<'a> {
        Change::Add {
            fqdn: &self.target.fqdn,
            value: &self.target.value,
            ttl: self.target.ttl.unwrap_or(self.provider.ttl),
        }
    }

    /// The zone by the SOA record that the server's answer carries.
    pub(super) async fn find_zone(&self) -> Result<String, DnsError> {
        for candidate in name::suffixes(&self.target.fqdn) {
            let answer = self.ask(Step::FindZone, candidate, RecordType::SOA).await?;
            // With a CNAME at the candidate, the SOA is that of the CNAME's target.
            if answer.cname_of(candidate).is_some() {
                continue;
            }
            self.is_well(Step::FindZone, &answer)?;
            if !answer.is_definite() {
                break;
            }
            let owner = answer.soa().map(|(owner, _)| owner);
            if let Some(zone) = owner.filter(|zone| name::is_within(candidate, zone)) {
                return Ok(zone);
            }
        }
        let what = format!("{} does not hold the zone of that name", self.label);
        Err(self
            .error(Step::FindZone, Fault::Zone, what)
            .with_remedy("check that this server is primary for the zone, or set the zone"))
    }

    /// The TXT values at the name itself, not behind a CNAME.
    pub(super) async fn values(&self, step: Step) -> Result<Vec<String>, DnsError> {
        let fqdn = &self.target.fqdn;
        let answer = self.ask(step, fqdn, RecordType::TXT).await?;
        self.is_well(step, &answer)?;
        let is_alias = answer.cname_of(fqdn).is_some();
        Ok(if is_alias {
            Vec::new()
        } else {
            answer.txt_values()
        })
    }

    /// A server that fails by itself says nothing about zones and values.
    fn is_well(&self, step: Step, answer: &Answer) -> Result<(), DnsError> {
        if answer.rcode() != ResponseCode::ServFail {
            return Ok(());
        }
        Err(self
            .error(step, Fault::Provider, format!("{} failed", self.label))
            .with_status(rcode_text(answer.rcode()))
            .with_remedy("see the DNS server's log"))
    }

    /// Sees whether the value is there after the server said NOERROR.
    pub(super) async fn verify(&self) -> Result<(), DnsError> {
        for pause in VERIFY_PAUSES {
            tokio::time::sleep(pause).await;
            let answer = self
                .ask(Step::Verify, &self.target.fqdn, RecordType::TXT)
                .await?;
            if let Some(to) = answer.cname_of(&self.target.fqdn) {
                let what =
                    format!("the name is an alias (CNAME) of {to}, so it cannot have TXT values");
                return Err(self.error(Step::Verify, Fault::Zone, what).with_remedy(format!(
                    "let the challenge follow the CNAME and map {to} to a DNS provider, or remove the CNAME"
                )));
            }
            if answer.txt_values().contains(&self.target.value) {
                return Ok(());
            }
        }
        let what = format!(
            "{} accepted the update but does not show the value",
            self.label
        );
        Err(self.error(Step::Verify, Fault::Provider, what).with_remedy(
            "see the server's log; is it the primary of the zone, and not a view of it?",
        ))
    }

    pub(super) async fn change(
        &self,
        step: Step,
        change: Option<Change<'_>>,
    ) -> Result<(), DnsError> {
        let message = update::message(random_id(), &self.zone, change).ok_or_else(|| {
            self.error(step, Fault::Configuration, "the name is not a domain name")
        })?;
        let question = format!("an update of zone {}", self.zone);
        let reply = self.exchange(step, message, &question).await?;
        self.accept(step, &reply)?;
        match reply.answer.rcode() {
            ResponseCode::NoError => Ok(()),
            rcode => Err(self.refusal(step, rcode, &reply)),
        }
    }

    /// Asks a question; every response code but a refused signature is an answer.
    pub(super) async fn ask(
        &self,
        step: Step,
        fqdn: &str,
        kind: RecordType,
    ) -> Result<Answer, DnsError> {
        Ok(self.question(step, fqdn, kind).await?.answer)
    }

    /// Like [`ask`](Self::ask), with what is known of the reply's signature.
    pub(super) async fn question(
        &self,
        step: Step,
        fqdn: &str,
        kind: RecordType,
    ) -> Result<Reply, DnsError> {
        let message = question_message(fqdn, kind, Recursion::Off).ok_or_else(|| {
            self.error(step, Fault::Configuration, "the name is not a domain name")
        })?;
        let question = format!("{fqdn} {kind}");
        let reply = self.exchange(step, message, &question).await?;
        self.accept(step, &reply)?;
        Ok(reply)
    }

    /// Sends the message signed to the first address that answers.
    async fn exchange(
        &self,
        step: Step,
        message: Vec<u8>,
        question: &str,
    ) -> Result<Reply, DnsError> {
        let mut last = None;
        for &server in &self.addresses {
            let now = self.provider.now();
            let (message, mac) = self.provider.sign(message.clone(), now);
            let exchange = Exchange {
                server,
                question,
                transport: self.provider.transport,
                limits: self.provider.limits,
            };
            match exchange.run(&message).await {
                Ok(octets) => {
                    let reply = self.provider.read(&octets, &mac);
                    let garbled = LookupError::Malformed {
                        server,
                        question: question.to_owned(),
                    };
                    return reply.ok_or_else(|| self.unreachable(step, garbled));
                }
                Err(error) => last = Some(error),
            }
        }
        Err(self.unreachable(step, last.unwrap_or(LookupError::NoServer)))
    }

    /// Refuses replies that report a bad signature, and successes that are not signed by the key.
    fn accept(&self, step: Step, reply: &Reply) -> Result<(), DnsError> {
        if let Some(tsig) = reply.tsig.as_ref().filter(|tsig| tsig.error() != 0) {
            return Err(self.signature_refused(step, tsig, reply.answer.rcode()));
        }
        let unsigned_success = reply.answer.is_definite() && !reply.authentic;
        if self.provider.key.is_some() && unsigned_success {
            let what = format!("{} answers without a valid signature", self.label);
            return Err(self.error(step, Fault::Credentials, what).with_remedy(
                "check that the server knows the key; somebody in between may answer in its place",
            ));
        }
        Ok(())
    }

    fn unreachable(&self, step: Step, source: LookupError) -> DnsError {
        let what = format!("{} does not answer properly", self.label);
        self.error(step, Fault::Network, what)
            .with_remedy(source.remedy())
            .caused_by(source)
    }

    pub(super) fn error(&self, step: Step, fault: Fault, what: impl Into<String>) -> DnsError {
        let error = DnsError::new(self.provider.code, step, fault, what).at_name(&self.target.fqdn);
        if self.zone.is_empty() {
            error
        } else {
            error.in_zone(&self.zone)
        }
    }
}

impl Nsupdate {
    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().as_second()).unwrap_or(0)
    }

    /// The message with a signature, and the MAC that the reply's covers; unsigned without a key.
    fn sign(&self, message: Vec<u8>, now: u64) -> (Vec<u8>, Vec<u8>) {
        let Some(key) = &self.key else {
            return (message, Vec::new());
        };
        let signing = Signing {
            time: now,
            ..Signing::default()
        };
        let signed = key.sign(message, signing);
        (signed.message, signed.mac)
    }

    /// Reads a reply and sees whether the key signed it.
    fn read(&self, octets: &[u8], request_mac: &[u8]) -> Option<Reply> {
        let (bare, tsig) = tsig::split(octets).ok()?;
        let authentic = match (&self.key, &tsig) {
            (Some(key), Some(tsig)) => {
                tsig.is_timely(self.now()) && key.verifies(&bare, tsig, Some(request_mac))
            }
            _ => false,
        };
        Some(Reply {
            answer: Answer::read(&bare)?,
            tsig,
            authentic,
        })
    }
}
