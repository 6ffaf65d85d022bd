//! Our clock against the CA's: signed DNS requests, validity and waiting times depend on it.

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

/// What the CA's clock says about a signature that was refused: the clock, or the secret.
pub(crate) fn verdict(skew: Option<SignedDuration>) -> String {
    match skew {
        None => String::new(),
        Some(skew) if skew.abs() < SIGNED => format!(
            ". By the date of the CA's answers {}: so it is the secret, or the DNS server's clock",
            describe(skew)
        ),
        Some(skew) => format!(". By the date of the CA's answers {}", describe(skew)),
    }
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
        assert!(verdict(Some(SignedDuration::ZERO)).contains("it is the secret"));
        assert!(!verdict(Some(SignedDuration::from_mins(10))).contains("secret"));
        assert_eq!(verdict(None), "");
    }
}
