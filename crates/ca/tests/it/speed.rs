//! Orders must be cheap: a demo issues dozens of them while it is under load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::world::World;

/// Generous: a busy machine with an unoptimised build takes a tenth of it.
const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_orders_of_two_names_take_a_moment() {
    let world = Arc::new(World::start().await);
    let mut work = JoinSet::new();
    let start = Instant::now();

    for i in 0..8 {
        let world = world.clone();
        work.spawn(async move {
            let session = world.session().await;
            for order in 0..5 {
                let name = format!("n{i}-{order}.example");
                world.issue(&session, &[&name, &format!("*.{name}")]).await;
            }
        });
    }
    work.join_all().await;

    let took = start.elapsed();
    eprintln!("40 orders of 2 names: {took:?}, {:?} each", took / 40);
    assert_eq!(world.ca.issued(), 40);
    assert!(took < LIMIT, "{took:?}");
}
