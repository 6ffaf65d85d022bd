//! Secrets typed at a terminal, without showing them.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use evercert_types::Secret;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: [u8; 2] = [8, 127];

/// Asks at the terminal, even when standard input is something else.
pub(crate) fn read(prompt: &str) -> Result<Secret<String>> {
    let mut terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .context("no terminal to ask for the secret at")?;
    write!(terminal, "{prompt}").context("asking at the terminal")?;
    let silence = Silence::begin(&terminal)?;
    let typed = line(&mut terminal);
    drop(silence);
    writeln!(terminal).context("writing to the terminal")?;
    typed
}

/// A terminal that shows nothing of what is typed, until it is dropped.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn begin(terminal: &File) -> Result<Self> {
        let terminal = terminal.try_clone().context("opening the terminal")?;
        let before = tcgetattr(&terminal).context("reading the terminal's settings")?;
        let mut silent = before.clone();
        silent
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent).context("hiding what is typed")?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before) {
            tracing::warn!(%error, "the terminal's settings could not be restored; type `stty sane`");
        }
    }
}

fn line(terminal: &mut impl Read) -> Result<Secret<String>> {
    let mut typed: Vec<u8> = Vec::new();
    let mut byte = [0];
    loop {
        let count = terminal
            .read(&mut byte)
            .context("reading from the terminal")?;
        match byte[0] {
            _ if count == 0 => break,
            b'\n' | b'\r' => break,
            INTERRUPT => bail!("interrupted"),
            END if typed.is_empty() => bail!("nothing was typed"),
            END => break,
            rubbed if BACKSPACE.contains(&rubbed) => rub_out(&mut typed),
            other => typed.push(other),
        }
    }
    String::from_utf8(typed)
        .map(Secret::new)
        .map_err(|_| anyhow::anyhow!("what was typed is not UTF-8"))
}

/// Takes the last character away, all its bytes.
fn rub_out(typed: &mut Vec<u8>) {
    while let Some(last) = typed.pop() {
        if last & 0b1100_0000 != 0b1000_0000 {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Option<String> {
        line(&mut &keys[..])
            .ok()
            .map(|secret| secret.expose().clone())
    }

    #[test]
    fn keys_become_the_secret() {
        assert_eq!(typed(b"hunter2\n").as_deref(), Some("hunter2"));
        assert_eq!(
            typed("hü\u{7f}unter3\x082\r".as_bytes()).as_deref(),
            Some("hunter2")
        );
    }

    #[test]
    fn an_interrupt_gives_no_secret() {
        assert_eq!(typed(b"hun\x03"), None);
        assert_eq!(typed(b"\x04"), None);
    }
}
