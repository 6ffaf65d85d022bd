//! Durations as people write them: `30d`, `12h`, `600s`, `1d12h`.

use jiff::SignedDuration;

/// A duration's text was malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a duration; write a number and a unit (s, m, h, d, w), such as 30d or 1d12h"
)]
pub struct SpanError(String);

/// Reads a duration; a day is 24 hours, a bare number is seconds.
///
/// # Errors
/// When a unit is missing or unknown, or the number does not fit.
pub fn parse_span(text: &str) -> Result<SignedDuration, SpanError> {
    let error = || SpanError(text.to_owned());
    let (mut total, mut number) = (0i64, None::<i64>);
    for c in text.trim().chars() {
        if let Some(digit) = c.to_digit(10) {
            let grown = number
                .unwrap_or(0)
                .checked_mul(10)
                .and_then(|n| n.checked_add(digit.into()));
            number = Some(grown.ok_or_else(error)?);
            continue;
        }
        let seconds = match c {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(error()),
        };
        let amount = number
            .take()
            .ok_or_else(error)?
            .checked_mul(seconds)
            .ok_or_else(error)?;
        total = total.checked_add(amount).ok_or_else(error)?;
    }
    match (number, text.trim().is_empty()) {
        (_, true) => Err(error()),
        (Some(seconds), _) if total == 0 => Ok(SignedDuration::from_secs(seconds)),
        (Some(_), _) => Err(error()),
        (None, _) => Ok(SignedDuration::from_secs(total)),
    }
}

/// Writes a duration the way [`parse_span`] reads it, in the largest units that divide it.
pub fn format_span(span: SignedDuration) -> String {
    let mut rest = span.as_secs();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = if rest < 0 {
        "-".to_owned()
    } else {
        String::new()
    };
    rest = rest.abs();
    for (unit, seconds) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        if rest >= seconds {
            text.push_str(&format!("{}{unit}", rest / seconds));
            rest %= seconds;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        assert_eq!(parse_span("30d").unwrap().as_secs(), 2_592_000);
        assert_eq!(parse_span("1d12h").unwrap().as_secs(), 129_600);
        assert_eq!(parse_span("600").unwrap().as_secs(), 600);
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in ["", "d", "30x", "1h30", "99999999999999999999d"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in 0i64..10_000_000) {
            let span = SignedDuration::from_secs(seconds);
            proptest::prop_assert_eq!(parse_span(&format_span(span)), Ok(span));
        }
    }
}
