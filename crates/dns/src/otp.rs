//! One-time passwords from a shared secret and the time (RFC 6238): six digits, a new one every 30 seconds.

use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::Timestamp;

const STEP: i64 = 30;
const DIGITS: u32 = 1_000_000;

/// The number of the time step.
pub(crate) fn step(now: Timestamp) -> i64 {
    now.as_second().div_euclid(STEP)
}

/// How long it is until the next step.
pub(crate) fn until_next(now: Timestamp) -> Duration {
    let left = STEP - now.as_second().rem_euclid(STEP);
    Duration::from_secs(left.unsigned_abs())
}

/// Whether a text is a secret as services show it: Base32, in groups or not.
pub(crate) fn is_secret(text: &str) -> bool {
    decode(text).is_some_and(|secret| !secret.is_empty())
}

/// The password of the time; `None` when the secret is not Base32.
pub(crate) fn code(secret: &str, now: Timestamp) -> Option<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &decode(secret)?);
    let tag = hmac::sign(&key, &step(now).to_be_bytes());
    let tag = tag.as_ref();
    // Dynamic truncation (RFC 4226 §5.3).
    let at = usize::from(tag.last()? & 0x0f);
    let four: [u8; 4] = tag.get(at..at + 4)?.try_into().ok()?;
    let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % DIGITS;
    Some(format!("{number:06}"))
}

/// Base32 (RFC 4648 §6), in either case, with or without spaces, dashes and padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut octets, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
    for c in text.chars().filter(|c| !matches!(c, ' ' | '-' | '=')) {
        let five = match c.to_ascii_uppercase() {
            letter @ 'A'..='Z' => u32::from(letter) - u32::from('A'),
            digit @ '2'..='7' => u32::from(digit) - u32::from('2') + 26,
            _ => return None,
        };
        bits = (bits << 5) | five;
        held += 5;
        if held >= 8 {
            held -= 8;
            octets.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_s_examples_come_out() {
        // RFC 6238, appendix B; the last six of its eight digits.
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (seconds, digits) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_second(seconds).unwrap();
            assert_eq!(code(secret, now).unwrap(), digits);
        }
    }

    #[test]
    fn secrets_are_read_as_services_show_them() {
        let now = Timestamp::from_second(59).unwrap();
        let grouped = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq";

        assert_eq!(code(grouped, now).unwrap(), "287082");
        assert!(code("not base 32!", now).is_none());
        assert!(!is_secret("") && !is_secret("10"));
        assert_eq!(until_next(now), Duration::from_secs(1));
    }
}
