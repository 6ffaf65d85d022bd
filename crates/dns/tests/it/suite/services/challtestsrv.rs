//! pebble-challtestsrv: values are added one by one, and cleared all at once; its DNS shows them.

use super::super::world::{Asked, Data, Reply, Service, empty};

pub(super) const SERVICE: Service = Service {
    code: "challtestsrv",
    knows: |_, _| true,
    serve,
    changes: |asked| matches!(asked.path.as_str(), "/set-txt" | "/clear-txt"),
    url: "url",
    dns: Some("dns_server"),
    zoneless: true,
    easy: true,
    ..Service::PLAIN
};

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    assert_eq!(asked.method, "POST");
    let body = asked.json();
    let host = body["host"].as_str().unwrap().to_owned();
    let Some(name) = host.strip_suffix('.') else {
        return empty(400);
    };
    match asked.path.as_str() {
        "/set-txt" => drop(data.add(name, body["value"].as_str().unwrap())),
        "/clear-txt" => data.replace(name, &[]),
        "/clear-request-history" => assert_eq!(body["type"], "dns"),
        other => panic!("{other}"),
    }
    empty(200)
}
