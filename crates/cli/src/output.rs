//! Results on standard output: aligned tables for people, JSON for machines.

use std::io::Write;

use anyhow::{Context, Result};

/// Where `--help` shows what is said, and how.
#[cfg(any(feature = "client", feature = "adc"))]
pub(crate) const HEADING: &str = "Output";

/// How results are printed.
#[cfg(any(feature = "client", feature = "adc"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// Aligned columns.
    #[default]
    Table,
    /// The API's own shape.
    Json,
}

/// Writes to standard output; a closed pipe (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("writing to standard output"),
    }
}

/// Prints a value as indented JSON.
#[cfg(any(feature = "client", feature = "adc"))]
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<()> {
    print(&(serde_json::to_string_pretty(value).context("printing JSON")? + "\n"))
}

/// Prints rows under headings, or says that there is nothing.
#[cfg(any(feature = "client", feature = "adc"))]
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> Result<()> {
    if rows.is_empty() {
        eprintln!("nothing yet");
        return Ok(());
    }
    print(&render(headings, rows))
}

/// Prints `label: value` lines, aligned.
#[cfg(feature = "client")]
pub(crate) fn fields(fields: &[(&str, String)]) -> Result<()> {
    let width = fields
        .iter()
        .map(|(label, _)| label.len())
        .max()
        .unwrap_or(0);
    let text: String = fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(label, value)| {
            format!(
                "{:<width$}  {value}\n",
                format!("{label}:"),
                width = width + 1
            )
        })
        .collect();
    print(&text)
}

/// Words after a lead, broken at blanks so that no line is wider than `width`; further lines stand under the words.
#[cfg(feature = "client")]
pub(crate) fn wrapped(lead: &str, words: &str, width: usize) -> String {
    let indent = lead.chars().count();
    let mut text = lead.to_owned();
    let mut column = indent;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            text += &format!("\n{:indent$}", "");
            column = indent;
        }
        if column > indent {
            text.push(' ');
            column += 1;
        }
        text += word;
        column += length;
    }
    text + "\n"
}

#[cfg(any(feature = "client", feature = "adc"))]
fn render(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = headings.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}", width = *width))
            .collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(headings.to_vec());
    for row in rows {
        text += &line(row.iter().map(String::as_str).collect());
    }
    text
}

/// A time as people read it: UTC to the minute.
#[cfg(feature = "client")]
pub(crate) fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A date ahead or behind, such as `in 59d` or `3h ago`.
#[cfg(feature = "client")]
#[expect(
    clippy::disallowed_methods,
    reason = "the command line shows times to a person, now"
)]
pub(crate) fn relative(at: jiff::Timestamp) -> String {
    let seconds = at.as_second() - jiff::Timestamp::now().as_second();
    let size = match seconds.unsigned_abs() {
        s @ 0..120 => format!("{s}s"),
        s @ 120..7_200 => format!("{}m", s / 60),
        s @ 7_200..172_800 => format!("{}h", s / 3_600),
        s => format!("{}d", s / 86_400),
    };
    match seconds {
        -1..=1 => "now".to_owned(),
        2.. => format!("in {size}"),
        _ => format!("{size} ago"),
    }
}

#[cfg(all(test, any(feature = "client", feature = "adc")))]
mod tests {
    use super::*;

    #[cfg(feature = "client")]
    #[test]
    fn words_are_wrapped_under_each_other() {
        let text = wrapped("Proof  ", "tried against the real software", 20);

        assert_eq!(
            text,
            "Proof  tried against\n       the real\n       software\n"
        );
    }

    #[test]
    fn columns_are_aligned() {
        let text = render(
            &["NAME", "STORE"],
            &[
                vec!["a-long-name".into(), "x".into()],
                vec!["b".into(), "y".into()],
            ],
        );

        assert_eq!(text, "NAME         STORE\na-long-name  x\nb            y\n");
    }
}
