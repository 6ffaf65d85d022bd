//! A policy expression: what is read is printed and read back, and can be evaluated.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| evercert_fuzz::expression(text));
