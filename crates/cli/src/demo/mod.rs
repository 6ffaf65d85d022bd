//! The demo: CA, DNS, Console, two ADCs and their clients in one process, on loopback.
//!
//! [`world`] starts and stops the parts; [`issue`] is the first act (three certificates, observed on both ADCs),
//! [`check`] the whole play with renewals under [`load`], a deletion and an outage.

mod adc_part;
mod backend;
pub(crate) mod check;
mod console_part;
pub(crate) mod invitation;
pub(crate) mod issue;
mod load;
mod outage;
mod probe;
mod renewals;
pub(crate) mod report;
pub(crate) mod stage;
pub(crate) mod story;
pub(crate) mod world;
