//! A NITRO request: what is read becomes a request and a line that say the same; errors show no secret.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| evercert_fuzz::nitro_json(text));
