//! `evercert dns-provider types`: what can be added, and what each type wants to know.

use std::process::ExitCode;

use anyhow::Result;
use evercert_api::Page;
use evercert_api::dns_providers::{
    DnsProof, DnsProviderField, DnsProviderType, DnsValues, settings_wanted,
};

use crate::client::{Client, segment};
use crate::output::{self, Output, wrapped};

/// Widest line of the table and of a page.
const WIDTH: usize = 100;

/// All types, or one with its form.
pub(super) async fn run(client: &Client, code: Option<&str>, output: Output) -> Result<ExitCode> {
    if let Some(code) = code {
        let kind = one(client, code).await?;
        match output {
            Output::Json => output::json(&kind)?,
            Output::Table => output::print(&page(&kind))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let types: Page<DnsProviderType> = client.get("/dns-providers/types").await?;
    if output == Output::Json {
        output::json(&types)?;
        return Ok(ExitCode::SUCCESS);
    }
    table(&types.items)?;
    eprintln!("evercert dns-provider types CODE shows one with all its settings");
    Ok(ExitCode::SUCCESS)
}

/// One type by its code.
pub(super) async fn one(client: &Client, code: &str) -> Result<DnsProviderType> {
    client
        .get(&format!("/dns-providers/types/{}", segment(code)))
        .await
}

fn table(types: &[DnsProviderType]) -> Result<()> {
    let heads = ["CODE", "NAME", "VALUES", "PROOF", "NEEDS"];
    let mut rows: Vec<Vec<String>> = types
        .iter()
        .map(|kind| {
            vec![
                kind.code.clone(),
                kind.name.clone(),
                values(kind.capabilities.values).to_owned(),
                short_proof(kind.proof).to_owned(),
                settings_wanted(&kind.fields, &kind.one_of),
            ]
        })
        .collect();
    let widths = (0..heads.len() - 1).map(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or(0) + 2
    });
    let room = WIDTH.saturating_sub(widths.sum()).max(12);
    for row in &mut rows {
        shorten(&mut row[heads.len() - 1], room);
    }
    output::table(&heads, &rows)
}

fn shorten(text: &mut String, room: usize) {
    if text.chars().count() > room {
        *text = text.chars().take(room - 1).chain(['…']).collect();
    }
}

/// Everything about one type, and how to add a provider of it.
fn page(kind: &DnsProviderType) -> String {
    let caps = &kind.capabilities;
    let mut text = format!("{}  {}\n\n", kind.code, kind.name);
    let mut line = |label: &str, words: &str| {
        if !words.is_empty() {
            text += &wrapped(&format!("{label:<17}"), words, WIDTH);
        }
    };
    line("Documentation", &kind.docs);
    if kind.unofficial {
        line(
            "Beware",
            "It has no interface made for programs: its web pages are used, which may change without notice.",
        );
    }
    if kind.local {
        line(
            "Beware",
            "It runs programs or writes files of the Console's host: an administrator enters it, and the Console's \
             dns_directories say what it may use.",
        );
    }
    line(
        "Least privilege",
        kind.least_privilege.as_deref().unwrap_or_default(),
    );
    for note in &kind.notes {
        line("Note", note);
    }
    line("Proof", proof(kind.proof));
    line("Values at a name", values(caps.values));
    line("TTL", &ttl(kind));
    line(
        "Changes",
        &match caps.serial_pause_ms {
            None => String::new(),
            Some(0) => "one after the other".to_owned(),
            Some(pause) => format!("one after the other, {} apart", span(pause)),
        },
    );
    line(
        "Public within",
        &format!(
            "{}, looked for every {}",
            span(caps.propagation_limit_ms),
            span(caps.propagation_poll_ms)
        ),
    );
    line("Needs", &settings_wanted(&kind.fields, &kind.one_of));
    text += "\nSettings\n";
    for field in &kind.fields {
        text += &setting(field);
    }
    text + "\n" + &add_line(kind)
}

fn ttl(kind: &DnsProviderType) -> String {
    let caps = &kind.capabilities;
    let mut parts = Vec::new();
    parts.extend(caps.default_ttl.map(|ttl| format!("{ttl} s")));
    parts.extend(caps.min_ttl.map(|ttl| format!("at least {ttl} s")));
    if !caps.allowed_ttls.is_empty() {
        let all: Vec<_> = caps.allowed_ttls.iter().map(u32::to_string).collect();
        parts.push(format!("one of {} s", all.join(", ")));
    }
    parts.join("; ")
}

fn setting(field: &DnsProviderField) -> String {
    let mut marks = vec![
        if field.optional {
            "optional"
        } else {
            "required"
        }
        .to_owned(),
    ];
    if field.secret {
        marks.push("secret".to_owned());
    }
    if let Some(default) = &field.default {
        marks.push(format!("default {default}"));
    }
    let indent = " ".repeat(22);
    let mut text = wrapped(
        &format!("  {:<20}", field.key),
        &format!("{} ({})", field.label, marks.join(", ")),
        WIDTH,
    );
    text += &wrapped(&indent, &field.help, WIDTH);
    for (tool, names) in [("acme.sh", &field.acme_sh_env), ("lego", &field.lego_env)] {
        if !names.is_empty() {
            text += &wrapped(&indent, &format!("{tool}: {}", names.join(", ")), WIDTH);
        }
    }
    text
}

/// The command that adds a provider with the first way of giving what is needed.
fn add_line(kind: &DnsProviderType) -> String {
    let first = kind.one_of.first();
    let wanted = kind
        .fields
        .iter()
        .filter(|field| !field.optional || first.is_some_and(|group| group.contains(&field.key)));
    let settings: String = wanted
        .map(|field| match field.secret {
            true => format!(" --set {}=@FILE", field.key),
            false => format!(" --set {}=…", field.key),
        })
        .collect();
    format!(
        "Add one\n  evercert dns-provider add NAME --type {}{settings}\n",
        kind.code
    )
}

/// How several values at a name are kept.
fn values(values: DnsValues) -> &'static str {
    match values {
        DnsValues::OneByOne => "one by one",
        DnsValues::RecordEach => "a record each",
        DnsValues::Set => "one set",
        DnsValues::OneOnly => "one only",
    }
}

