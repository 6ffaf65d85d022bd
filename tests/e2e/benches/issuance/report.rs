//! The table and the JSON.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::measure::Figure;

/// A table, with each client's ratio to the best figures of the Console.
pub(crate) fn print(figures: &[Figure]) {
    println!(
        "{:<12} {:>9} {:>7} {:>9} {:>12} {:>14} {:>14}",
        "client",
        "in flight",
        "orders",
        "orders/s",
        "CPU s/order",
        "evercert: rate",
        "evercert: CPU"
    );
    for figure in figures {
        let (rate, cost) = ratios(figures, figure);
        println!(
            "{:<12} {:>9} {:>7} {:>9.2} {:>12.4} {:>13.1}x {:>13.1}x",
            figure.client,
            figure.in_flight,
            figure.orders,
            figure.rate(),
            figure.cost(),
            rate,
            cost
        );
    }
}

/// Writes the same as JSON.
pub(crate) fn save(figures: &[Figure], path: &Path) -> Result<()> {
    let rows: Vec<Value> = figures
        .iter()
        .map(|figure| {
            let (rate, cost) = ratios(figures, figure);
            json!({
                "client": figure.client, "in_flight": figure.in_flight, "orders": figure.orders,
                "seconds": figure.wall.as_secs_f64(), "cpu_seconds": figure.cpu.as_secs_f64(),
                "orders_per_second": figure.rate(), "cpu_seconds_per_order": figure.cost(),
                "evercert_is_faster_by": rate, "evercert_is_cheaper_by": cost,
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({ "issuance": rows }))?;
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    println!("written to {}", path.display());
    Ok(())
}

/// How many times faster, and how many times cheaper, the Console is.
fn ratios(figures: &[Figure], figure: &Figure) -> (f64, f64) {
    let ours = || figures.iter().filter(|one| one.client == "evercert");
    let rate = ours().map(Figure::rate).fold(0.0, f64::max);
    let cost = ours().map(Figure::cost).fold(f64::INFINITY, f64::min);
    (rate / figure.rate(), figure.cost() / cost)
}
