//! Lines from a file, a pipe or the command line: echoed as NetScaler's batch does, stopped at the first error.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use anyhow::{Context, Result};
use evercert_ns::grammar::mask_line;

use crate::output;
use crate::shell::{Answer, Failure, Session};

/// Deepest that batches may call batches.
const DEPTH: usize = 8;

/// What an error does to the lines after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// They are not executed.
    Stop,
    /// They are executed.
    KeepGoing,
}

/// Whether lines are printed before they are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// `exec: <line>`, secrets masked.
    Lines,
    /// Only answers.
    Nothing,
}

/// How a batch is executed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// After an error.
    pub(crate) on_error: OnError,
    /// Before a line.
    pub(crate) echo: Echo,
}

/// Executes lines; answers the exit code: that of the first error.
pub(crate) async fn run(session: &Session, text: &str, style: Style) -> Result<u8> {
    lines(session, text, style, 0).await
}

/// Executes the lines of a file.
pub(crate) async fn file(session: &Session, path: &Path, style: Style) -> Result<u8> {
    lines(session, &read(path)?, style, 1).await
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("reading the commands in {}", path.display()))
}

fn lines<'a>(
    session: &'a Session,
    text: &'a str,
    style: Style,
    depth: usize,
) -> Pin<Box<dyn Future<Output = Result<u8>> + Send + 'a>> {
    Box::pin(async move {
        let mut exit = 0;
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if style.echo == Echo::Lines {
                output::print(&format!("exec: {}\n", mask_line(line)))?;
            }
            let code = match session.execute(line).await {
                Ok(Answer::Text(text)) => {
                    output::print(&text)?;
                    0
                }
                Ok(Answer::Leave) => return Ok(exit),
                Ok(Answer::History) => 0,
                Ok(Answer::Batch(path)) => nested(session, &path, style, depth).await?,
                Err(failure) => report(&failure),
            };
            if exit == 0 {
                exit = code;
            }
            if code != 0 && style.on_error == OnError::Stop {
                return Ok(exit);
            }
        }
        Ok(exit)
    })
}

async fn nested(session: &Session, path: &Path, style: Style, depth: usize) -> Result<u8> {
    if depth >= DEPTH {
        return Ok(report(&Failure::plain(
            "Batches call each other too deeply",
        )));
    }
    match read(path) {
        Ok(text) => {
            let style = Style {
                echo: Echo::Lines,
                ..style
            };
            lines(session, &text, style, depth + 1).await
        }
        Err(error) => Ok(report(&Failure::from(error))),
    }
}

/// Errors go to standard error, so that answers can be piped on.
pub(super) fn report(failure: &Failure) -> u8 {
    eprint!("{}", failure.text);
    failure.exit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Output;
    use crate::shell::stub::Stub;

    const QUIET: Style = Style {
        on_error: OnError::Stop,
        echo: Echo::Nothing,
    };

    #[tokio::test]
    async fn the_first_error_stops_the_batch() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);

        let exit = run(
            &session,
            "# first\n\nrm server nowhere\nshow server\n",
            QUIET,
        )
        .await;

        assert_eq!(exit.unwrap(), 3);
        assert_eq!(
            stub.asked(),
            ["DELETE /nitro/v1/config/server/nowhere?warning=yes"]
        );
    }

    #[tokio::test]
    async fn a_batch_may_keep_going_and_fails_all_the_same() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);
        let style = Style {
            on_error: OnError::KeepGoing,
            ..QUIET
        };

        let exit = run(&session, "rm server nowhere\nshow server\n", style).await;

        assert_eq!(exit.unwrap(), 3);
        assert_eq!(stub.asked().len(), 2);
    }

    #[tokio::test]
    async fn batches_in_batches_end() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("loop.txt");
        std::fs::write(&path, format!("source {}\n", path.display())).unwrap();

        let exit = file(&session, &path, QUIET).await;

        assert_eq!(exit.unwrap(), 1);
    }

    #[tokio::test]
    async fn exit_leaves_the_rest() {
        let stub = Stub::start();
        let session = stub.session(Output::Table);

        let exit = run(&session, "exit\nrm server nowhere\n", QUIET).await;

        assert_eq!(exit.unwrap(), 0);
        assert!(stub.asked().is_empty());
    }
}
