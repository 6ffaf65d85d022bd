//! Lines from a person: editing, history, completion with live names, and help at `?`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use evercert_ns::grammar;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event, EventContext,
    EventHandler, Helper, KeyEvent, RepeatCount,
};
use tokio::runtime::Handle;

use crate::output;
use crate::shell::batch::{self, Echo, OnError, Style};
use crate::shell::{Answer, Session, builtin, history};

/// NetScaler's prompt.
const PROMPT: &str = "> ";
/// Longest that names are waited for while somebody types.
const NAMES: Duration = Duration::from_secs(2);

/// Reads and executes lines until the person leaves; errors do not end it.
pub(crate) async fn run(session: Session) -> Result<u8> {
    let session = Arc::new(session);
    let outcome = converse(&session).await;
    if let Err(error) = session.close().await {
        tracing::warn!("{error:#}");
    }
    outcome
}

async fn converse(session: &Arc<Session>) -> Result<u8> {
    let asked = Arc::new(AtomicBool::new(false));
    let typing = Typing {
        session: session.clone(),
        runtime: Handle::current(),
    };
    let file = history::path();
    let mut editor = editor(typing, asked.clone(), file.as_ref())?;
    let mut begun = String::new();
    loop {
        let typed = tokio::task::block_in_place(|| {
            editor.readline_with_initial(PROMPT, (&std::mem::take(&mut begun), ""))
        });
        let line = match typed {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("reading from the terminal"),
        };
        if asked.swap(false, Ordering::Relaxed) {
            let text = tokio::task::block_in_place(|| {
                let typing = editor.helper();
                typing.map_or_else(String::new, |typing| typing.next(&line))
            });
            output::print(&text)?;
            begun = line;
            continue;
        }
        // What was pasted may be several lines.
        for line in line.lines() {
            remember(&mut editor, line, file.as_ref())?;
            if leaves(session, line, &editor).await? {
                return Ok(0);
            }
        }
    }
    Ok(0)
}

/// Executes a line and prints its answer; whether it was the last.
async fn leaves(
    session: &Session,
    line: &str,
    editor: &Editor<Typing, FileHistory>,
) -> Result<bool> {
    let interrupted = tokio::signal::ctrl_c();
    let answer = tokio::select! {
        answer = session.execute(line) => answer,
        _ = interrupted => {
            output::print("^C (the command may still be executed)\n")?;
            return Ok(false);
        }
    };
    match answer {
        Ok(Answer::Text(text)) => output::print(&text)?,
        Ok(Answer::Leave) => return Ok(true),
        Ok(Answer::History) => {
            let lines = (1..).zip(editor.history().iter());
            let lines = lines.map(|(number, line)| format!("{number:>4}  {line}\n"));
            output::print(&lines.collect::<String>())?;
        }
        Ok(Answer::Batch(path)) => {
            let style = Style {
                on_error: OnError::KeepGoing,
                echo: Echo::Lines,
            };
            if let Err(error) = batch::file(session, &path, style).await {
                output::print(&format!("ERROR: {error:#}\n"))?;
            }
        }
        Err(failure) => output::print(&failure.text)?,
    }
    Ok(false)
}

fn editor(
    typing: Typing,
    asked: Arc<AtomicBool>,
    file: Option<&PathBuf>,
) -> Result<Editor<Typing, FileHistory>> {
    let failed = "preparing the terminal";
    let config = Config::builder()
        .max_history_size(history::LINES)
        .context(failed)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config).context(failed)?;
    editor.set_helper(Some(typing));
    let help = EventHandler::Conditional(Box::new(Question { asked }));
    editor.bind_sequence(KeyEvent::from('?'), help);
    if let Some(file) = file {
        history::prepare(file)?;
        if let Err(error) = editor.load_history(file) {
            tracing::warn!(%error, file = %file.display(), "the history could not be read");
        }
    }
    Ok(editor)
}

/// Keeps a line in memory and on disk, unless it may hold a secret.
fn remember(
    editor: &mut Editor<Typing, FileHistory>,
    line: &str,
    file: Option<&PathBuf>,
) -> Result<()> {
    if !history::may_keep(line) {
        return Ok(());
    }
    editor
        .add_history_entry(line)
        .context("keeping the line in the history")?;
    if let Some(file) = file {
        editor
            .append_history(file)
            .with_context(|| format!("writing the history {}", file.display()))?;
    }
    Ok(())
}

/// What is known while a line is typed.
struct Typing {
    session: Arc<Session>,
    runtime: Handle,
}

impl Typing {
    /// What may come next on the line.
    fn next(&self, line: &str) -> String {
        builtin::next(line, &|resource| self.names(resource))
    }

    fn names(&self, resource: &str) -> Vec<String> {
        let asked = async { tokio::time::timeout(NAMES, self.session.names(resource)).await };
        self.runtime.block_on(asked).unwrap_or_default()
    }
}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..pos];
        let found = grammar::complete_with(before, &|resource| self.names(resource));
        Ok((word_start(before), pairs(found)))
    }
}

/// Place-holders such as `<port>` are shown, and never typed.
fn pairs(found: Vec<grammar::Candidate>) -> Vec<Pair> {
    let only = found.len() == 1;
    let pairs = found.into_iter().filter_map(|candidate| {
        let place_holder = candidate.text.starts_with('<');
        (!(place_holder && only)).then(|| Pair {
            replacement: if place_holder {
                String::new()
            } else {
                format!("{} ", candidate.text)
            },
            display: candidate.text,
        })
    });
    pairs.collect()
}

/// Where the word under way begins.
fn word_start(line: &str) -> usize {
    if line.ends_with(char::is_whitespace) {
        return line.len();
    }
    match grammar::tokenize(line) {
        Ok(tokens) => tokens.last().map_or(line.len(), |token| token.span.start),
        Err(_) => line.len(),
    }
}

impl Helper for Typing {}
impl Highlighter for Typing {}
impl Hinter for Typing {
    type Hint = String;
}
impl Validator for Typing {}

/// `?` asks what may come next, except in quotation marks and after a backslash.
struct Question {
    asked: Arc<AtomicBool>,
}

impl ConditionalEventHandler for Question {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, ctx: &EventContext<'_>) -> Option<Cmd> {
        let before = &ctx.line()[..ctx.pos()];
        if !is_question(before) {
            return None;
        }
        self.asked.store(true, Ordering::Relaxed);
        Some(Cmd::AcceptLine)
    }
}

/// Whether a `?` after this is a question, and no part of a word.
fn is_question(before: &str) -> bool {
    !before.ends_with('\\') && grammar::tokenize(before).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_mark_in_quotation_marks_is_text() {
        assert!(is_question("show ssl "));
        assert!(is_question("show ss"));
        assert!(!is_question(
            "add responder policy p \"HTTP.REQ.URL.CONTAINS("
        ));
        assert!(!is_question("add responder policy p a\\"));
    }

    #[test]
    fn the_word_under_way_is_replaced() {
        assert_eq!(word_start("show ssl cert"), 9);
        assert_eq!(word_start("show ssl "), 9);
        assert_eq!(word_start("rm server \"a b"), 14);
    }

    #[test]
    fn place_holders_are_never_typed() {
        let found = grammar::complete("add server ");

        assert!(
            pairs(found)
                .iter()
                .all(|pair| !pair.replacement.contains('<'))
        );
    }
}
