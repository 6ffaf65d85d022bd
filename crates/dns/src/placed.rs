//! A provider with the operator's TTL and zone for everything written through it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::DnsError;
use crate::name;
use crate::provider::{
    Alias, Caps, CheckReport, Provider, Receipt, Registration, TxtRecord, TxtTarget,
};

/// The provider, told with each value which TTL and which zone to use, where the value itself does not say.
///
/// The zone is used for names within it; other names are found as without it. With nothing to tell, the provider is
/// handed back as it is.
pub fn placed(inner: Arc<dyn Provider>, ttl: Option<u32>, zone: Option<&str>) -> Arc<dyn Provider> {
    if ttl.is_none() && zone.is_none() {
        return inner;
    }
    Arc::new(Placed {
        inner,
        ttl,
        zone: zone.map(name::canonical),
    })
}

#[derive(Debug)]
struct Placed {
    inner: Arc<dyn Provider>,
    ttl: Option<u32>,
    zone: Option<String>,
}

impl Placed {
    fn place(&self, target: &TxtTarget) -> TxtTarget {
        let zone = || self.zone_of(&target.fqdn).map(str::to_owned);
        TxtTarget {
            ttl: target.ttl.or(self.ttl),
            zone_hint: target.zone_hint.clone().or_else(zone),
            ..target.clone()
        }
    }

    fn zone_of(&self, fqdn: &str) -> Option<&str> {
        let zone = self.zone.as_deref()?;
        name::is_within(&name::canonical(fqdn), zone).then_some(zone)
    }
}

#[async_trait]
impl Provider for Placed {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        self.inner.add(&self.place(target)).await
    }

    async fn remove(&self, target: &TxtTarget, receipt: Option<&Receipt>) -> Result<(), DnsError> {
        self.inner.remove(&self.place(target), receipt).await
    }

    /// Looks for the configured zone in place of the name's own.
    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let zone = name.map(|name| self.zone_of(name).unwrap_or(name));
        self.inner.check(zone).await
    }

    async fn listed(&self, target: &TxtTarget) -> Result<Option<Vec<TxtRecord>>, DnsError> {
        self.inner.listed(&self.place(target)).await
    }

    fn caps(&self) -> Caps {
        let caps = self.inner.caps();
        Caps {
            default_ttl: self.ttl.unwrap_or(caps.default_ttl),
            ..caps
        }
    }

    fn by_hand(&self) -> Option<&str> {
        self.inner.by_hand()
    }

    fn alias(&self, domain: &str, effective: &str) -> Alias {
        self.inner.alias(domain, effective)
    }

    async fn register(&self, domain: &str) -> Result<Registration, DnsError> {
        self.inner.register(domain).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps what it is told.
    #[derive(Debug, Default)]
    struct Told(Mutex<Vec<TxtTarget>>);

    #[async_trait]
    impl Provider for Told {
        async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
            self.0.lock().unwrap().push(target.clone());
            Ok(Receipt::default())
        }

        async fn remove(&self, target: &TxtTarget, _: Option<&Receipt>) -> Result<(), DnsError> {
            self.0.lock().unwrap().push(target.clone());
            Ok(())
        }

        async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
            Ok(CheckReport {
                zone: name.map(str::to_owned),
                notes: Vec::new(),
            })
        }

        fn caps(&self) -> Caps {
            Caps::PLAIN
        }
    }

    #[tokio::test]
    async fn values_are_told_the_ttl_and_the_zone_they_lie_in() {
        let told = Arc::new(Told::default());
        let provider = placed(told.clone(), Some(90), Some("Sub.Example.org."));

        for name in [
            "_acme-challenge.sub.example.org",
            "_acme-challenge.example.org",
        ] {
            let target = TxtTarget::new(name, "v");
            provider.add(&target).await.unwrap();
            provider.remove(&target, None).await.unwrap();
        }

        let seen: Vec<_> = (told.0.lock().unwrap().iter())
            .map(|target| (target.ttl, target.zone_hint.clone()))
            .collect();
        let inside = (Some(90), Some("sub.example.org".to_owned()));
        let outside = (Some(90), None);
        assert_eq!(seen, [inside.clone(), inside, outside.clone(), outside]);
        assert_eq!(provider.caps().default_ttl, 90);
    }

    #[tokio::test]
    async fn what_a_value_says_itself_comes_first() {
        let told = Arc::new(Told::default());
        let provider = placed(told.clone(), Some(90), Some("example.org"));
        let target = TxtTarget {
            ttl: Some(30),
            zone_hint: Some("other.example.org".to_owned()),
            ..TxtTarget::new("a.other.example.org", "v")
        };

        provider.add(&target).await.unwrap();

        assert_eq!(told.0.lock().unwrap()[0], target);
        let checked = provider.check(Some("a.example.org")).await.unwrap();
        assert_eq!(checked.zone.as_deref(), Some("example.org"));
    }
}
