//! One order signed with each algorithm of TSIG that the server knows, from MD5 to SHA-512.

use evercert_e2e::surroundings::ZONE;

use super::scene::{LIMIT, Scene};

/// Nothing, where changes are not signed.
pub(super) async fn each_by_an_order(scene: &Scene) {
    let mut certificates = Vec::new();
    for key in &scene.world.keys {
        let (name, domain) = (&key.name, format!("{}.{ZONE}", key.name));
        let settings = key.nsupdate_settings(scene.world.resolver);
        let mut arguments = vec!["--type".to_owned(), "nsupdate".to_owned()];
        for (setting, value) in settings {
            arguments.extend(["--set".to_owned(), format!("{setting}={value}")]);
        }
        arguments.extend(["--propagation-first-look", "0s"].map(str::to_owned));
        scene.add_provider(name, &arguments).await;
        scene.map(&domain, name).await;
        scene
            .order(name, &[domain.clone(), format!("*.{domain}")])
            .await;
        certificates.push(name.clone());
    }
    scene.all_in_force(&certificates, LIMIT).await;
    scene
        .is_as_before("after an order for each algorithm")
        .await;
    scene.no_attempt_failed();
}
