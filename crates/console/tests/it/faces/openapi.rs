//! The description of the API is what is checked in: a change of it is a change that somebody reads.

use serde_json::Value;

use super::scene::Scene;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[tokio::test]
async fn the_description_is_the_one_that_was_read() {
    let scene = Scene::sqlite().await;
    let document: Value = scene.get("/api/v1/openapi.json").await;
    let written = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("EVERCERT_BLESS").is_some() {
        std::fs::write(FILE, &written).unwrap();
    }

    let known = std::fs::read_to_string(FILE).unwrap_or_default();

    assert!(
        known == written,
        "the API's description changed; look at it with\n  EVERCERT_BLESS=1 cargo nextest run -p evercert-console openapi && git diff {FILE}"
    );
}

#[tokio::test]
async fn every_operation_says_what_it_is_and_how_it_fails() {
    let scene = Scene::sqlite().await;
    let document: Value = scene.get("/api/v1/openapi.json").await;

    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                operation["summary"].is_string(),
                "{method} {path} has no summary"
            );
            assert!(
                responses.contains_key("default"),
                "{method} {path} does not say how it fails"
            );
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{method} {path} does not say how it ends well"
            );
        }
    }
    assert_eq!(unresolved(&document, &document), Vec::<String>::new());
}

/// References that lead nowhere.
fn unresolved(document: &Value, part: &Value) -> Vec<String> {
    match part {
        Value::Object(fields) => {
            let here = fields.get("$ref").and_then(Value::as_str);
            let dangling = here.filter(|reference| {
                document
                    .pointer(reference.trim_start_matches('#'))
                    .is_none()
            });
            let deeper = fields
                .values()
                .flat_map(|value| unresolved(document, value));
            dangling
                .map(str::to_owned)
                .into_iter()
                .chain(deeper)
                .collect()
        }
        Value::Array(values) => values
            .iter()
            .flat_map(|value| unresolved(document, value))
            .collect(),
        _ => Vec::new(),
    }
}
