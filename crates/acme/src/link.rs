//! `Link` headers: alternate chains and the next page of a list (RFC 8288, RFC 8555 §7.4.2).

/// The targets of every link with the relation `wanted`, in the order given.
pub(crate) fn targets<'a>(headers: impl IntoIterator<Item = &'a str>, wanted: &str) -> Vec<String> {
    headers
        .into_iter()
        .flat_map(parse)
        .filter(|(_, relations)| {
            relations
                .split_whitespace()
                .any(|relation| relation.eq_ignore_ascii_case(wanted))
        })
        .map(|(target, _)| target)
        .collect()
}

/// Target and relations of each link in one header.
fn parse(header: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    let mut rest = header;
    while let Some((target, after)) = rest
        .split_once('<')
        .and_then(|(_, after)| after.split_once('>'))
    {
        let (parameters, next) = split_unquoted(after, ',');
        if let Some(relations) = relations(parameters) {
            links.push((target.trim().to_owned(), relations));
        }
        rest = next;
    }
    links
}

fn relations(mut parameters: &str) -> Option<String> {
    while !parameters.is_empty() {
        let (parameter, rest) = split_unquoted(parameters, ';');
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            return Some(value.trim().trim_matches('"').to_owned());
        }
        parameters = rest;
    }
    None
}

/// Splits at the first `separator` outside quotation marks.
fn split_unquoted(text: &str, separator: char) -> (&str, &str) {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        if c == '"' {
            quoted = !quoted;
        } else if c == separator && !quoted {
            return (&text[..at], &text[at + c.len_utf8()..]);
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_by_relation_over_several_headers() {
        let headers = [
            r#"<https://ca/dir>;rel="index""#,
            r#"<https://ca/c/1/1>; rel="alternate", <https://ca/c/1/2>;title="a, b; c";rel=alternate"#,
            r#"<https://ca/c/1/3>; REL="up Alternate""#,
            "<https://ca/none>",
        ];

        assert_eq!(
            targets(headers, "alternate"),
            ["https://ca/c/1/1", "https://ca/c/1/2", "https://ca/c/1/3"]
        );
        assert_eq!(targets(headers, "index"), ["https://ca/dir"]);
        assert!(targets(headers, "next").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_found_among_anything(
            noise in "\\PC{0,40}",
            path in "[a-z0-9/]{1,20}",
        ) {
            let _ = targets([noise.as_str()], "alternate");
            let header = format!("<https://ca/{path}>;rel=\"alternate\"");
            proptest::prop_assert_eq!(
                targets([header.as_str()], "alternate"),
                [format!("https://ca/{path}")]
            );
        }
    }
}
