//! From proved names to the certificate: key, CSR, finalize, download.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_acme::{Account, OrderStatus, Until, is_preferred, select_chain};
use evercert_db::DbError;
use evercert_db::certificates::KeyPolicy;
use evercert_db::events::Level;
use evercert_db::orders::OrderChange;
use evercert_types::{KeyCustody, OrderState, Secret};
use evercert_x509::{Chain, ChainError, Csr, CsrParams, KeyPair, Subject};
use serde_json::json;
use tokio::time::{Duration, Instant};

use super::failure::{Class, Failure, Stage, sentence};
use super::issue::{Drive, Halt, Note};
use super::revoke;

/// How long the CA may take to issue before the order is left and come back to.
const ISSUANCE_LIMIT: Duration = Duration::from_secs(180);

impl Drive<'_> {
    /// Ready: makes key and CSR, or takes those that were uploaded, and saves them before the CA sees the CSR.
    pub(crate) async fn make_key(&mut self) -> Result<(), Halt> {
        let (csr, key) = match &self.order.terms.csr {
            Some(pem) => self.uploaded(pem).await?,
            None => {
                let (csr, key) = self.made().await?;
                (csr, Some(key))
            }
        };
        let encoded = STANDARD.encode(csr.der());
        let der = key.as_ref().map(KeyPair::to_pkcs8_der);
        let change = OrderChange::Keyed {
            key: der.as_ref(),
            csr: &encoded,
        };
        let message = match &key {
            Some(key) => format!("The {} key is saved", key.algorithm()),
            None => format!("The CSR is taken as it was uploaded ({})", csr.key_kind()),
        };
        let note = Note::new("order.keyed", message);
        let tx = self.console.db.begin_write().await?;
        self.persist(tx, OrderState::Keyed, change, note).await
    }

    /// A CSR in the one shape that every CA accepts: all names, no extended key usage, no must-staple, and the
    /// subject that was asked for.
    async fn made(&self) -> Result<(Csr, KeyPair), Halt> {
        let key = match self.key_at_hand().await? {
            Some(key) => key,
            None => self.generate_key().await?,
        };
        let params = CsrParams {
            names: self.order.names.clone(),
            ips: self.order.terms.ips.clone(),
            subject: Subject::from(self.order.terms.subject.clone()),
        };
        let csr = Csr::build(&params, &key).map_err(|error| csr_failure(sentence(&error)))?;
        Ok((csr, key))
    }

    /// The uploaded CSR as it is, with its key unless that is elsewhere.
    async fn uploaded(&self, pem: &str) -> Result<(Csr, Option<KeyPair>), Halt> {
        let csr = Csr::from_pem(pem).map_err(|error| csr_failure(sentence(&error)))?;
        if self.order.terms.custody == KeyCustody::External {
            return Ok((csr, None));
        }
        for der in [self.laid_down_key().await?, self.active_key().await?] {
            let key = der.map(|der| KeyPair::from_pkcs8_der(der.expose()));
            if let Some(Ok(key)) = key
                && csr.is_of(&key)
                && !revoke::is_compromised(self.console, self.certificate.id, &key).await?
            {
                return Ok((csr, Some(key)));
            }
        }
        let message = "the private key of the uploaded CSR is not here, or it is known to others";
        let failure = csr_failure(message.to_owned());
        Err(failure
            .with_remedy(format!(
                "Upload both: `evercert cert change {} --csr FILE --key-file FILE`.",
                self.certificate.name
            ))
            .into())
    }

    /// The key that was uploaded for this order, or the active version's, where the certificate keeps its key.
    async fn key_at_hand(&self) -> Result<Option<KeyPair>, Halt> {
        let mut der = self.laid_down_key().await?;
        if der.is_none() && self.certificate.key_policy == KeyPolicy::Reuse {
            der = self.active_key().await?;
        }
        let Some(der) = der else { return Ok(None) };
        let key = KeyPair::from_pkcs8_der(der.expose()).map_err(|error| key_failure(&error))?;
        if revoke::is_compromised(self.console, self.certificate.id, &key).await? {
            return Ok(None);
        }
        Ok(Some(key).filter(|key| key.algorithm() == self.order.algorithm))
    }

    async fn laid_down_key(&self) -> Result<Option<Secret<Vec<u8>>>, DbError> {
        let (id, algorithm) = (self.certificate.id, self.order.algorithm);
        self.console.db.slot_key(id, algorithm).await
    }

    async fn active_key(&self) -> Result<Option<Secret<Vec<u8>>>, DbError> {
        let db = &self.console.db;
        let slot = db.slot(self.certificate.id, self.order.algorithm).await?;
        match slot.and_then(|slot| slot.active_version_id) {
            Some(active) => db.version_key(active).await,
            None => Ok(None),
        }
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
        let tx = self.console.db.begin_step().await?;
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
            .map_err(|error| csr_failure(sentence(&error)))?;
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
        let mut tx = self.console.db.begin_step().await?;
        self.settle_issued(&mut tx).await?;
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
        let preferred = self.order.terms.preferred_chain.clone();
        let preferred = preferred.or_else(|| vendor.and_then(|vendor| vendor.preferred_chain));
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
        let mut tx = self.console.db.begin_step().await?;
        if !is_preferred(&chain, preferred.as_deref()) {
            let fallback = other_chain(preferred.as_deref().unwrap_or_default(), &chain);
            tx.add_event(&self.event(fallback, Level::Warn)).await?;
        }
        let change = OrderChange::Downloaded { chain_pem: &pem };
        self.persist(tx, OrderState::Downloaded, change, note).await
    }
}

fn other_chain(preferred: &str, served: &Chain) -> Note {
    let served = served.top_issuer();
    let message = format!(
        "The CA offers no chain that ends at \"{preferred}\": its default is served, which ends at {served}"
    );
    Note::new("order.chain_fallback", message)
        .with(json!({"preferred": preferred, "top_issuer": served}))
}

fn csr_failure(message: String) -> Failure {
    Failure::new(Stage::Finalize, Class::Configuration, "csr", message)
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