fn short_proof(proof: DnsProof) -> &'static str {
    match proof {
        DnsProof::RealServer => "real server",
        DnsProof::Recording => "recording",
        DnsProof::Documentation => "documents",
    }
}

fn proof(proof: DnsProof) -> &'static str {
    match proof {
        DnsProof::RealServer => "tried against the real software",
        DnsProof::Recording => "tried against a recording or a published test of somebody else",
        DnsProof::Documentation => {
            "tried against exchanges written from documentation or from scripts in wide use"
        }
    }
}

fn span(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..120_000 => format!("{} s", millis / 1_000),
        _ => format!("{} min", millis / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use evercert_api::dns_providers::DnsCapabilities;

    use super::*;

    fn cloudflare() -> DnsProviderType {
        let field = |key: &str, secret: bool| {
            DnsProviderField {
            key: key.to_owned(),
            label: "Label".to_owned(),
            secret,
            optional: true,
            default: None,
            help: "A sentence that says what to fill in here, and at which place of the service it is to be found."
                .to_owned(),
            acme_sh_env: vec!["CF_Token".to_owned()],
            lego_env: vec!["CLOUDFLARE_DNS_API_TOKEN".to_owned(), "CF_DNS_API_TOKEN".to_owned()],
        }
        };
        DnsProviderType {
            code: "cf".to_owned(),
            name: "CloudFlare".to_owned(),
            docs: "https://developers.cloudflare.com/api/".to_owned(),
            least_privilege: Some("A token that may edit DNS.".to_owned()),
            unofficial: false,
            notes: vec!["Tokens end after a year.".to_owned()],
            local: false,
            proof: DnsProof::Recording,
            fields: vec![
                field("token", true),
                field("email", false),
                field("key", true),
            ],
            one_of: vec![
                vec!["token".to_owned()],
                vec!["email".to_owned(), "key".to_owned()],
            ],
            capabilities: DnsCapabilities {
                values: DnsValues::RecordEach,
                default_ttl: Some(120),
                min_ttl: Some(60),
                allowed_ttls: Vec::new(),
                serial_pause_ms: None,
                propagation_limit_ms: 120_000,
                propagation_poll_ms: 2_000,
            },
        }
    }

    #[test]
    fn the_page_of_a_type_tells_all_and_fits() {
        let page = page(&cloudflare());

        for words in [
            "120 s; at least 60 s",
            "token, or email and key",
            "Tokens end after a year.",
            "acme.sh: CF_Token",
            "lego: CLOUDFLARE_DNS_API_TOKEN, CF_DNS_API_TOKEN",
            "2 min, looked for every 2 s",
            "add NAME --type cf --set token=@FILE\n",
        ] {
            assert!(page.contains(words), "{words}\n{page}");
        }
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn a_long_cell_is_cut_with_a_sign() {
        let mut text = "username and password".to_owned();
        shorten(&mut text, 12);
        assert_eq!(text, "username an…");
    }
}
