//! REST, log-in and ZTS/1, from the outside: a Console that runs, asked over TLS.

mod access;
mod agent;
mod challenges;
mod enrolment;
mod local_programs;
mod matrix;
mod measure;
mod openapi;
mod pages;
mod problems;
pub(crate) mod scene;
mod sync;
mod two_consoles;
