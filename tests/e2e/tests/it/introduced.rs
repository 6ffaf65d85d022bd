//! A Console that knows a CA and a DNS provider already: where most journeys begin.

use evercert_e2e::console::{Console, ConsoleSetup};
use evercert_e2e::surroundings::Surroundings;
use tempfile::TempDir;

/// The Console, what stands around it, and the directory of both.
pub(crate) async fn console() -> (TempDir, Surroundings, Console) {
    let dir = tempfile::tempdir().unwrap();
    let around = Surroundings::start(dir.path()).await.unwrap();
    let data = dir.path().join("console");
    let setup = ConsoleSetup::new(&data, None, Some(around.dns.local_addr()));
    let console = setup.await.unwrap().start().await.unwrap();
    around.introduce(&console.cli(), dir.path()).await.unwrap();
    (dir, around, console)
}
