//! Name.com, Core API: names end in a dot where they are whole.

use serde_json::{Value, json};

use super::super::world::{Asked, Data, Reply, Service, json as reply, relative, whole};
use super::{basic, by_method};

pub(super) const SERVICE: Service = Service {
    code: "namecom",
    settings: &[("username", "anna"), ("token", "right-token")],
    wrong: &[("username", "anna"), ("token", "wrong-token")],
    knows: |_, asked| asked.header("authorization") == basic("anna", "right-token"),
    refuse: || reply(401, &json!({"message": "Unauthorized"})),
    serve,
    changes: by_method,
    min_ttl: 300,
    ..Service::PLAIN
};

fn paged(data: &Data, asked: &Asked, member: &str, all: &[Value]) -> Reply {
    let number: usize = asked.query("page").parse().unwrap_or(1);
    let (page, pages) = data.page(all, asked.query("page"));
    assert!(asked.query("perPage").parse::<u32>().unwrap() <= 1000);
    let mut body = json!({"totalCount": all.len(), "nextPage": 0, "lastPage": 0});
    body[member] = json!(page);
    if number < pages {
        body["nextPage"] = json!(number + 1);
    }
    reply(200, &body)
}

fn serve(data: &mut Data, asked: &Asked) -> Reply {
    match (asked.method.as_str(), asked.parts().as_slice()) {
        ("GET", ["domains"]) => {
            let all: Vec<Value> = data
                .zones
                .iter()
                .map(|zone| json!({"domainName": zone, "locked": true}))
                .collect();
            paged(data, asked, "domains", &all)
        }
        ("GET", ["domains", zone, "records"]) if data.has_zone(zone) => {
            let all: Vec<Value> = data.within(zone).iter().map(|record| json!({"id": record.id, "domainName": zone,
                "host": relative(&record.fqdn, zone), "fqdn": format!("{}.", record.fqdn), "type": "TXT",
                "answer": record.value, "ttl": 300})).collect();
            paged(data, asked, "records", &all)
        }
        ("POST", ["domains", zone, "records"]) if data.has_zone(zone) => {
            let body = asked.json();
            if body["ttl"].as_u64().unwrap() < 300 {
                return reply(422, &json!({"message": "Unprocessable Entity", "details": "ttl must be at least 300"}));
            }
            data.least_ttl = body["ttl"].as_u64();
            let id = data.add(
                &whole(body["host"].as_str().unwrap(), zone),
                body["answer"].as_str().unwrap(),
            );
            reply(200, &json!({"id": id}))
        }
        ("DELETE", ["domains", _, "records", id]) => match data.remove(id.parse().unwrap()) {
            true => reply(200, &json!({})),
            false => reply(404, &json!({"message": "Not Found"})),
        },
        _ => reply(404, &json!({"message": "Not Found"})),
    }
}
