//! The forms in which DNS servers hand out TSIG keys.

use evercert_types::Secret;

use crate::tsig::{TsigAlgorithm, TsigKey, TsigKeyError};

/// What a form yields: algorithm if it says one, name, secret.
struct Parts<'a> {
    algorithm: Option<&'a str>,
    name: &'a str,
    secret: &'a str,
}

/// Reads the first key of the text; see [`TsigKey::parse`].
pub(crate) fn parse(text: &Secret<String>) -> Result<TsigKey, TsigKeyError> {
    let text = text.expose().trim();
    let parts = bind(text)
        .or_else(|| knot_yaml(text))
        .or_else(|| key_record(text))
        .or_else(|| one_line(text))
        .ok_or(TsigKeyError::Form)?;
    let algorithm = match parts.algorithm {
        Some(name) => name.parse()?,
        None => TsigAlgorithm::HmacSha256,
    };
    TsigKey::new(parts.name, algorithm, &Secret::new(parts.secret.to_owned()))
}

/// The private half of a `K<name>.+<algorithm>+<tag>` pair; the name stands in the file's name.
pub(crate) fn parse_private(
    file_name: &str,
    text: &Secret<String>,
) -> Result<TsigKey, TsigKeyError> {
    let name = file_name
        .strip_prefix('K')
        .and_then(|rest| rest.split_once('+'))
        .map(|(name, _)| name)
        .ok_or(TsigKeyError::Form)?;
    let field = |label: &str| {
        let mut lines = text.expose().lines();
        lines
            .find_map(|line| line.strip_prefix(label))
            .map(str::trim)
    };
    let number = field("Algorithm:").and_then(|text| text.split(' ').next());
    let algorithm = number.and_then(by_number).ok_or(TsigKeyError::Form)?;
    let secret = field("Key:").ok_or(TsigKeyError::Form)?;
    TsigKey::new(name, algorithm.parse()?, &Secret::new(secret.to_owned()))
}

/// `key "name" { algorithm hmac-sha256; secret "…"; };`
fn bind(text: &str) -> Option<Parts<'_>> {
    let start = text.find("key")?;
    let (head, rest) = text[start + 3..].split_once('{')?;
    let (body, _) = rest.split_once('}')?;
    let clause = |word: &str| {
        let mut clauses = body.split(';').map(str::trim);
        clauses
            .find_map(|clause| clause.strip_prefix(word))
            .map(bare)
    };
    Some(Parts {
        algorithm: clause("algorithm"),
        name: bare(head),
        secret: clause("secret")?,
    })
}

/// What `keymgr -t` prints: a list item with `id`, `algorithm` and `secret`.
fn knot_yaml(text: &str) -> Option<Parts<'_>> {
    let field = |label: &str| {
        text.lines()
            .map(|line| line.trim().trim_start_matches("- ").trim())
            .find_map(|line| line.strip_prefix(label))
            .map(bare)
    };
    Some(Parts {
        algorithm: field("algorithm:"),
        name: field("id:")?,
        secret: field("secret:")?,
    })
}

/// `name. IN KEY 512 3 163 secret`, the public half of a `K*` pair.
fn key_record(text: &str) -> Option<Parts<'_>> {
    let line = text.lines().find(|line| line.contains(" KEY "))?;
    let (owner, data) = line.split_once(" KEY ")?;
    let mut fields = data.trim().splitn(4, ' ');
    let (_flags, _protocol, number) = (fields.next()?, fields.next()?, fields.next()?);
    Some(Parts {
        algorithm: Some(by_number(number)?),
        name: owner.split_whitespace().next()?,
        secret: fields.next()?,
    })
}

/// `algorithm:name:secret`, `name:secret` or `[algorithm:]name secret`; a leading `#` is ignored.
fn one_line(text: &str) -> Option<Parts<'_>> {
    let line = text.lines().next()?.trim_start_matches('#').trim();
    let (head, secret) = line
        .split_once(char::is_whitespace)
        .or_else(|| line.rsplit_once(':'))?;
    let (algorithm, name) = match head.split_once(':') {
        Some((algorithm, name)) => (Some(algorithm), name),
        None => (None, head),
    };
    let complete = !name.is_empty() && !secret.trim().is_empty();
    complete.then(|| Parts {
        algorithm,
        name,
        secret: secret.trim(),
    })
}

fn bare(text: &str) -> &str {
    text.trim().trim_matches('"').trim()
}

/// DNSSEC algorithm numbers that BIND uses for TSIG keys.
fn by_number(number: &str) -> Option<&'static str> {
    Some(match number {
        "157" => "hmac-md5",
        "161" => "hmac-sha1",
        "162" => "hmac-sha224",
        "163" => "hmac-sha256",
        "164" => "hmac-sha384",
        "165" => "hmac-sha512",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, TsigAlgorithm), TsigKeyError> {
        let key = parse(&Secret::new(text.to_owned()))?;
        Ok((key.name().to_owned(), key.algorithm()))
    }

    #[test]
    fn every_usual_form_is_read() {
        let forms = [
            "key \"acme.\" {\n\talgorithm hmac-sha512;\n\tsecret \"c2VjcmV0\";\n};\nkey \"b\" { };",
            "# hmac-sha512:acme:c2VjcmV0\nkey:\n  - id: acme\n    algorithm: hmac-sha512\n    secret: c2VjcmV0\n",
            "hmac-sha512:acme:c2VjcmV0",
            "hmac-sha512:acme c2VjcmV0",
            "acme. IN KEY 512 3 165 c2Vj cmV0",
        ];
        for form in forms {
            let expected = ("acme".to_owned(), TsigAlgorithm::HmacSha512);
            assert_eq!(read(form), Ok(expected), "{form}");
        }
    }

    #[test]
    fn without_algorithm_it_is_sha256() {
        for form in [
            "acme c2VjcmV0",
            "acme:c2VjcmV0",
            "key a { secret \"c2VjcmV0\"; };",
        ] {
            assert_eq!(read(form).unwrap().1, TsigAlgorithm::HmacSha256, "{form}");
        }
    }

    #[test]
    fn private_files_take_their_name_from_the_file() {
        let text =
            "Private-key-format: v1.3\nAlgorithm: 163 (HMAC_SHA256)\nKey: c2VjcmV0\nBits: AAA=\n";
        let secret = Secret::new(text.to_owned());

        let key = parse_private("Kacme.example.+163+01234.private", &secret).unwrap();

        assert_eq!(key.name(), "acme.example");
        assert!(parse_private("other.private", &secret).is_err());
    }

    #[test]
    fn what_is_no_key_says_so_without_showing_it() {
        assert_eq!(read(""), Err(TsigKeyError::Form));
        assert_eq!(read("nothing"), Err(TsigKeyError::Form));
        assert_eq!(
            read("hmac-md4:acme:c2VjcmV0"),
            Err(TsigKeyError::Algorithm("hmac-md4".to_owned()))
        );
        let error = read("acme:not-base-64!").unwrap_err();
        assert!(!error.to_string().contains("not-base"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,120}") {
            drop(read(&text));
        }
    }
}
