//! How many requests a second each account key algorithm can sign, on one core.
//!
//! `cargo bench -p evercert-acme` prints one line an algorithm.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use evercert_acme::{AccountKey, KeyError, SignatureAlgorithm};

const SPAN: Duration = Duration::from_secs(1);
const PAYLOAD: &[u8] = br#"{"identifiers":[{"type":"dns","value":"www.example.com"}]}"#;

fn main() -> Result<(), KeyError> {
    for algorithm in [
        SignatureAlgorithm::Es256,
        SignatureAlgorithm::Es384,
        SignatureAlgorithm::Rs256,
    ] {
        let key = AccountKey::generate(algorithm)?;
        let (start, mut count) = (Instant::now(), 0_u32);
        while start.elapsed() < SPAN {
            let account = "https://ca.example/account/1";
            let body = key.sign_request(account, "nonce", "https://ca.example/order", PAYLOAD)?;
            black_box(body);
            count += 1;
        }
        let rate = f64::from(count) / start.elapsed().as_secs_f64();
        println!("jws {algorithm} {rate:.0} signs/s");
    }
    Ok(())
}
