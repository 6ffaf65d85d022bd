//! The command line: words, commands, printing, completion and help, all from the catalogue.

mod arguments;
mod completion;
mod fault;
mod help;
mod lexer;
mod lookup;
mod parser;
mod print;
mod several;

pub use completion::{Candidate, complete, complete_with};
pub use fault::ParseError;
pub(crate) use help::expectation;
pub use help::{overview, synopsis, usage};
pub use lexer::{LexError, Token, quote, tokenize};
pub use parser::{parse_all, parse_all_with, parse_line, secret_wanted};
pub use print::{has_secret, mask_line, print, print_masked};
