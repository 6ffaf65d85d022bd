//! A saved configuration: what is loaded is saved and loaded as the same configuration.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| evercert_fuzz::ns_conf(text));
