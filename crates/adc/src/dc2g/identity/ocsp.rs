//! OCSP for clients' certificates: asked after the handshake and before anything is made, kept for five minutes at
//! most, failures too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_types::{Fingerprint, SharedClock};
use evercert_x509::ocsp::{self, Belief, CertId, Response, Signature, Status};
use evercert_x509::{Certificate, sha256};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;

use super::fetch::{Ask, Fetcher};

/// How long an answer is kept at most.
const KEEP: SignedDuration = SignedDuration::from_mins(5);
/// How long it is kept that there was none.
const KEEP_FAILURE: SignedDuration = SignedDuration::from_secs(30);
/// NetScaler's `-resptimeout` where none is set.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Answers kept.
const CAPACITY: usize = 50_000;
/// Octets of the longest response that is read.
const MAX_RESPONSE: usize = 64 << 10;
/// Above this a request is sent by POST whatever is configured (RFC 6960 appendix A.1).
const MAX_GET: usize = 255;

/// A responder that is asked (`add ssl ocspResponder`), or the one a certificate names itself.
#[derive(Clone, Debug)]
pub(crate) struct Responder {
    pub(crate) url: String,
    pub(crate) timeout: Option<Duration>,
    /// `-cacheTimeout`, where answers are kept; never longer than five minutes.
    pub(crate) keep: Option<Duration>,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) trusts_anybody: bool,
    pub(crate) skew: Duration,
    pub(crate) uses_nonce: bool,
    pub(crate) uses_get: bool,
}

/// Asks, and keeps what was answered.
#[derive(Debug)]
pub(crate) struct OcspChecker {
    fetcher: Result<Fetcher, String>,
    clock: SharedClock,
    answers: Mutex<HashMap<Fingerprint, Arc<Slot>>>,
}

/// Asked once, however many wait for it.
#[derive(Debug, Default)]
struct Slot(OnceCell<Answer>);

#[derive(Clone, Copy, Debug)]
struct Answer {
    /// `None` when nobody answered.
    status: Option<Status>,
    until: Timestamp,
}

impl OcspChecker {
    /// Nothing asked yet.
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            fetcher: Fetcher::new(),
            clock,
            answers: Mutex::default(),
        }
    }

    /// What the responders say of a certificate; `None` when none answers.
    pub(crate) async fn status(
        &self,
        certificate: &[u8],
        issuer: &Certificate,
        responders: &[Responder],
    ) -> Option<Status> {
        let slot = self.slot(sha256(certificate));
        let asked = slot
            .0
            .get_or_init(|| self.ask(certificate, issuer, responders));
        asked.await.status
    }

    fn slot(&self, certificate: Fingerprint) -> Arc<Slot> {
        let now = self.clock.now();
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = |slot: &Arc<Slot>| slot.0.get().is_none_or(|answer| now < answer.until);
        if let Some(slot) = answers.get(&certificate).filter(|slot| is_current(slot)) {
            return slot.clone();
        }
        if answers.len() >= CAPACITY {
            answers.retain(|_, slot| is_current(slot));
        }
        if answers.len() >= CAPACITY {
            answers.clear();
        }
        let slot = Arc::<Slot>::default();
        answers.insert(certificate, slot.clone());
        slot
    }

    async fn ask(
        &self,
        certificate: &[u8],
        issuer: &Certificate,
        responders: &[Responder],
    ) -> Answer {
        let answer = Answer {
            status: None,
            until: later(self.clock.now(), KEEP_FAILURE),
        };
        let Ok(certificate) = Certificate::from_der(certificate) else {
            return answer;
        };
        let own = certificate.ocsp_urls().first().cloned();
        let own = own.map(Responder::named_by_certificate);
        // Those of the configuration; the certificate's own only when there is none.
        let named = responders
            .iter()
            .chain(own.iter().filter(|_| responders.is_empty()));
        for responder in named {
            match self.ask_one(&certificate, issuer, responder).await {
                Ok(answer) => return answer,
                Err(problem) => {
                    tracing::warn!(ocsp.url = %responder.url, %problem, "an OCSP responder gave no answer");
                }
            }
        }
        answer
    }

    async fn ask_one(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        responder: &Responder,
    ) -> Result<Answer, String> {
        let fetcher = self.fetcher.as_ref().map_err(Clone::clone)?;
        let nonce = match responder.uses_nonce {
            true => Some(nonce()?),
            false => None,
        };
        let nonce = nonce.as_ref().map(|nonce| &nonce[..]);
        let id = CertId::of(certificate, issuer);
        let request = ocsp::request(std::slice::from_ref(&id), nonce);
        let (url, ask) = responder.ask(request);
        let limit = responder.timeout.unwrap_or(TIMEOUT);
        let octets = fetcher.fetch(&url, ask, MAX_RESPONSE, limit).await?;
        let response = Response::parse(&octets).map_err(|error| error.to_string())?;
        if let Some(signer) = &responder.certificate
            && !response.is_signed_by(signer)
        {
            return Err("its answer is not signed by the -responderCert".to_owned());
        }
        let now = self.clock.now();
        let belief = Belief {
            now,
            skew: SignedDuration::try_from(responder.skew).unwrap_or(SignedDuration::ZERO),
            nonce,
            signature: match responder.trusts_anybody || responder.certificate.is_some() {
                true => Signature::Ignored,
                false => Signature::Checked,
            },
        };
        let read = response
            .status_of(&id, issuer, &belief)
            .map_err(|error| error.to_string())?;
        let keep = responder.keep.map_or(KEEP, |keep| {
            SignedDuration::try_from(keep).unwrap_or(KEEP).min(KEEP)
        });
        let until = later(now, keep);
        Ok(Answer {
            status: Some(read.status),
            until: read
                .next_update
                .map_or(until, |next| until.min(next.max(later(now, KEEP_FAILURE)))),
        })
    }
}

impl Responder {
    fn named_by_certificate(url: String) -> Self {
        Self {
            url,
            timeout: None,
            keep: None,
            certificate: None,
            trusts_anybody: false,
            skew: Duration::from_secs(300),
            uses_nonce: false,
            uses_get: false,
        }
    }

    /// By GET where that is configured and short enough (RFC 6960 appendix A.1).
    fn ask(&self, request: Vec<u8>) -> (String, Ask) {
        if self.uses_get {
            let encoded = STANDARD.encode(&request);
            let escaped = encoded
                .replace('+', "%2B")
                .replace('/', "%2F")
                .replace('=', "%3D");
            if escaped.len() <= MAX_GET {
                let base = self.url.trim_end_matches('/');
                return (format!("{base}/{escaped}"), Ask::Get);
            }
        }
        let ask = Ask::Post("application/ocsp-request", request);
        (self.url.clone(), ask)
    }
}

fn nonce() -> Result<[u8; 16], String> {
    let mut nonce = [0; 16];
    match aws_lc_rs::rand::fill(&mut nonce) {
        Ok(()) => Ok(nonce),
        Err(_) => Err("the system's random source failed".to_owned()),
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}
