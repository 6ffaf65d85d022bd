//! One line of the shell: what is read is printed and read back; what is refused shows no secret.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| evercert_fuzz::cli_line(text));
