//! Names that fail again and again, or that the CA paused, are kept from the CA; once a day one order may try.

use evercert_db::failing_names::FailingName;
use evercert_db::vendors::Vendor;
use jiff::{SignedDuration, Timestamp};

use super::rules::{Kind, Rule, rules};
use crate::lifecycle::failure::{Class, Failure, Stage};
use crate::lifecycle::issue::{Drive, Halt};

/// Failures in a row after which a name is left alone, where the CA's own limit is not lower still.
const MOST: u32 = 100;

/// A name left alone may be tried again after so long: one try a day never brings a CA to pause it.
const PROBE: SignedDuration = SignedDuration::from_hours(24);

/// After how many failures in a row a name is left alone: a tenth of what makes the CA pause it.
pub(crate) fn threshold(rules: &[Rule]) -> u32 {
    let own = rules.iter().find(|rule| rule.kind == Kind::InARow);
    own.map_or(MOST, |rule| (rule.burst / 10).clamp(1, MOST))
}

/// Until when a name is left alone; none: it may be tried.
pub(crate) fn blocked_until(
    failing: &FailingName,
    threshold: u32,
    now: Timestamp,
) -> Option<Timestamp> {
    let open = failing.unpause_url.is_some() || failing.failures >= u64::from(threshold);
    let until = failing
        .failed_at
        .checked_add(PROBE)
        .unwrap_or(Timestamp::MAX);
    Some(until).filter(|until| open && *until > now)
}

impl Drive<'_> {
    /// Stops an order whose names are left alone; what an operator forces goes through.
    pub(crate) async fn check_breaker(&self, vendor: &Vendor) -> Result<(), Halt> {
        if self.order.reason == "forced" {
            return Ok(());
        }
        let threshold = threshold(&rules(vendor));
        let bases = self.goods().bases();
        for failing in self.console.db.failing_names(vendor.id).await? {
            let Some(until) = blocked_until(&failing, threshold, self.console.now()) else {
                continue;
            };
            if bases.contains(&failing.name) {
                return Err(left_alone(&self.certificate.name, &failing, until).into());
            }
        }
        Ok(())
    }
}

fn left_alone(certificate: &str, failing: &FailingName, until: Timestamp) -> Failure {
    let name = &failing.name;
    let retry = format!("`evercert cert renew {certificate} --force` tries at once");
    if let Some(url) = &failing.unpause_url {
        let message = format!("The CA has paused {name} for this account after many failures.");
        return Failure::new(Stage::Ledger, Class::Configuration, "acme.paused", message).with_remedy(format!(
            "Waiting does not help: unpause it at {url}. Then {retry}; else one order tries at {until}."
        ));
    }
    let message = format!(
        "{name} failed {} times in a row; it is left alone so that the CA does not pause it.",
        failing.failures
    );
    Failure::new(Stage::Ledger, Class::Configuration, "limit.name_left_alone", message).with_remedy(format!(
        "Put right what the CA said about {name}. Any change of vendors, providers or mappings, or a success, ends \
         this; {retry}; else one order tries at {until}."
    ))
}

#[cfg(test)]
mod tests {
    use super::super::rules::tests::lets_encrypt;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failing(failures: u64, unpause_url: Option<&str>) -> FailingName {
        FailingName {
            name: "www.example.com".to_owned(),
            failures,
            failed_at: at(1_000),
            unpause_url: unpause_url.map(str::to_owned),
        }
    }

    #[test]
    fn we_stop_long_before_the_ca_would() {
        assert_eq!(threshold(&rules(&lets_encrypt())), 100);
        assert_eq!(threshold(&[]), 100);
        let mut vendor = lets_encrypt();
        let strict = evercert_db::terms::LimitTerms {
            burst: 30,
            refill_secs: 86_400,
            exempt: None,
        };
        vendor
            .options
            .limits
            .insert("consecutive_failures_per_name".to_owned(), strict);
        assert_eq!(threshold(&rules(&vendor)), 3);
    }

    #[test]
    fn a_name_left_alone_is_tried_once_a_day() {
        let day = 86_400;
        assert_eq!(blocked_until(&failing(99, None), 100, at(1_001)), None);
        assert_eq!(
            blocked_until(&failing(100, None), 100, at(1_001)),
            Some(at(1_000 + day))
        );
        assert_eq!(
            blocked_until(&failing(100, None), 100, at(1_000 + day)),
            None
        );
        assert!(blocked_until(&failing(0, Some("https://ca/u")), 100, at(1_001)).is_some());
    }
}
