//! Certificates: download in whatever shape, revocation, renewal information.

use evercert_x509::Certificate;
use jiff::SignedDuration;
use serde_json::json;

use super::account::der_member;
use super::answer::Answer;
use super::issuer::HIERARCHIES;
use super::jws::Jws;
use super::problem::Problem;
use super::switches::{
    AlternateLinks, Ari, AriWindow, ChainFormat, ChainOrder, LineEnds, RootInChain,
};
use super::world::{Signed, World, index, rfc3339};

impl World {
    /// `/cert/<n>` and `/cert/<n>/alternate/<m>`.
    pub(super) fn download(
        &self,
        signed: &Signed,
        id: &str,
        hierarchy: &str,
    ) -> Result<Answer, Problem> {
        let missing = || Problem::not_found("certificate");
        let number = index(id).ok_or_else(missing)?;
        let issued = self.certificates.get(number).ok_or_else(missing)?;
        if issued.account != signed.account {
            return Err(Problem::unauthorized(
                "Account in use did not issue specified certificate",
            ));
        }
        let hierarchy: usize = hierarchy.parse().map_err(|_| missing())?;
        let shape = self.switches.chain;
        let alternates = usize::from(shape.alternates).min(HIERARCHIES - 1);
        let dead = hierarchy > 0 && shape.alternate_links == AlternateLinks::Dead;
        if hierarchy > alternates || dead {
            return Err(missing());
        }
        let mut answer = match shape.format {
            ChainFormat::Der => {
                Answer::new(200, issued.leaf.der()).header("content-type", "application/pkix-cert")
            }
            ChainFormat::Pem => {
                let pem = self
                    .chain_pem(&issued.leaf, hierarchy)
                    .ok_or_else(missing)?;
                Answer::new(200, pem).header("content-type", "application/pem-certificate-chain")
            }
        };
        for other in (0..=alternates).filter(|&other| other != hierarchy) {
            let url = match other {
                0 => self.url(&format!("/cert/{id}")),
                _ => self.url(&format!("/cert/{id}/alternate/{other}")),
            };
            answer = answer.header("link", format!("<{url}>;rel=\"alternate\""));
        }
        Ok(answer)
    }

    fn chain_pem(&self, leaf: &Certificate, hierarchy: usize) -> Option<String> {
        let shape = self.switches.chain;
        let mut above = self
            .issuer
            .between(hierarchy, shape.intermediates)?
            .to_vec();
        if shape.root == RootInChain::Included {
            above.push(self.issuer.root(hierarchy)?.clone());
        }
        let mut chain = vec![leaf.clone()];
        match shape.order {
            ChainOrder::LeafFirst => chain.extend(above),
            ChainOrder::TopDown => chain.extend(above.into_iter().rev()),
            ChainOrder::Reversed => {
                chain.extend(above);
                chain.reverse();
            }
            ChainOrder::LeafOnly => {}
        }
        let pem: String = chain.iter().map(Certificate::to_pem).collect();
        Some(match shape.line_ends {
            LineEnds::Lf => pem,
            LineEnds::Crlf => pem.replace('\n', "\r\n"),
        })
    }

    /// `/revoke-cert`, by the account that ordered.
    pub(super) fn revoke(&mut self, signed: &Signed) -> Result<Answer, Problem> {
        let number = self.named_certificate(&signed.payload)?;
        if self.certificates[number].account != signed.account {
            return Err(Problem::unauthorized(
                "The key ID specified in the request does not control all names in the certificate to be revoked",
            ));
        }
        self.mark_revoked(number, &signed.payload)
    }

    /// `/revoke-cert`, by the certificate's own key.
    pub(super) fn revoke_by_key(&mut self, jws: &Jws) -> Result<Answer, Problem> {
        let payload = jws.json()?;
        let number = self.named_certificate(&payload)?;
        jws.verify_spki(self.certificates[number].leaf.spki_der())?;
        self.mark_revoked(number, &payload)
    }

    fn named_certificate(&self, payload: &serde_json::Value) -> Result<usize, Problem> {
        let der = der_member(payload, "certificate")?;
        let leaf = Certificate::from_der(der)
            .map_err(|_| Problem::malformed("Unable to parse certificate DER"))?;
        evercert_x509::ari_certificate_id(&leaf)
            .and_then(|id| self.certificate_of_ari.get(&id).copied())
            .ok_or_else(|| Problem::not_found("certificate"))
    }

    fn mark_revoked(
        &mut self,
        number: usize,
        payload: &serde_json::Value,
    ) -> Result<Answer, Problem> {
        let reason = payload["reason"].as_i64().unwrap_or_default();
        if ![0, 1, 3, 4, 5].contains(&reason) {
            let detail = format!("unsupported revocation reason code provided: {reason}");
            return Err(Problem::new(400, "badRevocationReason", detail));
        }
        if self.certificates[number].revoked.is_some() {
            return Err(Problem::new(
                400,
                "alreadyRevoked",
                "Certificate already revoked",
            ));
        }
        self.certificates[number].revoked = Some(reason);
        Ok(Answer::new(200, ""))
    }

    pub(super) fn has_ari(&self) -> bool {
        self.switches.ari != Ari::Off || !self.switches.ari_of.is_empty()
    }

    /// `/renewal-info/<certificate id>` (RFC 9773 §4).
    pub(super) fn renewal_info(&self, id: &str) -> Result<Answer, Problem> {
        let missing = || Problem::not_found("certificate");
        if !self.has_ari() {
            return Err(missing());
        }
        let window = match self.certificate_of_ari.get(id) {
            Some(&number) => self.window_of(number),
            // A certificate of before: only a window of its own is known.
            None => self.switches.ari_of.get(id).cloned(),
        };
        let window = window.ok_or_else(missing)?;
        let mut object = json!({ "suggestedWindow": {
            "start": rfc3339(window.start),
            "end": rfc3339(window.end),
        }});
        if let Some(url) = window.explanation {
            object["explanationURL"] = url.into();
        }
        let answer = Answer::json(200, &object);
        Ok(window
            .retry_after
            .into_iter()
            .fold(answer, Answer::retry_after))
    }

    /// The window told for a certificate.
    pub(super) fn window_of(&self, number: usize) -> Option<AriWindow> {
        let issued = self.certificates.get(number)?;
        if let Some(window) = self.switches.ari_of.get(&issued.ari) {
            return Some(window.clone());
        }
        match &self.switches.ari {
            Ari::Off => None,
            Ari::Fixed(window) => Some(window.clone()),
            Ari::Computed if issued.revoked.is_some() => {
                let now = self.now();
                Some(AriWindow {
                    start: now - SignedDuration::from_hours(1),
                    end: now - SignedDuration::from_mins(30),
                    explanation: Some(self.url("/incident")),
                    retry_after: Some(self.switches.ari_pace),
                })
            }
            Ari::Computed => Some(AriWindow {
                retry_after: Some(self.switches.ari_pace),
                ..computed(&issued.leaf)
            }),
        }
    }
}

/// Boulder's window: around 2/3 of the life, 1/2 below 10 days.
fn computed(leaf: &Certificate) -> AriWindow {
    let life = leaf.not_after().duration_since(leaf.not_before());
    let part = if life.as_hours() < 240 { 2 } else { 3 };
    let (ideal, margin) = (leaf.not_after() - life / part, life / 100);
    AriWindow {
        start: ideal - margin,
        end: ideal + margin,
        explanation: None,
        retry_after: None,
    }
}
