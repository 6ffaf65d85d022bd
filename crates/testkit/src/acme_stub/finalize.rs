//! Finalizing (RFC 8555 §7.4): the CSR is judged, the certificate really signed.

use std::collections::BTreeSet;

use evercert_types::DomainName;
use evercert_x509::mint::LeafRequest;
use evercert_x509::{Csr, ari_certificate_id};

use super::account::der_member;
use super::answer::Answer;
use super::problem::Problem;
use super::switches::{Dates, Failure, Finalize, Subject};
use super::world::{Identifier, Issued, OrderState, Signed, World};

impl World {
    pub(super) fn finalize(&mut self, signed: &Signed, id: &str) -> Result<Answer, Problem> {
        let number = self.own_order(signed, id)?;
        let status = self.order_status(&self.orders[number]);
        if status != "ready" {
            let detail = format!("Order's status ({status:?}) is not acceptable for finalization");
            return Err(Problem::new(403, "orderNotReady", detail));
        }
        let csr = self.check_csr(signed, number)?;
        let problem = |failure: Failure| Problem::new(403, &failure.kind, failure.detail);
        match self.switches.finalize.clone() {
            Finalize::Hang => return Ok(Answer::hang()),
            Finalize::ServerError => {
                return Err(Problem::new(
                    500,
                    "serverInternal",
                    "Error finalizing order",
                ));
            }
            Finalize::Refuse(status, failure) => {
                return Err(Problem::new(status, &failure.kind, failure.detail));
            }
            Finalize::Invalid(failure) => {
                self.orders[number].state = OrderState::Processing {
                    left: Some(0),
                    then: Err(problem(failure).document()),
                };
            }
            Finalize::Endless => {
                self.orders[number].state = OrderState::Processing {
                    left: None,
                    then: Err(serde_json::Value::Null),
                };
            }
            Finalize::Processing { looks, .. } => {
                let certificate = self.issue(number, &csr)?;
                self.orders[number].state = OrderState::Processing {
                    left: Some(looks),
                    then: Ok(certificate),
                };
            }
            Finalize::Issue => {
                let certificate = self.issue(number, &csr)?;
                self.orders[number].state = OrderState::Valid(certificate);
            }
        }
        Ok(self.show_order(number, 200))
    }

    fn check_csr(&self, signed: &Signed, number: usize) -> Result<Csr, Problem> {
        let bad =
            |why: &str| Problem::new(400, "badCSR", format!("Error finalizing order :: {why}"));
        let der = der_member(&signed.payload, "csr")?;
        let csr = Csr::from_der(der).map_err(|error| bad(&error.to_string()))?;
        csr.verify_signature()
            .map_err(|_| bad("invalid signature on CSR"))?;
        if self.accounts[signed.account].key.is_in(csr.spki_der()) {
            let why = "certificate public key must be different than account key";
            return Err(bad(why));
        }
        if names_in(&csr) != self.orders[number].identifiers {
            let detail = "Error finalizing order :: CSR does not specify same identifiers as Order";
            return Err(Problem::unauthorized(detail));
        }
        Ok(csr)
    }

    fn issue(&mut self, number: usize, csr: &Csr) -> Result<usize, Problem> {
        let now = self.now();
        let order = &self.orders[number];
        let profile = order
            .profile
            .as_ref()
            .and_then(|name| self.switches.profiles.get(name));
        let lifetime = profile.map_or(self.switches.lifetime, |profile| profile.lifetime);
        let mut request = LeafRequest::for_csr(csr, lifetime, now);
        request.usage = self.switches.eku;
        if let (Dates::Honoured, Some(asked)) = (self.switches.dates, order.not_after) {
            request.not_after = request.not_after.min(asked);
        }
        if profile.is_some_and(|profile| profile.subject == Subject::FirstName) {
            let name = request.names.first().map(DomainName::as_str);
            request.common_name = name.filter(|name| name.len() <= 64).map(str::to_owned);
        }
        let leaf = self
            .issuer
            .issue(&request)
            .map_err(|error| Problem::new(500, "serverInternal", error.to_string()))?;
        Ok(self.remember(number, leaf))
    }

    fn remember(&mut self, number: usize, leaf: evercert_x509::Certificate) -> usize {
        let order = &self.orders[number];
        let ari = ari_certificate_id(&leaf).unwrap_or_default();
        let replaced = order.replaces.as_ref();
        let replaced = replaced.and_then(|id| self.certificate_of_ari.get(id).copied());
        let issued = Issued {
            account: order.account,
            order: number,
            leaf,
            ari: ari.clone(),
            identifiers: order.identifiers.clone(),
            at: self.now(),
            revoked: None,
            replaced_by: None,
        };
        self.certificates.push(issued);
        let certificate = self.certificates.len() - 1;
        self.certificate_of_ari.insert(ari, certificate);
        if let Some(replaced) = replaced {
            self.certificates[replaced].replaced_by = Some(certificate);
        }
        self.spend_certificate(number);
        certificate
    }
}

fn names_in(csr: &Csr) -> BTreeSet<Identifier> {
    let names = csr.names().into_iter().map(|name| Identifier {
        kind: "dns",
        value: name.as_str().to_owned(),
    });
    let ips = csr.ips().into_iter().map(|ip| Identifier {
        kind: "ip",
        value: ip.to_string(),
    });
    names.chain(ips).collect()
}
