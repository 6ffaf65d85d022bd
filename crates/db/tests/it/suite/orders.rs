//! Orders, their authorizations, and the journal of TXT values.

use evercert_db::authorizations::Authorization;
use evercert_db::dns_accounts::DnsAccount;
use evercert_db::dns_providers::DnsProvider;
use evercert_db::events::Event;
use evercert_db::operations::Operation;
use evercert_db::orders::{Order, OrderChange};
use evercert_db::slots::Due;
use evercert_types::{
    CertificateId, DnsProviderId, OperationId, OrderId, OrderState, Secret, VendorId,
};
use serde_json::json;

use super::Scene;
use super::certificates::{KEY, certificate, insert, vendor};

pub(crate) struct Subject {
    pub(crate) certificate: CertificateId,
    pub(crate) vendor: VendorId,
}

pub(crate) async fn subject(scene: &Scene) -> Subject {
    let vendor = vendor(scene, "ca").await;
    let mut certificate = certificate(scene, "www", &["a.example"]);
    certificate.vendor_id = Some(vendor.id);
    insert(scene, &certificate).await;
    Subject {
        certificate: certificate.id,
        vendor: vendor.id,
    }
}

pub(crate) fn order(scene: &Scene, subject: &Subject) -> Order {
    let now = scene.seconds();
    Order {
        id: OrderId::new(),
        operation_id: OperationId::new(),
        certificate_id: subject.certificate,
        algorithm: KEY,
        vendor_id: subject.vendor,
        reason: "missing".to_owned(),
        state: OrderState::Pending,
        names: vec!["a.example".parse().unwrap()],
        profile: None,
        replaces: Some("ari.id".to_owned()),
        terms: Default::default(),
        order_url: None,
        finalize_url: None,
        certificate_url: None,
        expires_at: None,
        csr: None,
        chain_pem: None,
        attempt: 0,
        error: None,
        created_at: now,
        updated_at: now,
        finished_at: None,
    }
}

pub(crate) async fn insert_order(scene: &Scene, order: &Order) {
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.insert_order(order).await.unwrap();
    tx.commit().await.unwrap();
}

async fn advance(
    scene: &Scene,
    id: OrderId,
    from: OrderState,
    to: OrderState,
    change: OrderChange<'_>,
) -> bool {
    let mut tx = scene.db.begin_write().await.unwrap();
    let moved = tx.advance_order(id, from, to, &change).await.unwrap();
    tx.commit().await.unwrap();
    moved
}

