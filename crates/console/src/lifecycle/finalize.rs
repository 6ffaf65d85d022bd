//! From proved names to the certificate: key, CSR, finalize, download.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_acme::{Account, OrderStatus, Until, select_chain};
use evercert_db::certificates::KeyPolicy;
use evercert_db::orders::OrderChange;
use evercert_types::OrderState;
use evercert_x509::{Chain, ChainError, Csr, CsrParams, KeyPair, Subject};
use serde_json::json;
use tokio::time::{Duration, Instant};

use super::failure::{Class, Failure, Stage, sentence};
use super::issue::{Drive, Halt, Note};
use super::revoke;

/// How long the CA may take to issue before the order is left and come back to.
const ISSUANCE_LIMIT: Duration = Duration::from_secs(180);

impl Drive<'_> {
    /// Ready: makes key and CSR, and saves both before the CA sees either.
    pub(crate) async fn make_key(&mut self) -> Result<(), Halt> {
        let key = match self.key_to_reuse().await? {
            Some(key) => key,
            None => self.generate_key().await?,
        };
        let params = CsrParams {
            names: self.order.names.clone(),
            ips: Vec::new(),
            subject: Subject::default(),
        };
        let csr = Csr::build(&params, &key).map_err(|error| {
            Failure::new(
                Stage::Finalize,
                Class::Configuration,
                "csr",
                sentence(&error),
            )
        })?;
        let csr = STANDARD.encode(csr.der());
        let change = OrderChange::Keyed {
            key: &key.to_pkcs8_der(),
            csr: &csr,
        };
        let note = Note::new(
            "order.keyed",
            format!("The {} key is saved", key.algorithm()),
        );
        let tx = self.console.db.begin_write().await?;
        self.persist(tx, OrderState::Keyed, change, note).await
    }

    /// The active version's key, where the certificate keeps its key.
    async fn key_to_reuse(&self) -> Result<Option<KeyPair>, Halt> {
        if self.certificate.key_policy != KeyPolicy::Reuse {
            return Ok(None);
        }
        let db = &self.console.db;
        let slot = db.slot(self.certificate.id, self.order.algorithm).await?;
        let Some(active) = slot.and_then(|slot| slot.active_version_id) else {
            return Ok(None);
        };
        let Some(der) = db.version_key(active).await? else {
            return Ok(None);
        };
        let key = KeyPair::from_pkcs8_der(der.expose()).map_err(|error| key_failure(&error))?;
        if revoke::is_compromised(self.console, self.certificate.id, &key).await? {
            return Ok(None);
        }
        Ok(Some(key).filter(|key| key.algorithm() == self.order.algorithm))
    }

    /// RSA keys take a while: off the runtime.
    async fn generate_key(&self) -> Result<KeyPair, Failure> {
        let algorithm = self.order.algorithm;
        let made = tokio::task::spawn_blocking(move || KeyPair::generate(algorithm)).await;
        made.map_err(|error| key_failure(&error))?
            .map_err(|error| key_failure(&error))
    }

    /// Keyed: hands in the CSR; a CSR that was handed in before a crash is not refused.
    pub(crate) async fn finalize(&mut self) -> Result<(), Halt> {
        let account = self.account().await?;
        if self.resumed {
            self.at_ca = None;
        }
        let order = self.order_at_ca(&account).await?;
        let order = match order.status {
            OrderStatus::Processing | OrderStatus::Valid => order,
            _ => self.hand_in(&account, &order).await?,
        };
        let note = Note::new("order.finalizing", "The CSR is handed in");
        let tx = self.console.db.begin_write().await?;
        self.persist(tx, OrderState::Finalizing, OrderChange::Nothing, note)
            .await?;
        self.at_ca = Some(order);
        Ok(())
    }

    async fn hand_in(
        &self,
        account: &Account,
        order: &evercert_acme::Order,
    ) -> Result<evercert_acme::Order, Failure> {
        let csr = STANDARD
            .decode(self.order.csr.as_deref().unwrap_or_default())
            .map_err(|error| {
                Failure::new(
                    Stage::Finalize,
                    Class::Configuration,
                    "csr",
                    sentence(&error),
                )
            })?;
        let answer = account.finalize(order, &csr).await;
        answer.map_err(|error| Failure::acme(Stage::Finalize, &error))
    }

    /// Finalizing: waits for the certificate; after a crash the order may still be waiting for the CSR.
    pub(crate) async fn await_certificate(&mut self) -> Result<(), Halt> {
        let account = self.account().await?;
        let mut order = self.order_at_ca(&account).await?;
        if order.status == OrderStatus::Ready {
            order = self.hand_in(&account, &order).await?;
        }
        if order.status != OrderStatus::Valid || order.certificate.is_none() {
            let deadline = Instant::now() + ISSUANCE_LIMIT;
            order = account
                .poll_order(&order.url, Until::Valid, deadline)
                .await
                .map_err(|error| Failure::acme(Stage::Finalize, &error))?;
        }
        let url = order
            .certificate_url()
            .map_err(|error| Failure::acme(Stage::Finalize, &error))?;
        let note = Note::new("order.issued", "The CA has issued the certificate")
            .with(json!({"certificate_url": url}));
        let tx = self.console.db.begin_write().await?;
        let change = OrderChange::Issued {
            certificate_url: url,
        };
        self.persist(tx, OrderState::Issued, change, note).await
    }

    /// Issued: downloads the chain, with the topmost issuer that the vendor prefers.
    pub(crate) async fn download(&mut self) -> Result<(), Halt> {
        let account = self.account().await?;
        let url = self.order.certificate_url.clone().unwrap_or_default();
        let failed = |error| Failure::acme(Stage::Download, &error);
        let default = account.download(&url).await.map_err(failed)?;
        let mut chain = Chain::from_pem(&default.pem).map_err(|error| chain_failure(&error))?;
        let vendor = self.console.db.vendor(self.order.vendor_id).await?;
        let preferred = vendor.and_then(|vendor| vendor.preferred_chain);
        if preferred.is_some() {
            let alternates = account.download_alternates(&default).await;
            let alternates = alternates
                .iter()
                .filter_map(|alternate| Chain::from_pem(&alternate.pem).ok());
            chain = select_chain(chain, alternates.collect(), preferred.as_deref());
        }
        let pem = chain.to_pem();
        let note = Note::new("order.downloaded", "The chain is downloaded").with(json!({
            "issuer": chain.leaf().issuer(), "top_issuer": chain.top_issuer(),
            "certificates": chain.certificates().len(),
        }));
        let tx = self.console.db.begin_write().await?;
        let change = OrderChange::Downloaded { chain_pem: &pem };
        self.persist(tx, OrderState::Downloaded, change, note).await
    }
}

fn key_failure(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(
        Stage::Finalize,
        Class::Configuration,
        "certificate.key",
        sentence(error),
    )
}

fn chain_failure(error: &ChainError) -> Failure {
    Failure::new(
        Stage::Download,
        Class::CaOutage,
        "certificate.chain",
        sentence(error),
    )
    .with_remedy("Ask the CA: what it gave is no certificate chain.")
}
