//! PEM as people paste it (RFC 7468, laxly): any line ends, text between blocks, any order.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Most blocks one text may hold; a bundle of every public root stays below it.
pub const MAX_BLOCKS: usize = 1000;

/// One block: what stood between `-----BEGIN label-----` and `-----END label-----`.
pub struct Block {
    /// The label, such as `CERTIFICATE` or `PRIVATE KEY`.
    pub label: String,
    /// The decoded contents; wiped when dropped, as they may be a private key.
    pub der: Zeroizing<Vec<u8>>,
    /// The line of the text, counted from 1, at which the block begins.
    pub line: usize,
    /// Whether the block has RFC 1421 headers that say its contents are encrypted.
    pub encrypted: bool,
}

/// A text was not PEM, or did not hold what was looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// A block begins and never ends.
    #[error(
        "the PEM block \"{label}\" that begins at line {line} has no matching END line; copy the whole block"
    )]
    Unterminated {
        /// The block's label.
        label: String,
        /// Where it begins, from 1.
        line: usize,
    },
    /// The lines between BEGIN and END are not Base64.
    #[error(
        "the PEM block \"{label}\" that begins at line {line} is not valid Base64; copy the file again, unchanged"
    )]
    BadBase64 {
        /// The block's label.
        label: String,
        /// Where it begins, from 1.
        line: usize,
    },
    /// There are more than [`MAX_BLOCKS`] blocks.
    #[error("the text holds more than {MAX_BLOCKS} PEM blocks; split it")]
    TooMany,
    /// None of the blocks is of the kind looked for.
    #[error("no PEM block \"{wanted}\" was found; {found}")]
    Missing {
        /// The label looked for.
        wanted: &'static str,
        /// What was there instead, in words.
        found: String,
    },
}

/// Every block of `text`, in order; text outside of blocks is ignored.
///
/// # Errors
/// When a block is not closed, is not Base64, or there are too many. A text without any block is
/// no error here.
pub fn blocks(text: &str) -> Result<Vec<Block>, PemError> {
    let mut found = Vec::new();
    let mut open: Option<Open> = None;
    for (index, raw) in text.split('\n').enumerate() {
        let line = raw.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        if let Some(label) = boundary(line, "BEGIN") {
            if let Some(unfinished) = open.take() {
                return Err(unfinished.unterminated());
            }
            open = Some(Open::new(label, index + 1));
        } else if let Some(label) = boundary(line, "END") {
            match open.take() {
                Some(block) if block.label == label => found.push(block.close()?),
                Some(block) => return Err(block.unterminated()),
                None => {}
            }
        } else if let Some(block) = &mut open {
            block.push(line);
        }
        if found.len() > MAX_BLOCKS {
            return Err(PemError::TooMany);
        }
    }
    match open {
        Some(block) => Err(block.unterminated()),
        None => Ok(found),
    }
}

/// Writes one block, 64 columns, final line end.
pub fn encode(label: &str, der: &[u8]) -> String {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut out = String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40);
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

/// The error for a text that lacks a block, saying what it holds instead.
pub(crate) fn missing(wanted: &'static str, blocks: &[Block]) -> PemError {
    let found = if blocks.is_empty() {
        format!(
            "paste it with its lines -----BEGIN {wanted}----- and -----END {wanted}----- included"
        )
    } else {
        let mut labels: Vec<&str> = blocks.iter().map(|block| block.label.as_str()).collect();
        labels.dedup();
        labels.truncate(5);
        format!("the text holds only: {}", labels.join(", "))
    };
    PemError::Missing { wanted, found }
}

/// Whether a label is that of a certificate; OpenSSL knows three spellings.
pub(crate) fn is_certificate(label: &str) -> bool {
    matches!(
        label,
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"
    )
}

struct Open {
    label: String,
    line: usize,
    body: Zeroizing<String>,
    encrypted: bool,
}

impl Open {
    fn new(label: &str, line: usize) -> Self {
        Self {
            label: label.to_owned(),
            line,
            body: Zeroizing::new(String::new()),
            encrypted: false,
        }
    }

    fn push(&mut self, line: &str) {
        // A colon is no Base64 character: the line is an RFC 1421 header.
        if line.contains(':') {
            self.encrypted |= line.starts_with("Proc-Type") && line.contains("ENCRYPTED");
        } else {
            self.body
                .extend(line.chars().filter(|c| !c.is_whitespace()));
        }
    }

    fn close(self) -> Result<Block, PemError> {
        let der = STANDARD
            .decode(self.body.as_bytes())
            .map_err(|_| PemError::BadBase64 {
                label: self.label.clone(),
                line: self.line,
            })?;
        Ok(Block {
            label: self.label,
            der: Zeroizing::new(der),
            line: self.line,
            encrypted: self.encrypted,
        })
    }

    fn unterminated(self) -> PemError {
        PemError::Unterminated {
            label: self.label,
            line: self.line,
        }
    }
}

fn boundary<'a>(line: &'a str, kind: &str) -> Option<&'a str> {
    line.strip_prefix("-----")?
        .strip_prefix(kind)?
        .strip_prefix(' ')?
        .strip_suffix("-----")
        .map(str::trim)
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block")
            .field("label", &self.label)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_between_blocks_and_foreign_line_ends_are_tolerated() {
        let text = format!(
            "\u{feff}Bag Attributes\r\n  friendlyName: x\r\n{}subject=CN = a: b\r\n{}trailer",
            encode("CERTIFICATE", &[1, 2, 3]).replace('\n', "\r\n"),
            encode("PRIVATE KEY", &[4; 100]).replace('\n', "  \r\n\t"),
        );

        let blocks = blocks(&text).unwrap();

        assert_eq!(blocks.len(), 2);
        assert_eq!(&**blocks[0].der, [1, 2, 3]);
        assert_eq!(
            (blocks[1].label.as_str(), blocks[1].der.len()),
            ("PRIVATE KEY", 100)
        );
    }

    #[test]
    fn a_block_without_end_says_where_it_begins() {
        let text = "x\n-----BEGIN CERTIFICATE-----\nAAAA\n";

        let error = blocks(text).unwrap_err();

        assert_eq!(
            error,
            PemError::Unterminated {
                label: "CERTIFICATE".into(),
                line: 2
            }
        );
    }

    #[test]
    fn a_damaged_body_is_refused() {
        let text = "-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----\n";

        assert!(matches!(
            blocks(text),
            Err(PemError::BadBase64 { line: 1, .. })
        ));
    }

    #[test]
    fn a_second_begin_before_the_end_is_refused() {
        let text = "-----BEGIN A-----\nAAAA\n-----BEGIN B-----\nAAAA\n-----END B-----\n";

        assert!(matches!(
            blocks(text),
            Err(PemError::Unterminated { line: 1, .. })
        ));
    }

    #[test]
    fn debug_never_shows_the_contents() {
        let block = blocks(&encode("PRIVATE KEY", b"secret")).unwrap().remove(0);

        assert!(!format!("{block:?}").contains("115"));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6)) {
            let text: String = bodies.iter().map(|body| encode("X", body)).collect();
            let read: Vec<Vec<u8>> = blocks(&text).unwrap().into_iter().map(|b| b.der.to_vec()).collect();
            prop_assert_eq!(read, bodies);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "(-----(BEGIN|END) [A-C]-----|[A-Za-z+/=:]{0,9}|\r?\n|.){0,40}") {
            drop(blocks(&text));
        }
    }
}
