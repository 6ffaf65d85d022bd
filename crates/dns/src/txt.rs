//! TXT values: cut into character strings for the wire, quoted for master files, and read back.

/// A character string holds at most so many octets (RFC 1035 §3.3).
const STRING: usize = 255;

/// The character strings of a value.
pub(crate) fn strings(value: &str) -> Vec<&[u8]> {
    if value.is_empty() {
        return vec![b""];
    }
    value.as_bytes().chunks(STRING).collect()
}

/// The value in quotes, as master files have it.
pub(crate) fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    for (index, string) in strings(value).into_iter().enumerate() {
        if index > 0 {
            quoted.push(' ');
        }
        quoted.push('"');
        for &octet in string {
            match octet {
                b'"' | b'\\' => quoted.extend(['\\', char::from(octet)]),
                b' '..=b'~' => quoted.push(char::from(octet)),
                _ => quoted.push_str(&format!("\\{octet:03}")),
            }
        }
        quoted.push('"');
    }
    quoted
}

/// The value of a master file's text: strings joined, quotes and escapes undone.
///
/// A text that does not begin with a quote is the value itself: services that show values plainly show their spaces,
/// quotes and backslashes plainly, too, and sets are written back as they were read.
pub(crate) fn unquote(text: &str) -> String {
    let text = text.trim();
    if !text.starts_with('"') {
        return text.to_owned();
    }
    let (mut value, mut quoted) = (Vec::new(), false);
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'"' => quoted = !quoted,
            b'\\' => value.push(escaped(&mut octets)),
            b' ' | b'\t' if !quoted => {}
            other => value.push(other),
        }
    }
    String::from_utf8_lossy(&value).into_owned()
}

/// After a backslash: three digits are an octet, anything else stands for itself.
fn escaped(octets: &mut std::str::Bytes<'_>) -> u8 {
    let digits = octets
        .clone()
        .take(3)
        .map(|octet| char::from(octet).to_digit(10));
    let number = digits.collect::<Option<Vec<u32>>>();
    match number.as_deref() {
        Some([a, b, c]) if a * 100 + b * 10 + c < 256 => {
            octets.nth(2);
            u8::try_from(a * 100 + b * 10 + c).unwrap_or(b'?')
        }
        _ => octets.next().unwrap_or(b'\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_follows_master_files() {
        assert_eq!(quote("abc"), r#""abc""#);
        assert_eq!(quote(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(quote("é"), r#""\195\169""#);
        assert_eq!(unquote(r#""abc" "def""#), "abcdef");
        assert_eq!(unquote(r#""a b"  "c""#), "a bc");
        assert_eq!(unquote("plain"), "plain");
        assert_eq!(unquote(r#""\999\"#), r"999\");
        assert_eq!(unquote(r#" v=DMARC1; x="y\z" "#), r#"v=DMARC1; x="y\z""#);
    }

    #[test]
    fn long_values_are_cut_into_strings() {
        let long = "x".repeat(600);

        let lengths: Vec<usize> = strings(&long).iter().map(|s| s.len()).collect();

        assert_eq!(lengths, [255, 255, 90]);
    }

    proptest::proptest! {
        #[test]
        fn unquoting_undoes_quoting(value in "\\PC{0,300}") {
            proptest::prop_assert_eq!(unquote(&quote(&value)), value);
        }

        #[test]
        fn unquoting_never_panics(text in ".{0,80}") {
            unquote(&text);
        }
    }
}