pub(crate) async fn an_order_is_read_back_and_runs_alone(scene: &Scene) {
    let subject = subject(scene).await;
    let first = order(scene, &subject);
    insert_order(scene, &first).await;

    assert_eq!(scene.db.order(first.id).await.unwrap().unwrap(), first);
    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(
        tx.insert_order(&order(scene, &subject))
            .await
            .unwrap_err()
            .is_conflict()
    );
    drop(tx);

    let mut tx = scene.db.begin_write().await.unwrap();
    let error = json!({"code": "x"});
    assert!(
        tx.finish_order(
            first.id,
            OrderState::Pending,
            OrderState::Failed,
            Some(&error)
        )
        .await
        .unwrap()
    );
    assert!(
        !tx.finish_order(first.id, OrderState::Pending, OrderState::Done, None)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    insert_order(scene, &order(scene, &subject)).await;
}

pub(crate) async fn of_two_workers_one_moves_an_order_on(scene: &Scene) {
    let order = order(scene, &subject(scene).await);
    insert_order(scene, &order).await;
    let other = scene.again().await;
    let step = async |db: &evercert_db::Db| {
        let mut tx = db.begin_write().await.unwrap();
        let (from, to) = (OrderState::Pending, OrderState::Ordering);
        let moved = tx
            .advance_order(order.id, from, to, &OrderChange::Nothing)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        moved
    };

    let (one, two) = tokio::join!(step(&scene.db), step(&other));

    assert!(one != two, "{one} {two}");
}

pub(crate) async fn steps_leave_what_they_found_and_the_key_goes_at_the_end(scene: &Scene) {
    use OrderState::{Done, Finalizing, Keyed, Ordered, Pending, Ready};
    let order = order(scene, &subject(scene).await);
    insert_order(scene, &order).await;
    let ordered = OrderChange::Ordered {
        url: "https://ca/o/1",
        finalize_url: "https://ca/f/1",
        expires_at: Some(scene.seconds()),
    };
    let key = Secret::new(b"private".to_vec());
    let keyed = OrderChange::Keyed {
        key: Some(&key),
        csr: "Q1NS",
    };

    assert!(advance(scene, order.id, Pending, Ordered, ordered).await);
    assert!(advance(scene, order.id, Ordered, Ready, OrderChange::Nothing).await);
    assert!(advance(scene, order.id, Ready, Keyed, keyed).await);
    assert!(advance(scene, order.id, Keyed, Finalizing, OrderChange::Nothing).await);

    let read = scene.db.order(order.id).await.unwrap().unwrap();
    assert_eq!(read.state, Finalizing);
    assert_eq!(read.order_url.as_deref(), Some("https://ca/o/1"));
    assert_eq!(read.csr.as_deref(), Some("Q1NS"));
    assert_eq!(
        scene
            .db
            .order_key(order.id)
            .await
            .unwrap()
            .unwrap()
            .expose(),
        b"private"
    );
    assert!(scene.db.is_order_url_known("https://ca/o/1").await.unwrap());
    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(
        tx.finish_order(order.id, Finalizing, Done, None)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    assert!(scene.db.order_key(order.id).await.unwrap().is_none());
}

pub(crate) async fn two_running_orders_never_share_a_url(scene: &Scene) {
    use OrderState::{Ordered, Pending};
    let subject = subject(scene).await;
    let first = order(scene, &subject);
    let mut second = order(scene, &subject);
    second.algorithm = evercert_types::KeyAlgorithm::Rsa2048;
    insert_order(scene, &first).await;
    insert_order(scene, &second).await;
    let change = || OrderChange::Ordered {
        url: "https://ca/o/1",
        finalize_url: "https://ca/f/1",
        expires_at: None,
    };
    assert!(advance(scene, first.id, Pending, Ordered, change()).await);

    let mut tx = scene.db.begin_write().await.unwrap();
    let taken = tx
        .advance_order(second.id, Pending, Ordered, &change())
        .await;
    assert!(taken.unwrap_err().is_conflict());
    drop(tx);

    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(tx.order_anew(first.id, Ordered).await.unwrap());
    tx.commit().await.unwrap();
    assert!(advance(scene, second.id, Pending, Ordered, change()).await);
    assert!(
        advance(
            scene,
            first.id,
            OrderState::Ordering,
            Pending,
            OrderChange::Nothing
        )
        .await
    );
    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(!tx.order_anew(first.id, Pending).await.unwrap());
}

pub(crate) async fn an_order_without_a_job_is_found(scene: &Scene) {
    let order = order(scene, &subject(scene).await);
    insert_order(scene, &order).await;
    assert_eq!(
        scene.db.orders_without_job("order").await.unwrap(),
        [order.id]
    );

    let mut tx = scene.db.begin_write().await.unwrap();
    tx.enqueue_job("order", &order.id.to_string(), scene.seconds())
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert_eq!(scene.db.orders_without_job("order").await.unwrap(), []);
}

pub(crate) async fn a_due_slot_with_a_running_order_is_left_alone(scene: &Scene) {
    let subject = subject(scene).await;
    let due = Due {
        at: scene.seconds(),
        reason: "missing".to_owned(),
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.set_due(subject.certificate, KEY, Some(&due))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        scene.db.due_slots(subject.vendor, 9).await.unwrap().len(),
        1
    );

    insert_order(scene, &order(scene, &subject)).await;

    assert_eq!(scene.db.due_slots(subject.vendor, 9).await.unwrap(), []);
}

pub(crate) async fn authorizations_are_replaced_by_url(scene: &Scene) {
    let order = order(scene, &subject(scene).await);
    insert_order(scene, &order).await;
    let mut authorization = Authorization {
        url: "https://ca/a/1".to_owned(),
        identifier: "a.example".to_owned(),
        wildcard: true,
        status: "pending".to_owned(),
        challenge_type: "dns-01".to_owned(),
        challenge_url: "https://ca/c/1".to_owned(),
        token: "t".to_owned(),
        provider_id: Some(DnsProviderId::new()),
        effective_name: Some("_acme-challenge.a.example".to_owned()),
        txt_value: Some("v".to_owned()),
        confirmed_at: None,
    };
    for status in ["pending", "valid"] {
        authorization.status = status.to_owned();
        let mut tx = scene.db.begin_write().await.unwrap();
        tx.put_authorization(order.id, &authorization)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    let read = scene.db.authorizations(order.id).await.unwrap();
    assert_eq!(read, [authorization]);
    let url = "https://ca/a/1";
    let shared = async |id| scene.db.is_authorization_shared(url, id).await.unwrap();
    assert!(!shared(order.id).await && shared(OrderId::new()).await);
}

async fn provider(scene: &Scene, name: &str) -> DnsProviderId {
    let provider = DnsProvider {
        id: DnsProviderId::new(),
        name: name.to_owned(),
        type_code: "pdns".to_owned(),
        settings: [("api_key".to_owned(), Secret::new("hunter2".to_owned()))].into(),
        records: serde_json::json!({}),
        propagation: json!({}),
        active: true,
        last_test: None,
        created_at: scene.seconds(),
        updated_at: scene.seconds(),
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.insert_dns_provider(&provider).await.unwrap();
    tx.commit().await.unwrap();
    provider.id
}

pub(crate) async fn the_longest_mapped_domain_decides(scene: &Scene) {
    let (one, two) = (provider(scene, "one").await, provider(scene, "two").await);
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.map_domain(&"example.org".parse().unwrap(), two)
        .await
        .unwrap();
    tx.map_domain(&"example.org".parse().unwrap(), one)
        .await
        .unwrap();
    tx.map_domain(&"*.sub.example.org".parse().unwrap(), two)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let mapped = async |name: &str| {
        scene
            .db
            .mapping_for(name)
            .await
            .unwrap()
            .map(|mapping| mapping.provider)
    };
    assert_eq!(mapped("example.org").await.as_deref(), Some("one"));
    assert_eq!(mapped("*.a.example.org").await.as_deref(), Some("one"));
    assert_eq!(mapped("x.sub.example.org").await.as_deref(), Some("two"));
    assert_eq!(mapped("notexample.org").await, None);
    let read = scene.db.dns_provider_by_name("one").await.unwrap().unwrap();
    assert_eq!(read.settings["api_key"].expose(), "hunter2");
    let mut tx = scene.db.begin_write().await.unwrap();
    let error = tx.remove_dns_provider(one).await.unwrap_err();
    assert_eq!(error.kind(), evercert_db::DbErrorKind::Referenced);
}

pub(crate) async fn the_journal_outlives_order_and_certificate(scene: &Scene) {
    let subject = subject(scene).await;
    let order = order(scene, &subject);
    insert_order(scene, &order).await;
    let provider = provider(scene, "p").await;
    let mut tx = scene.db.begin_write().await.unwrap();
    for _ in 0..2 {
        tx.journal_intent(order.id, provider, "_acme-challenge.a.example", "v")
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(
        scene.db.journal_to_sweep(9).await.unwrap(),
        [],
        "its order is in charge"
    );

    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(tx.delete_certificate(subject.certificate).await.unwrap());
    tx.commit().await.unwrap();

    let left = scene.db.journal_to_sweep(9).await.unwrap();
    assert_eq!(left.len(), 1);
    let later = scene.seconds() + jiff::SignedDuration::from_secs(60);
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.journal_written(&left[0].id, &json!({"zone": "a.example"}))
        .await
        .unwrap();
    tx.journal_failed(&left[0].id, later, "refused")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scene.db.journal_to_sweep(9).await.unwrap(), []);
    assert_eq!(scene.db.retry_journal().await.unwrap(), 1);
    assert_eq!(scene.db.journal_to_sweep(9).await.unwrap().len(), 1);
    scene.clock.advance(jiff::SignedDuration::from_secs(60));
    let left = scene.db.journal_to_sweep(9).await.unwrap();
    assert_eq!(
        (left[0].attempts, left[0].last_error.as_deref()),
        (1, Some("refused"))
    );
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.journal_removed(&left[0].id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scene.db.journal_size().await.unwrap(), 0);
}

pub(crate) async fn a_shared_value_is_left_to_the_last(scene: &Scene) {
    let provider = provider(scene, "p").await;
    let (one, two) = (OrderId::new(), OrderId::new());
    let mut tx = scene.db.begin_write().await.unwrap();
    for order in [one, two] {
        tx.journal_intent(order, provider, "_acme-challenge.a.example", "v")
            .await
            .unwrap();
    }
    tx.journal_intent(one, provider, "_acme-challenge.a.example", "w")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let first = scene.db.journal_of(one).await.unwrap();
    let last = scene.db.journal_of(two).await.unwrap().remove(0);

    assert!(scene.db.release_shared_value(&first[0]).await.unwrap());
    assert!(!scene.db.release_shared_value(&first[1]).await.unwrap());
    assert!(!scene.db.release_shared_value(&last).await.unwrap());
    assert_eq!(scene.db.journal_of_provider(provider).await.unwrap(), 2);
}

pub(crate) async fn the_one_value_of_a_provider_belongs_to_one_order(scene: &Scene) {
    let provider = provider(scene, "p").await;
    let (one, two) = (OrderId::new(), OrderId::new());
    let name = "_acme-challenge.a.example";
    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(tx.claim_single_value(one, provider, "v").await.unwrap());
    tx.journal_intent(one, provider, name, "v").await.unwrap();
    assert!(!tx.claim_single_value(two, provider, "x").await.unwrap());

    assert!(tx.claim_single_value(one, provider, "w").await.unwrap());
    tx.journal_intent(one, provider, name, "w").await.unwrap();
    tx.commit().await.unwrap();

    let left = scene.db.journal_of(one).await.unwrap();
    let values: Vec<_> = left.iter().map(|entry| entry.value.as_str()).collect();
    assert_eq!(values, ["w"]);
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.journal_removed(&left[0].id).await.unwrap();
    assert!(tx.claim_single_value(two, provider, "x").await.unwrap());
}

pub(crate) async fn the_few_places_at_a_name_belong_to_one_order(scene: &Scene) {
    let provider = provider(scene, "p").await;
    let (one, two) = (OrderId::new(), OrderId::new());
    let (name, other) = ("a.auth.example", "b.auth.example");
    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(
        tx.claim_name(one, provider, name, &["v", "w"])
            .await
            .unwrap()
    );
    for value in ["v", "w"] {
        tx.journal_intent(one, provider, name, value).await.unwrap();
    }

    assert!(!tx.claim_name(two, provider, name, &["x"]).await.unwrap());
    assert!(!tx.claim_name(two, provider, name, &["v"]).await.unwrap());
    assert!(tx.claim_name(two, provider, other, &["x"]).await.unwrap());
    assert!(
        tx.claim_name(two, provider, name, &["w", "v"])
            .await
            .unwrap(),
        "a shared authorization"
    );
    assert!(
        tx.claim_name(one, provider, name, &["v", "w"])
            .await
            .unwrap()
    );
}

pub(crate) async fn the_first_account_of_a_domain_stands(scene: &Scene) {
    let provider = provider(scene, "p").await;
    let changed = async || {
        scene
            .db
            .dns_provider(provider)
            .await
            .unwrap()
            .unwrap()
            .updated_at
    };
    let before = changed().await;
    let account = |secret: &str| DnsAccount {
        domain: "a.example".to_owned(),
        target: format!("{secret}.auth.example"),
        account: Secret::new(secret.to_owned()),
        created_at: scene.seconds(),
    };
    for (secret, is_kept) in [("first", true), ("second", false)] {
        let mut tx = scene.db.begin_write().await.unwrap();
        assert_eq!(
            tx.insert_dns_account(provider, &account(secret))
                .await
                .unwrap(),
            is_kept
        );
        tx.commit().await.unwrap();
    }
    assert!(changed().await > before, "every Console builds it anew");

    let kept = scene.db.dns_accounts(provider).await.unwrap();
    assert_eq!(
        (kept.len(), kept[0].account.expose().as_str()),
        (1, "first")
    );
    assert_eq!(kept[0].target, "first.auth.example");
    let mut tx = scene.db.begin_write().await.unwrap();
    assert!(tx.remove_dns_provider(provider).await.unwrap());
    tx.commit().await.unwrap();
    assert!(scene.db.dns_accounts(provider).await.unwrap().is_empty());
}

pub(crate) async fn events_come_in_pages_newest_first(scene: &Scene) {
    let id = CertificateId::new();
    let operation = Operation {
        id: OperationId::new(),
        kind: "issue".to_owned(),
        certificate_id: Some(id),
        actor: "user:anna".to_owned(),
        created_at: scene.seconds(),
    };
    let mut tx = scene.db.begin_write().await.unwrap();
    tx.insert_operation(&operation).await.unwrap();
    for n in 0..5 {
        let mut event = Event::new(scene.db.now(), id, "www", "order.x", format!("{n}"));
        event.operation_id = Some(operation.id);
        tx.add_event(&event).await.unwrap();
    }
    tx.commit().await.unwrap();

    let page = scene
        .db
        .events_of_certificate("www", None, 2)
        .await
        .unwrap();
    let rest = scene
        .db
        .events_of_certificate("www", Some(&page[1].id), 9)
        .await
        .unwrap();
    let messages: Vec<_> = page
        .iter()
        .chain(&rest)
        .map(|event| event.message.as_str())
        .collect();
    assert_eq!(messages, ["4", "3", "2", "1", "0"]);
    assert_eq!(
        scene.db.operation(operation.id).await.unwrap().unwrap(),
        operation
    );
    let steps = scene.db.events_of_operation(operation.id).await.unwrap();
    assert_eq!((steps.len(), steps[0].message.as_str()), (5, "0"));
    scene.clock.advance(jiff::SignedDuration::from_secs(1));
    assert_eq!(scene.db.expire_events(scene.db.now()).await.unwrap(), 5);
}

pub(crate) async fn another_account_lets_placed_orders_begin_anew(scene: &Scene) {
    let subject = subject(scene).await;
    let order = order(scene, &subject);
    insert_order(scene, &order).await;
    let db = &scene.db;
    assert_eq!(db.placed_orders_of_vendor(subject.vendor).await.unwrap(), 0);
    let placed = OrderChange::Ordered {
        url: "https://ca.example/order/1",
        finalize_url: "https://ca.example/order/1/finalize",
        expires_at: None,
    };
    let mut tx = db.begin_write().await.unwrap();
    let moved = tx
        .advance_order(order.id, OrderState::Pending, OrderState::Ordered, &placed)
        .await;
    assert!(moved.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(db.placed_orders_of_vendor(subject.vendor).await.unwrap(), 1);

    let mut tx = db.begin_write().await.unwrap();
    let restarted = tx.restart_orders_of_vendor(subject.vendor).await.unwrap();
    tx.commit().await.unwrap();

    let order = db.order(order.id).await.unwrap().unwrap();
    assert_eq!((restarted, order.state), (1, OrderState::Ordering));
    assert_eq!((order.order_url, order.replaces), (None, None));
    assert_eq!(db.placed_orders_of_vendor(subject.vendor).await.unwrap(), 0);
}
