//! A person who writes the records: the order says which, waits until they are seen, and says when they may go.
//!
//! This type writes nothing. Who drives orders sees by [`Provider::by_hand`] that a person is to be asked.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{DnsError, Fault, Step};
use crate::provider::{
    Caps, CheckReport, Context, Descriptor, Field, Maker, Provider, Receipt, Settings, TxtTarget,
};
use crate::setting::Reader;

const CODE: &str = "manual";

pub(super) static DESCRIPTOR: Descriptor = Descriptor {
    code: CODE,
    name: "Manual",
    docs: "https://www.rfc-editor.org/rfc/rfc8555#section-8.4",
    least_privilege: None,
    notes: &[
        "Every renewal waits for a person: `evercert cert challenges NAME` shows what to write, and the order goes on when \
         it is seen or with `evercert cert confirm-dns NAME`. Delegate the challenge name by CNAME to something that a \
         program can write, where you can.",
    ],
    fields: &[Field::text(
        "contact",
        "Contact",
        "Who writes the records, for those who see an order wait: a team, an address, a ticket queue.",
    )],
    one_of: &[],
    unofficial: false,
    caps: CAPS,
    build: Maker::Native(build),
};

const CAPS: Caps = Caps {
    propagation_limit: Duration::from_secs(7 * 86_400),
    propagation_poll: Duration::from_secs(300),
    ..Caps::PLAIN
};

#[derive(Debug)]
struct Manual {
    contact: String,
}

fn build(settings: &Settings, _: &Context) -> Result<Box<dyn Provider>, DnsError> {
    let reader = Reader::new(CODE, DESCRIPTOR.fields, settings)?;
    Ok(Box::new(Manual {
        contact: reader.required("contact")?.to_owned(),
    }))
}

#[async_trait]
impl Provider for Manual {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        Err(self.asked(Step::Add, target))
    }

    async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
        Err(self.asked(Step::Remove, target))
    }

    async fn check(&self, _: Option<&str>) -> Result<CheckReport, DnsError> {
        Ok(CheckReport {
            zone: None,
            notes: vec![format!("Records are written by hand: {}.", self.contact)],
        })
    }

    fn caps(&self) -> Caps {
        CAPS
    }

    fn by_hand(&self) -> Option<&str> {
        Some(&self.contact)
    }
}

impl Manual {
    fn asked(&self, step: Step, target: &TxtTarget) -> DnsError {
        let what = "records are written by hand here, not by a program";
        let error = DnsError::new(CODE, step, Fault::Configuration, what);
        let remedy = format!(
            "ask for a certificate, and let {} write what the order names",
            self.contact
        );
        error.at_name(&target.fqdn).with_remedy(remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_names_whom_to_ask_and_writes_nothing() {
        let settings = [("contact".to_owned(), "dns@example.org".to_owned().into())].into();
        let manual = crate::repeating(crate::build(CODE, &settings).unwrap());
        let target = TxtTarget::new("_acme-challenge.example.org", "v");

        assert_eq!(manual.by_hand(), Some("dns@example.org"));
        let error = manual.add(&target).await.unwrap_err();
        assert!(
            error.remedy().contains("dns@example.org") && !error.is_retryable(),
            "{error}"
        );
        assert!(manual.remove(&target, None).await.is_err());
        assert!(manual.check(None).await.unwrap().notes[0].contains("dns@example.org"));
    }
}
