//! Tests of the balancer: methods, persistence, and services that are passed over, down or full.

use crate::traffic::pool::PoolLimits;
use std::time::Duration;

use super::*;
use crate::traffic::backend::ServiceParts;
use crate::traffic::lb::Health;
use crate::traffic::lb::health::Verdict;
use crate::traffic::lb::persistence::{Cookie, SourceTable};
use crate::traffic::pool::Active;

fn service(name: &str, weight: usize) -> Arc<Service> {
    Arc::new(Service::new(ServiceParts {
        name: name.into(),
        address: "127.0.0.1:1".into(),
        tls: None,
        weight,
        connect_timeout: Duration::from_secs(1),
        response_timeout: Duration::from_secs(1),
        pool: PoolLimits {
            own: 1,
            each_client: 1,
            all_clients: 1,
            max_age: Duration::from_secs(1),
        },
        health: Arc::new(Health::new()),
        most_clients: None,
    }))
}

fn client(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 40_000)
}

fn server() -> SocketAddr {
    client("192.0.2.200")
}

fn picks(balancer: &Balancer, count: usize) -> String {
    let question = balancer.question_of(client("192.0.2.1"), server());
    (0..count)
        .map(|_| balancer.pick(&question, &[]).unwrap().name.to_string())
        .collect()
}

#[test]
fn round_robin_goes_around_by_weight() {
    let even = Balancer::new(vec![service("a", 10), service("b", 10)], Method::RoundRobin);
    let uneven = Balancer::new(vec![service("a", 30), service("b", 10)], Method::RoundRobin);

    assert_eq!(picks(&even, 4), "abab");
    assert_eq!(picks(&uneven, 8), "aabaaaba");
}

#[test]
fn least_connection_takes_the_least_loaded_and_turns_among_equals() {
    let (a, b) = (service("a", 1), service("b", 1));
    let balancer = Balancer::new(vec![a.clone(), b], Method::LeastConnection);
    let busy = Active::new(a);
    assert_eq!(picks(&balancer, 2), "bb");

    drop(busy);

    let next = picks(&balancer, 2);
    assert!(next == "ab" || next == "ba", "{next}");
}

#[test]
fn least_response_time_takes_the_quickest() {
    let (a, b) = (service("a", 1), service("b", 1));
    let balancer = Balancer::new(vec![a.clone(), b.clone()], Method::LeastResponseTime);
    for _ in 0..20 {
        a.answered_in(Duration::from_millis(40));
        b.answered_in(Duration::from_millis(5));
    }
    assert_eq!(picks(&balancer, 3), "bbb");

    let _busy: Vec<Active> = (0..20).map(|_| Active::new(b.clone())).collect();
    assert_eq!(picks(&balancer, 1), "a");
}

#[test]
fn a_service_that_is_down_is_passed_over_until_no_other_is_left() {
    let (a, b) = (service("a", 1), service("b", 1));
    let balancer = Balancer::new(vec![a.clone(), b.clone()], Method::RoundRobin);
    let question = balancer.question_of(client("192.0.2.1"), server());
    a.pass_over();

    assert_eq!(picks(&balancer, 3), "bbb");
    let rest = balancer.pick(&question, std::slice::from_ref(&b)).unwrap();
    assert_eq!(&*rest.name, "a");
    assert!(balancer.pick(&question, &[a, b]).is_none());
}

#[test]
fn a_service_its_monitors_found_down_is_never_used() {
    let (a, b) = (service("a", 1), service("b", 1));
    let balancer = Balancer::new(vec![a.clone(), b.clone()], Method::RoundRobin);
    let question = balancer.question_of(client("192.0.2.1"), server());
    a.health.decide(Verdict::Down);
    assert_eq!(picks(&balancer, 3), "bbb");
    assert!(!balancer.is_down());

    b.health.decide(Verdict::Down);
    assert!(balancer.is_down() && balancer.pick(&question, &[]).is_none());

    a.health.decide(Verdict::Up);
    assert_eq!(picks(&balancer, 2), "aa");
}

