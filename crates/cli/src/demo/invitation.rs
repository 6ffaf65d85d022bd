//! What the visitor may do while the demo is up.

use anyhow::{Context, Result};

use super::issue::cast;
use super::world::World;
use crate::output;

/// Prints the set-up URL and commands that work when pasted.
pub(crate) fn print(world: &World) -> Result<()> {
    let root = world.dir.join("root.pem");
    std::fs::write(&root, world.root_pem())
        .with_context(|| format!("writing {}", root.display()))?;
    let root = shell_word(&root.display().to_string());
    let mut text = String::from("\nEverything is up. Try it:\n\n");
    for adc in &world.adcs {
        text += &format!(
            "  # {} serves by SNI what the zero-touch store holds\n",
            adc.name
        );
        for part in cast() {
            let (host, port) = (&part.host, adc.https.port());
            text += &format!(
                "  curl --cacert {root} --resolve {host}:{port}:127.0.0.1 https://{host}:{port}/\n"
            );
        }
    }
    let dir = shell_word(&world.dir.display().to_string());
    text += "\n  # the Console, from another shell\n";
    if let Ok(program) = std::env::current_exe() {
        let program = shell_word(&program.display().to_string());
        text += &format!("  alias evercert={program}\n");
    }
    text += &format!(
        "  export EVERCERT_URL={} EVERCERT_TOKEN_FILE={dir}/demo.token EVERCERT_CACERT={dir}/console/console-ca.pem\n",
        world.console_url()
    );
    text += "  evercert cert list\n  evercert cert show api-dual\n  evercert cert renew shop --wait\n  evercert instance show adc-1\n";
    text += &format!(
        "  evercert adc explain --state-dir {dir}/adc-1 --sni any.apps.{}\n",
        super::world::ZONE
    );
    if let Some(url) = world.setup_url() {
        text += &format!(
            "\n  # make yourself an administrator (one-time URL; its certificate is the Console's own)\n  {}\n",
            url.expose()
        );
    }
    text += "\nCtrl-C stops everything.\n";
    output::print(&text)
}

/// Text as one word of a shell's command.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.,:=@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_pasted() {
        assert_eq!(shell_word("/tmp/demo-1/a.pem"), "/tmp/demo-1/a.pem");
        assert_eq!(shell_word("/my demo"), "'/my demo'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
