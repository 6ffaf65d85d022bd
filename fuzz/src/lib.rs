//! What must hold for any input, for each of the languages the appliance reads; a breach panics.

mod command;
mod configuration;
mod expression;
mod request;

pub use command::cli_line;
pub use configuration::ns_conf;
pub use expression::expression;
pub use request::nitro_json;
