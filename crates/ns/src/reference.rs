//! The reference documentation of the catalogue, as Markdown.

use crate::catalog::{Attribute, BindingType, Effect, RESOURCES, ResourceType};
use crate::command::Verb;
use crate::grammar::synopsis;

/// Every resource type: synopses, arguments, bindings, NITRO names.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Commands and resource types\n\n\
         Generated from the catalogue (`crates/ns/src/catalog`). *Kept only* means: accepted, shown and saved, without\n\
         effect here. Types and arguments that are not listed are refused with NetScaler's error.\n\n\
         Keywords, types and arguments may be abbreviated as long as they are unambiguous, in any case; `--name` is\n\
         `-name`. Quote with `\"…\"` or `'…'`, or with `q` and a delimiter (`q{…}`, `q/…/`), where nothing is escaped.\n\
         `rm` takes several names. A name or address may hold a range: `add server s[1-3] 192.0.2.[1-3]` is three\n\
         commands. A secret that is left out is asked for. `( a | b )` is one of the two, `[x]` may be left out,\n\
         `<x> ...` may be repeated.\n\n\
         In NITRO a type is `/nitro/v1/config/<type>`: `add` is POST, `set` and `bind` are PUT, `rm` and `unbind` are\n\
         DELETE, `show` is GET, and every other verb is POST with `?action=<verb>`, in any case.\n\n",
    );
    for resource in RESOURCES {
        let anchor = resource.name.to_ascii_lowercase().replace(' ', "-");
        page.push_str(&format!("- [`{}`](#{anchor})\n", resource.name));
    }
    for resource in RESOURCES {
        page.push_str(&section(resource));
    }
    page
}

/// The section of one resource type.
pub fn section(resource: &'static ResourceType) -> String {
    let mut page = format!(
        "\n## {}\n\n{} NITRO: `{}`.\n\n```\n",
        resource.name, resource.doc, resource.nitro
    );
    let verbs: Vec<Verb> = resource.all_verbs().collect();
    for line in verbs.iter().flat_map(|verb| synopsis(*verb, resource)) {
        page.push_str(&line);
        page.push('\n');
    }
    page.push_str("```\n");
    if !resource.attributes.is_empty() {
        page.push_str(TABLE_HEAD);
        for attribute in resource.attributes {
            page.push_str(&row(attribute));
        }
    }
    for binding in resource.bindings {
        page.push_str(&binding_section(binding));
    }
    page
}

const TABLE_HEAD: &str =
    "\n| argument | NITRO | values | default | meaning |\n|---|---|---|---|---|\n";

fn binding_section(binding: &BindingType) -> String {
    let aliases: String = binding
        .aliases
        .iter()
        .map(|(alias, _)| format!(", `{alias}`"))
        .collect();
    let mut page = format!(
        "\n**Binding** `{}`{aliases}: {}\n{TABLE_HEAD}",
        binding.nitro, binding.doc
    );
    for attribute in binding.attributes {
        page.push_str(&row(attribute));
    }
    page
}

fn row(attribute: &Attribute) -> String {
    let unit = attribute
        .unit
        .map(|unit| format!(", {unit}"))
        .unwrap_or_default();
    let kept = match attribute.effect {
        Effect::Acts => "",
        Effect::Stored => " *Kept only.*",
    };
    let values = crate::grammar::expectation(attribute).replace('|', "\\|");
    format!(
        "| `{}` | `{}` | {values}{unit} | {} | {}{kept} |\n",
        attribute.name,
        attribute.field(),
        attribute.default.unwrap_or_default(),
        attribute.doc,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::SSL_ZERO_TOUCH_PARAM;

    #[test]
    fn a_section_tells_synopses_and_arguments() {
        insta::assert_snapshot!(section(&SSL_ZERO_TOUCH_PARAM), @"
    ## ssl zeroTouchParam

    Zero-touch certificate management: OCSP settings and state. NITRO: `sslzerotouchparam`.

    ```
    set ssl zeroTouchParam [-ocspCacheTimeout <ocspCacheTimeout>] [-ocspBatchingDepth <ocspBatchingDepth>] [-ocspBatchingDelay <ocspBatchingDelay>] [-ocspRespTimeout <ocspRespTimeout>] [-ocspUrlResolveTimeout <ocspUrlResolveTimeout>] [-ocspTrustResponder ( YES | NO )] [-ocspProducedAtTimeSkew <ocspProducedAtTimeSkew>] [-ocspUseNonce ( ENABLED | DISABLED )] [-ocspHttpMethod ( GET | POST )]
    show ssl zeroTouchParam
    unset ssl zeroTouchParam [-ocspCacheTimeout] [-ocspBatchingDepth] [-ocspBatchingDelay] [-ocspRespTimeout] [-ocspUrlResolveTimeout] [-ocspTrustResponder] [-ocspProducedAtTimeSkew] [-ocspUseNonce] [-ocspHttpMethod]
    ```

    | argument | NITRO | values | default | meaning |
    |---|---|---|---|---|
    | `ocspCacheTimeout` | `ocspcachetimeout` | a number from 1 to 43200, minutes | 1 | How long an OCSP response is kept. |
    | `ocspBatchingDepth` | `ocspbatchingdepth` | a number from 1 to 8 |  | Certificates asked about in one OCSP request. |
    | `ocspBatchingDelay` | `ocspbatchingdelay` | a number from 1 to 10000, milliseconds |  | How long to collect an OCSP request. |
    | `ocspRespTimeout` | `ocspresptimeout` | a number from 100 to 120000, milliseconds |  | How long to wait for an OCSP response. |
    | `ocspUrlResolveTimeout` | `ocspurlresolvetimeout` | a number from 100 to 2000, milliseconds |  | How long to resolve the responder's name. |
    | `ocspTrustResponder` | `ocsptrustresponder` | one of YES, NO | NO | Do not check the signature of OCSP responses. |
    | `ocspProducedAtTimeSkew` | `ocspproducedattimeskew` | a number from 0 to 86400, seconds | 300 | Clock difference accepted. |
    | `ocspUseNonce` | `ocspusenonce` | one of ENABLED, DISABLED | ENABLED | Send a nonce in OCSP requests. |
    | `ocspHttpMethod` | `ocsphttpmethod` | one of GET, POST | POST | HTTP method of OCSP requests. |
");
    }

    #[test]
    fn the_page_has_every_type_argument_and_binding() {
        let page = markdown();

        for resource in RESOURCES {
            assert!(page.contains(&format!("\n## {}\n", resource.name)));
            for attribute in resource.attributes {
                assert!(page.contains(&format!("| `{}` |", attribute.name)));
            }
            for binding in resource.bindings {
                assert!(page.contains(&format!("**Binding** `{}`", binding.nitro)));
            }
        }
    }
}
