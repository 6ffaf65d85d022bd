//! Finalizing: handing in the CSR, in a way that survives lost answers and restarts (RFC 8555 §7.4).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::json;
use tokio::time::Instant;

use crate::account::Account;
use crate::client::{Post, Repeat};
use crate::error::AcmeError;
use crate::order::{Order, OrderStatus};
use crate::pace::Pace;
use crate::poll::Resource;
use crate::problem::{Problem, ProblemKind};
use crate::stage::Stage;

/// How often an order is looked at after an answer was lost.
const LOOKS: u32 = 3;

impl Account {
    /// Hands in the CSR (DER).
    ///
    /// When the answer is lost, or the CA says that the order is not ready, the order is read: if
    /// it is being processed or done, that is the answer. So it may be called again after a crash.
    ///
    /// # Errors
    /// What the CA refuses: `badCSR`, `unauthorized` (names differ), `orderNotReady`.
    pub async fn finalize(&self, order: &Order, csr_der: &[u8]) -> Result<Order, AcmeError> {
        let deadline = self.client().deadline();
        let mut pace = Pace::new(LOOKS, deadline);
        loop {
            let refusal = match self.hand_in(order, csr_der, deadline).await {
                Ok(order) => return Ok(order),
                Err(error) => error,
            };
            let not_ready =
                refusal.problem().map(Problem::kind) == Some(ProblemKind::OrderNotReady);
            if !not_ready && !refusal.is_ambiguous() {
                return Err(refusal);
            }
            match self.read_by::<Order>(&order.url, deadline).await {
                Ok(now) if is_handed_in(&now) => return Ok(now),
                Ok(now) if now.status == OrderStatus::Ready => {}
                _ => return Err(refusal),
            }
            if !pace.pause(refusal.retry_after()).await {
                return Err(refusal);
            }
        }
    }

    async fn hand_in(
        &self,
        order: &Order,
        csr_der: &[u8],
        deadline: Instant,
    ) -> Result<Order, AcmeError> {
        let payload = json!({ "csr": BASE64URL.encode(csr_der) });
        let url = &order.finalize;
        let post = Post::act(Stage::Finalize, url, &payload, Repeat::IfNeverArrived);
        let reply = self.post(&post, deadline).await?;
        Order::from_reply(&reply, &order.url)
    }
}

fn is_handed_in(order: &Order) -> bool {
    matches!(order.status, OrderStatus::Processing | OrderStatus::Valid)
}
