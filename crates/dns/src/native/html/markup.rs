//! HTML as a flat list of tags and texts: enough to find rows, links and fields, and never wrong about nesting.

/// A piece of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A start tag: lower-case name, attributes with their entities decoded.
    Start {
        name: String,
        attributes: Vec<(String, String)>,
    },
    End(String),
    /// Text between tags, decoded and trimmed; never empty.
    Text(String),
}

impl Piece {
    /// The attribute of a start tag of that name.
    pub(super) fn attribute(&self, wanted: &str, attribute: &str) -> Option<&str> {
        match self {
            Self::Start { name, attributes } if name == wanted => {
                let found = attributes.iter().find(|(key, _)| key == attribute);
                found.map(|(_, value)| value.as_str())
            }
            _ => None,
        }
    }
}

/// The pieces of a page; comments, scripts and styles are left out.
pub(super) fn pieces(html: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        push_text(&mut pieces, &rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, tail)| tail);
            continue;
        }
        let Some((inside, tail)) = tag(&rest[1..]) else {
            // A lone bracket.
            push_text(&mut pieces, "<");
            rest = &rest[1..];
            continue;
        };
        rest = tail;
        let piece = read_tag(inside);
        if let Some(Piece::Start { name, .. }) = &piece
            && matches!(name.as_str(), "script" | "style")
        {
            let end = format!("</{name}");
            let lower = rest.to_ascii_lowercase();
            rest = lower.find(&end).map_or("", |at| &rest[at..]);
        }
        pieces.extend(piece);
    }
    push_text(&mut pieces, rest);
    pieces
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    let text = decode(text);
    let text = text.trim();
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// What stands in a tag, and what follows it; a bracket within quotes does not end it.
fn tag(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        return None;
    }
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some((&text[..at], &text[at + 1..])),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

fn read_tag(inside: &str) -> Option<Piece> {
    if let Some(name) = inside.strip_prefix('/') {
        return Some(Piece::End(name.trim().to_ascii_lowercase()));
    }
    if inside.starts_with(['!', '?']) {
        return None;
    }
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    let end = inside.find(char::is_whitespace).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    Some(Piece::Start {
        name: name.to_ascii_lowercase(),
        attributes: attributes(rest),
    })
}

fn attributes(text: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let (key, tail) = rest.split_at(end);
        let tail = tail.trim_start();
        let Some(value) = tail.strip_prefix('=') else {
            if !key.is_empty() {
                found.push((key.to_ascii_lowercase(), String::new()));
            }
            rest = tail;
            continue;
        };
        let value = value.trim_start();
        let (value, tail) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inside = &value[1..];
                inside.split_once(quote).unwrap_or((inside, ""))
            }
            _ => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        found.push((key.to_ascii_lowercase(), decode(value)));
        rest = tail.trim_start();
    }
    found
}

/// The text with its character references replaced.
pub(super) fn decode(text: &str) -> String {
    let (mut decoded, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let reference = rest[1..].split_once(';').filter(|(name, _)| name.len() < 9);
        match reference.and_then(|(name, tail)| Some((character(name)?, tail))) {
            Some((c, tail)) => {
                decoded.push(c);
                rest = tail;
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_attributes_and_texts_are_told_apart() {
        let page = "<!DOCTYPE html><!-- <b> --><TR class=dns_tr ID='7'><td data=\"&quot;a&gt;b&quot;\" hidden>x &amp; y</td><br/><script>if (a<b) {}</script>&#65;";
        let pieces = pieces(page);

        assert_eq!(pieces[0].attribute("tr", "id"), Some("7"));
        assert_eq!(pieces[0].attribute("tr", "class"), Some("dns_tr"));
        assert_eq!(pieces[1].attribute("td", "data"), Some("\"a>b\""));
        assert_eq!(pieces[1].attribute("td", "hidden"), Some(""));
        assert_eq!(pieces[2], Piece::Text("x & y".to_owned()));
        assert_eq!(pieces[4].attribute("br", "x"), None);
        assert_eq!(pieces.last(), Some(&Piece::Text("A".to_owned())));
    }

    proptest::proptest! {
        #[test]
        fn no_page_is_too_strange(text in "[<>/!a-z\"'= &;#-]{0,80}|\\PC{0,60}") {
            pieces(&text);
        }
    }
}