#[test]
fn hashes_lead_the_same_client_to_the_same_service() {
    let services: Vec<_> = ["a", "b", "c", "d"].map(|name| service(name, 1)).into();
    let balancer = Balancer::new(services, Method::Hash(Key::Source, Masks::default()));
    let of = |ip: &str| {
        let question = balancer.question_of(client(ip), server());
        balancer.pick(&question, &[]).unwrap()
    };
    let used: std::collections::BTreeSet<_> = (0..100)
        .map(|i| of(&format!("192.0.2.{i}")).name.to_string())
        .collect();
    assert_eq!(used.len(), 4);
    let first = of("192.0.2.7");
    assert!((0..10).all(|_| Arc::ptr_eq(&first, &of("192.0.2.7"))));

    first.health.decide(Verdict::Down);
    assert!(!Arc::ptr_eq(&first, &of("192.0.2.7")));
    first.health.decide(Verdict::Up);
    assert!(Arc::ptr_eq(&first, &of("192.0.2.7")));
}

#[test]
fn a_url_is_hashed_up_to_its_limit() {
    let services: Vec<_> = ["a", "b", "c", "d"].map(|name| service(name, 1)).into();
    let balancer = Balancer::new(services, Method::Hash(Key::Url(5), Masks::default()));
    let key = |path: &str| {
        let request = http::Request::get(path).body(()).unwrap().into_parts().0;
        balancer
            .question(client("192.0.2.1"), server(), &request)
            .key
    };

    assert_eq!(key("/abcd/1"), key("/abcd/2"));
    assert_ne!(key("/abcx"), key("/abcy"));
}

#[test]
fn a_client_stays_with_its_service_while_that_is_up() {
    let (a, b) = (service("a", 1), service("b", 1));
    let table = SourceTable::new(Masks::default(), Duration::from_secs(120));
    let persistence = Some(Arc::new(Persistence::SourceIp(Box::new(table))));
    let balancer =
        Balancer::new(vec![a.clone(), b], Method::RoundRobin).with_persistence(persistence);
    assert_eq!(picks(&balancer, 3), "aaa");

    a.health.decide(Verdict::Down);
    assert_eq!(picks(&balancer, 2), "bb");
    a.health.decide(Verdict::Up);
    assert_eq!(picks(&balancer, 2), "bb");
}

#[test]
fn a_cookie_leads_back_to_the_service_that_set_it() {
    let cookie = Cookie {
        name: "NSC_v".to_owned(),
        timeout: Duration::ZERO,
        is_secure: false,
    };
    let balancer = Balancer::new(vec![service("a", 1), service("b", 1)], Method::RoundRobin)
        .with_persistence(Some(Arc::new(Persistence::Cookie(cookie))));
    let ask = |cookie: Option<&str>| {
        let request = http::Request::get("/").header("Cookie", cookie.unwrap_or("x=y"));
        let request = request.body(()).unwrap().into_parts().0;
        let question = balancer.question(client("192.0.2.1"), server(), &request);
        let service = balancer.pick(&question, &[]).unwrap();
        let mut answer = HeaderMap::new();
        balancer.mark(&question, &service, &mut answer);
        let set = answer
            .get("set-cookie")
            .map(|value| value.to_str().unwrap().to_owned());
        (service.name.to_string(), set)
    };

    let (first, set) = ask(None);
    let set = set.unwrap();
    let pair = set.split(';').next().unwrap();
    for _ in 0..4 {
        assert_eq!(ask(Some(pair)), (first.clone(), None));
    }
    let (_, set) = ask(Some("NSC_v=0000000000000001"));
    assert!(
        set.is_some(),
        "a cookie of a service that is gone is replaced"
    );
}

#[test]
fn a_full_service_takes_no_more() {
    let full = Arc::new(Service::new(ServiceParts {
        name: "a".into(),
        address: "127.0.0.1:1".into(),
        tls: None,
        weight: 1,
        connect_timeout: Duration::from_secs(1),
        response_timeout: Duration::from_secs(1),
        pool: PoolLimits {
            own: 1,
            each_client: 1,
            all_clients: 1,
            max_age: Duration::from_secs(1),
        },
        health: Arc::new(Health::new()),
        most_clients: Some(2),
    }));
    let balancer = Balancer::new(vec![full.clone()], Method::RoundRobin);
    let question = balancer.question_of(client("192.0.2.1"), server());
    let (first, _second) = (Active::new(full.clone()), Active::new(full));

    assert!(balancer.pick(&question, &[]).is_none());
    drop(first);
    assert!(balancer.pick(&question, &[]).is_some());
}
