//! Journeys with the program as its users run it: processes, command line, files.
//!
//! [`program`] finds the built executable, [`console`] and [`adc`] run its roles, [`cli`] its client commands;
//! [`rest`] its REST API; [`dns_world`] a zone at each kind of DNS server; [`surroundings`] is what stands around them: a CA and a DNS server. [`faults`] spoils it.

pub mod adc;
pub mod cli;
pub mod console;
pub mod dns_world;
pub mod faults;
pub mod program;
pub mod rest;
pub mod role;
pub mod surroundings;
pub mod tls;
pub mod zone;
