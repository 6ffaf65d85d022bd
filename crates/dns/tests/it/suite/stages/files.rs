//! Zone files on this host, and what makes a name server read them: a program for NSD, a signal for `MaraDNS`.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use evercert_dns::Settings;
use tempfile::TempDir;

use super::{Pair, Stage, Trouble};

/// Whose files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Nsd,
    MaraDns,
}

/// Stands for `nsd-control reload`: what it has read is what the world sees.
const RELOAD: &str = r#"cd "$(dirname "$0")" || exit 9
echo run >> runs
for mark in fail*; do
  [ -e "$mark" ] && { rm "$mark"; echo 'error: cannot connect: Connection refused' >&2; exit 1; }
done
cp ./*.zone loaded/
for mark in lost*; do
  [ -e "$mark" ] && { rm "$mark"; exit 1; }
done
exit 0
"#;

pub(crate) struct Files {
    server: Server,
    dir: TempDir,
    zones: Vec<String>,
    /// Stands for duende: a process that takes the signal.
    duende: Option<Child>,
    /// A lock that somebody holds.
    held: Mutex<Option<File>>,
    /// What the files held before any change.
    planted: Mutex<Vec<String>>,
    /// How many marks were set.
    marks: Mutex<usize>,
    /// A file as it was before it was spoilt.
    spoilt: Mutex<Option<(PathBuf, Vec<u8>)>>,
}

impl Drop for Files {
    fn drop(&mut self) {
        if let Some(duende) = &mut self.duende {
            drop(duende.kill());
            drop(duende.wait());
        }
    }
}

impl Files {
    pub(crate) fn new(server: Server, zones: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("loaded")).unwrap();
        let duende = (server == Server::MaraDns).then(|| {
            let mut command = Command::new("sh");
            command.args(["-c", "trap '' HUP; echo ready; exec sleep 600"]);
            let mut duende = command.stdout(Stdio::piped()).spawn().unwrap();
            let mut ready = [0; 6];
            std::io::Read::read_exact(duende.stdout.as_mut().unwrap(), &mut ready).unwrap();
            fs::write(dir.path().join("pid"), format!("{}\n", duende.id())).unwrap();
            duende
        });
        let files = Self {
            server,
            dir,
            zones: zones.iter().map(|zone| (*zone).to_owned()).collect(),
            duende,
            held: Mutex::default(),
            planted: Mutex::default(),
            marks: Mutex::default(),
            spoilt: Mutex::default(),
        };
        for zone in zones {
            files.write(zone, &files.head(zone));
        }
        fs::write(files.dir.path().join("reload"), RELOAD).unwrap();
        files
    }

    /// What a zone has beside TXT records; a comment is in Latin-1, as some editors write it.
    fn head(&self, zone: &str) -> Vec<u8> {
        let text = match self.server {
            Server::Nsd => format!(
                "$TTL 60\n{zone}. 60 IN SOA ns.{zone}. admin.{zone}. (\n  7 ; serial\n  3600 900 604800 60 )\n{zone}. 60 IN NS ns.{zone}.\n; caf~\n"
            ),
            Server::MaraDns => {
                format!("{zone}. NS ns.{zone}. ~\nns.{zone}. A 127.0.0.1 ~\n# caf~\n")
            }
        };
        let comment = |octet: u8| {
            if octet == b'~' && self.server == Server::Nsd {
                0xe9
            } else {
                octet
            }
        };
        let mut head: Vec<u8> = text.bytes().map(comment).collect();
        if self.server == Server::MaraDns {
            let at = head.len() - 2;
            head[at] = 0xe9;
        }
        head
    }

    fn file(&self, zone: &str) -> PathBuf {
        self.dir.path().join(format!("{zone}.zone"))
    }

    /// A file beside the zone's, as the provider names them.
    fn beside(&self, zone: &str, what: &str) -> PathBuf {
        self.dir
            .path()
            .join(format!(".{zone}.zone.evercert-{what}"))
    }

    fn write(&self, zone: &str, octets: &[u8]) {
        fs::write(self.file(zone), octets).unwrap();
        let loaded = self.dir.path().join("loaded");
        fs::write(loaded.join(format!("{zone}.zone")), octets).unwrap();
    }

    fn zone_of(&self, fqdn: &str) -> &str {
        let holds = |zone: &&String| fqdn == zone.as_str() || fqdn.ends_with(&format!(".{zone}"));
        let longest = self
            .zones
            .iter()
            .filter(holds)
            .max_by_key(|zone| zone.len());
        longest.unwrap_or(&self.zones[0])
    }

    fn settings_of(&self, zone: &str, file: &str) -> Settings {
        let shown = |name: &str| self.dir.path().join(name).display().to_string();
        let mut pairs = vec![("zone", zone.to_owned()), ("zone_file", shown(file))];
        match self.server {
            Server::Nsd => {
                pairs.push(("command", format!("sh {}", shown("reload"))));
                pairs.push(("raise_serial", "true".to_owned()));
            }
            Server::MaraDns => pairs.push(("pid_file", shown("pid"))),
        }
        let pairs = pairs.into_iter();
        pairs
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect()
    }

    fn line(&self, fqdn: &str, value: &str) -> String {
        match self.server {
            Server::Nsd => format!("{fqdn}. 60 IN TXT \"{value}\"\n"),
            Server::MaraDns => format!("{fqdn}. +60 TXT '{value}' ~\n"),
        }
    }

    /// The lines that the world sees, octets above 127 as Latin-1.
    fn lines(&self, zone: &str) -> Vec<String> {
        let file = match self.server {
            Server::Nsd => self.dir.path().join(format!("loaded/{zone}.zone")),
            Server::MaraDns => self.file(zone),
        };
        let octets = fs::read(file).unwrap_or_default();
        let text: String = octets.into_iter().map(char::from).collect();
        text.lines().map(str::to_owned).collect()
    }

    fn all(&self) -> Vec<String> {
        let lines = |zone: &String| {
            let octets = fs::read(self.file(zone)).unwrap_or_default();
            octets.into_iter().map(char::from).collect()
        };
        self.zones.iter().map(lines).collect()
    }

    fn mark(&self, what: &str) {
        let mut marks = self.marks.lock().unwrap();
        *marks += 1;
        fs::write(self.dir.path().join(format!("{what}{marks}")), "").unwrap();
    }

    fn spoil(&self, file: PathBuf, octets: &[u8]) {
        let before = fs::read(&file).unwrap();
        fs::write(&file, octets).unwrap();
        *self.spoilt.lock().unwrap() = Some((file, before));
    }

    /// Somebody holds the lock of the first zone's file.
    fn hold(&self) -> File {
        let lock = File::create(self.beside(&self.zones[0], "lock")).unwrap();
        lock.lock().unwrap();
        lock
    }

    /// The copy that takes the file's place is on a disk without room.
    fn fill_disk(&self) {
        let copy = self.beside(&self.zones[0], "new");
        std::os::unix::fs::symlink("/dev/full", copy).unwrap();
    }
}

/// The TXT record of a line: a name, perhaps TTL and class, the type and the value in quotes.
fn record(line: &str) -> Option<Pair> {
    let (head, data) = line.split_once(" TXT ")?;
    let name = head.split(' ').next()?.strip_suffix('.')?;
    let data = data.trim_end_matches(" ~");
    Some((name.to_owned(), data.trim_matches(['"', '\'']).to_owned()))
}

impl Stage for Files {
    fn settings(&self, fqdn: &str) -> Settings {
        let zone = self.zone_of(fqdn);
        self.settings_of(zone, &format!("{zone}.zone"))
    }

    /// A file that is not there: there are no other credentials than the right to write it.
    fn wrong_settings(&self, fqdn: &str) -> Settings {
        self.settings_of(self.zone_of(fqdn), "absent.zone")
    }

    fn records(&self) -> Vec<Pair> {
        let lines = self.zones.iter().flat_map(|zone| self.lines(zone));
        let mut pairs: Vec<Pair> = lines.filter_map(|line| record(&line)).collect();
        pairs.sort();
        pairs
    }

    fn plant(&self, fqdn: &str, value: &str) {
        let zone = self.zone_of(fqdn).to_owned();
        let mut octets = fs::read(self.file(&zone)).unwrap();
        octets.extend(self.line(fqdn, value).bytes());
        self.write(&zone, &octets);
        *self.planted.lock().unwrap() = self.all();
    }

    fn crowd(&self, fqdn: &str, values: &[String]) {
        for value in values {
            self.plant(fqdn, value);
        }
    }

    fn strike(&self, trouble: Trouble) {
        match (trouble, self.server) {
            (Trouble::Busy, _) => {
                let held = self.hold();
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_secs(1));
                    drop(held);
                });
            }
            (Trouble::Silence, _) => *self.held.lock().unwrap() = Some(self.hold()),
            (Trouble::Failing | Trouble::FailingChange(_), Server::MaraDns) => self.fill_disk(),
            (Trouble::Failing, Server::Nsd) => self.mark("fail"),
            (Trouble::FailingChange(times), Server::Nsd) => {
                for _ in 0..times {
                    self.mark("fail");
                }
            }
            (Trouble::Half(_), Server::Nsd) => {
                // Only what stands before the SOA record's data is left.
                self.spoil(self.file(&self.zones[0]), b"$TTL 60\n");
            }
            (Trouble::Half(_), Server::MaraDns) => self.spoil(self.dir.path().join("pid"), b"12x"),
            (Trouble::Reset | Trouble::LostAnswer, Server::Nsd) => self.mark("lost"),
            (other, server) => panic!("{other:?} cannot befall the files of {server:?}"),
        }
    }

    fn calm(&self) -> bool {
        self.held.lock().unwrap().take();
        if let Some((file, octets)) = self.spoilt.lock().unwrap().take() {
            fs::write(file, octets).unwrap();
        }
        true
    }

    fn asked(&self) -> usize {
        let runs = fs::read_to_string(self.dir.path().join("runs"));
        runs.map_or(0, |runs| runs.lines().count())
    }

    fn changes(&self) -> usize {
        usize::from(*self.planted.lock().unwrap() != self.all())
    }

    fn pause(&self) -> Option<Duration> {
        None
    }

    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for zone in &self.zones {
            let file = self.file(zone);
            let mode = fs::metadata(&file).map(|meta| meta.permissions().mode() & 0o777);
            if mode.is_ok_and(|mode| mode & 0o044 == 0) {
                complaints.push(format!(
                    "the name server cannot read {zone}'s file any more"
                ));
            }
            let others = |lines: Vec<String>| -> Vec<String> {
                let plain = lines.into_iter().filter(|line| record(line).is_none());
                // Its serial number may be raised.
                plain.filter(|line| !line.ends_with("; serial")).collect()
            };
            let head = self
                .head(zone)
                .into_iter()
                .map(char::from)
                .collect::<String>();
            let before = others(head.lines().map(str::to_owned).collect());
            if others(self.lines(zone)) != before && self.lines(zone).len() > 1 {
                complaints.push(format!("other lines of {zone}'s file were changed"));
            }
        }
        complaints
    }
}
