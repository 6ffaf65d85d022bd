//! Our clock against the CA's: signed DNS requests, validity and waiting times depend on it.

use evercert_dns::Fault;
use jiff::SignedDuration;

/// A difference up to this is nothing to speak of.
const SMALL: SignedDuration = SignedDuration::from_secs(60);
/// Signed requests bear less than this: TSIG 5 minutes, AWS 15.
pub(crate) const SIGNED: SignedDuration = SignedDuration::from_secs(240);

const REMEDY: &str =
    "Set this host's clock by NTP; signed DNS requests fail when it is 5 minutes off.";

/// What to say of a difference (the CA's clock ahead of ours), if anything; with the remedy.
pub(crate) fn warning(skew: SignedDuration) -> Option<(String, &'static str)> {
    (skew.abs() > SMALL).then(|| (describe(skew), REMEDY))
}

/// The difference in words.
pub(crate) fn describe(skew: SignedDuration) -> String {
    match skew.as_secs() {
        0 => "this host's clock agrees with the CA's".to_owned(),
        ahead @ 1.. => format!("this host's clock is {ahead} s behind the CA's"),
        behind => format!("this host's clock is {} s ahead of the CA's", -behind),
    }
}

/// What the CA's clock says about a signature that was refused: whose clock, or the secret.
pub(crate) fn verdict(fault: Fault, skew: Option<SignedDuration>) -> String {
    let Some(skew) = skew else {
        return String::new();
    };
    let so = match fault {
        _ if skew.abs() >= SIGNED => "",
        Fault::Clock => ": so it is the DNS server's clock that is wrong",
        _ => ": so it is the secret",
    };
    let said = describe(skew);
    format!(". By the date of the CA's answers {said}{so}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_borne() {
        assert_eq!(warning(SignedDuration::from_secs(-60)), None);
        let (detail, _) = warning(SignedDuration::from_secs(-612)).unwrap();
        assert_eq!(detail, "this host's clock is 612 s ahead of the CA's");
        let (detail, _) = warning(SignedDuration::from_secs(61)).unwrap();
        assert_eq!(detail, "this host's clock is 61 s behind the CA's");
    }

    #[test]
    fn the_secret_is_to_blame_where_the_clock_is_right() {
        let (none, much) = (SignedDuration::ZERO, SignedDuration::from_mins(10));

        assert!(verdict(Fault::Credentials, Some(none)).ends_with("it is the secret"));
        assert!(verdict(Fault::Clock, Some(none)).contains("the DNS server's clock"));
        assert!(verdict(Fault::Credentials, Some(much)).ends_with("600 s behind the CA's"));
        assert_eq!(verdict(Fault::Clock, None), "");
    }
}
