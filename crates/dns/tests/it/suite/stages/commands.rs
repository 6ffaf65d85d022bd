//! Programs of the operator's: one that is run as it is, and a script for his acme.sh.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::time::Duration;

use evercert_dns::Settings;
use tempfile::TempDir;

use super::{Pair, Stage, Trouble};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Exec,
    AcmeSh,
}

/// `present|cleanup NAME. VALUE`: keeps lines in a file, one writer at a time, and has misfortunes by marks.
const STORE: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 9
echo "$1" >> runs
[ "$#" -eq 3 ] || { echo "strange arguments: $*" >> complaints; exit 2; }
[ "$TOKEN" = right-token ] || { echo "bad token $TOKEN" >&2; exit 3; }
for mark in hang* fail* kill* page* flood*; do
  [ -e "$mark" ] || continue
  rm "$mark"
  case "$mark" in
    hang*) sleep 60 ;;
    fail*) echo 'the service is down' >&2; exit 75 ;;
    kill*) echo '{"result": [tru'; kill -9 $$ ;;
    page*) echo '<html><body>Sign in</body></html>'; exit 1 ;;
    flood*) yes noise | head -c 200000; echo 'the end'; exit 1 ;;
  esac
done
grep -q -x -F -e "$(echo "$2" | sed 's/^_acme-challenge\.//; s/\.$//')" zones \
  || echo "$2" | grep -q -f suffixes || { echo "no zone holds $2" >&2; exit 4; }
(
  flock 9
  touch store
  grep -v -x -F -e "$2 $3" store > rest
  [ "$1" = present ] && printf '%s %s\n' "$2" "$3" >> rest
  mv rest store
) 9> lock
for mark in lost*; do
  [ -e "$mark" ] && { rm "$mark"; exit 1; }
done
exit 0
"#;

/// Prints its help without arguments, as the real one does.
const ACME_SH: &str =
    "#!/bin/sh\n[ $# -gt 0 ] && { echo \"unexpected: $*\" >&2; exit 9; }\necho 'Usage: acme.sh'\n";

const SCRIPT: &str = "dns_store_add() { \"$STORE\" present \"$1.\" \"$2\"; }\ndns_store_rm() { \"$STORE\" cleanup \"$1.\" \"$2\"; }\n";

pub(crate) struct Commands {
    program: Program,
    dir: TempDir,
    marks: Mutex<usize>,
}

impl Commands {
    pub(crate) fn new(program: Program, zones: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        for made in ["dnsapi", "kept"] {
            fs::create_dir(dir.path().join(made)).unwrap();
        }
        write("store.sh", STORE);
        let mode = PermissionsExt::from_mode(0o755);
        fs::set_permissions(dir.path().join("store.sh"), mode).unwrap();
        write("acme.sh", ACME_SH);
        write("dnsapi/dns_store.sh", SCRIPT);
        write("zones", &format!("{}\n", zones.join("\n")));
        let suffixes = zones
            .iter()
            .map(|zone| format!("\\.{}\\.$\n", zone.replace('.', "\\.")));
        write("suffixes", &suffixes.collect::<String>());
        Self {
            program,
            dir,
            marks: Mutex::default(),
        }
    }

    fn settings_with(&self, token: &str, timeout: &str) -> Settings {
        let shown = |name: &str| self.dir.path().join(name).display().to_string();
        let env = format!("TOKEN={token}\nSTORE={}", shown("store.sh"));
        let mut pairs = vec![("env", env), ("timeout", timeout.to_owned())];
        match self.program {
            Program::Exec => {
                pairs.push(("program", shown("store.sh")));
                pairs.push(("directory", shown("")));
            }
            Program::AcmeSh => {
                pairs.push(("acme_sh", shown("acme.sh")));
                pairs.push(("script", "dns_store".to_owned()));
                pairs.push(("directory", shown("kept")));
            }
        }
        let pairs = pairs.into_iter();
        pairs
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect()
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.dir.path().join(file)).unwrap_or_default()
    }

    fn mark(&self, what: &str) {
        let mut marks = self.marks.lock().unwrap();
        *marks += 1;
        fs::write(self.dir.path().join(format!("{what}{marks}")), "").unwrap();
    }
}

impl Stage for Commands {
    fn settings(&self, _: &str) -> Settings {
        self.settings_with("right-token", "60s")
    }

    fn wrong_settings(&self, _: &str) -> Settings {
        self.settings_with("wrong-token", "60s")
    }

    fn hasty_settings(&self, _: &str) -> Settings {
        self.settings_with("right-token", "1s")
    }

    fn records(&self) -> Vec<Pair> {
        let store = self.text("store");
        let pairs = store.lines().filter_map(|line| line.split_once(". "));
        let mut pairs: Vec<Pair> = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        pairs.sort();
        pairs
    }

    fn plant(&self, fqdn: &str, value: &str) {
        let store = format!("{}{fqdn}. {value}\n", self.text("store"));
        fs::write(self.dir.path().join("store"), store).unwrap();
    }

    fn crowd(&self, fqdn: &str, values: &[String]) {
        for value in values {
            self.plant(fqdn, value);
        }
    }

    fn strike(&self, trouble: Trouble) {
        match trouble {
            Trouble::Busy | Trouble::Failing => self.mark("fail"),
            Trouble::FailingChange(times) => {
                for _ in 0..times {
                    self.mark("fail");
                }
            }
            Trouble::Half(_) => self.mark("kill"),
            Trouble::Page(_) => self.mark("page"),
            Trouble::Silence => self.mark("hang"),
            Trouble::Reset | Trouble::LostAnswer => self.mark("lost"),
            Trouble::Flood => self.mark("flood"),
            other => panic!("{other:?} cannot befall a program"),
        }
    }

    fn calm(&self) -> bool {
        true
    }

    fn asked(&self) -> usize {
        self.text("runs").lines().count()
    }

    fn changes(&self) -> usize {
        self.asked()
    }

    fn pause(&self) -> Option<Duration> {
        None
    }

    fn complaints(&self) -> Vec<String> {
        self.text("complaints").lines().map(str::to_owned).collect()
    }
}
