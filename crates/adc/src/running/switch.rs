//! Content switching vservers as the data plane serves them: a face with TLS and policies, and no services of its own.

use evercert_ns::Config;
use evercert_ns::model::{PersistenceType, VserverView};

/// The face of a content switching vserver.
pub(super) fn view(config: &Config, name: &str) -> Option<VserverView> {
    let object = config.object("cs vserver", name)?;
    let view = config
        .cs_vservers()
        .find(|view| view.name == object.key())?;
    Some(VserverView {
        name: view.name,
        kind: view.kind,
        ip: view.ip,
        port: view.port,
        enabled: view.enabled,
        services: Vec::new(),
        client_timeout: view.client_timeout,
        lb_method: "LEASTCONNECTION".to_owned(),
        persistence: PersistenceType::None,
        persistence_timeout: std::time::Duration::ZERO,
        cookie_name: None,
        redirect_url: None,
        redirect_from: None,
        backup: None,
        http_profile: object.text("httpProfileName").map(str::to_owned),
        ssl: view.ssl,
    })
}
