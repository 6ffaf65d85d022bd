//! Look-up and apply costs of the table.

fn main() {}
