//! A service that speaks HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evercert_dns::Settings;
use tokio::net::UdpSocket;

use super::super::world::{Mishap, Reply, Running, Service, To, World};
use super::{Pair, Stage, Trouble, packet};

/// One octet more than anybody reads.
const FLOOD: usize = (4 << 20) + 1;

pub(crate) struct Http {
    service: Service,
    running: Running,
    /// Where it shows its values by DNS.
    shown: Option<SocketAddr>,
}

impl Http {
    pub(crate) async fn new(service: Service, zones: &[&str]) -> Self {
        let running = Running::start(service, zones).await;
        let shown = match service.dns {
            Some(_) => Some(show(running.shared()).await),
            None => None,
        };
        Self {
            service,
            running,
            shown,
        }
    }

    fn settings_of(&self, pairs: &[(&str, &str)]) -> Settings {
        let url = &self.running.url;
        let base = [(self.service.url, url.clone())];
        let places = self.service.places.iter();
        let places = places.map(|(key, path)| (*key, format!("{url}{path}")));
        let shown = self.service.dns.zip(self.shown);
        let shown = shown.map(|(key, addr)| (key, addr.to_string()));
        let pairs = pairs.iter().map(|(key, value)| (*key, (*value).to_owned()));
        (pairs.chain(base).chain(places).chain(shown))
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect()
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Mishap {
    let headers = headers.iter();
    Mishap::Answer(Reply {
        status,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}

impl Stage for Http {
    fn settings(&self, _: &str) -> Settings {
        self.settings_of(self.service.settings)
    }

    fn wrong_settings(&self, _: &str) -> Settings {
        self.settings_of(self.service.wrong)
    }

    fn records(&self) -> Vec<Pair> {
        self.running.world().data.seen()
    }

    fn plant(&self, fqdn: &str, value: &str) {
        self.running.world().data.add(fqdn, value);
    }

    fn crowd(&self, fqdn: &str, values: &[String]) {
        let mut world = self.running.world();
        for (number, value) in values.iter().enumerate() {
            world.data.zones.insert(0, format!("zone{number}.example"));
            world.data.add(fqdn, value);
        }
        world.data.page = 10;
    }

    fn strike(&self, trouble: Trouble) {
        let run = |to, mishap| self.running.mishap(to, mishap);
        match trouble {
            Trouble::Busy => run(To::AnyRequest, answer(429, &[("retry-after", "1")], "{}")),
            Trouble::BusyForLong => {
                run(To::AnyRequest, answer(429, &[("retry-after", "120")], "{}"))
            }
            Trouble::Failing => run(To::AnyRequest, answer(500, &[], "{\"oops\":1}")),
            Trouble::FailingChange(times) => {
                for _ in 0..times {
                    run(To::AnyChange, answer(500, &[], "<html>oops</html>"));
                }
            }
            Trouble::Half(others) => run(To::After(others), Mishap::Half),
            Trouble::Page(others) => {
                let page =
                    "<html><head><title>Sign in</title></head><body>Sign in<br></body></html>";
                let head = [("content-type", "text/html")];
                if self.service.nags {
                    run(To::After(others + 1), answer(200, &head, page));
                }
                run(To::After(others), answer(200, &head, page));
            }
            Trouble::Noise => {
                let noise = b"\xff\xfe{\x00\"\xe9\x80[<\xc3".to_vec();
                if self.service.nags {
                    run(To::AnyRequest, Mishap::Octets(noise.clone()));
                }
                run(To::AnyRequest, Mishap::Octets(noise));
            }
            Trouble::Silence => {
                for _ in 0..3 {
                    run(To::AnyRequest, Mishap::Hang(Duration::from_secs(5)));
                }
            }
            Trouble::Reset => run(To::AnyChange, Mishap::Reset),
            Trouble::LostAnswer => run(To::AnyChange, Mishap::LostAnswer),
            Trouble::Redirect(to) => run(To::AnyRequest, answer(307, &[("location", &to)], "")),
            Trouble::Flood => run(To::AnyRequest, Mishap::Octets(vec![b' '; FLOOD])),
            Trouble::SessionOver => {
                let end = self.service.end_session.unwrap();
                end(&mut self.running.world().data);
            }
        }
    }

    fn calm(&self) -> bool {
        let was_calm = self.running.is_calm();
        self.running.calm();
        was_calm
    }

    fn asked(&self) -> usize {
        self.running.world().asked.len()
    }

    fn changes(&self) -> usize {
        let world = self.running.world();
        let changes = world
            .asked
            .iter()
            .filter(|asked| (self.service.changes)(asked));
        changes.count()
    }

    fn pause(&self) -> Option<Duration> {
        match self.running.world().asked.as_slice() {
            [first, second, ..] => Some(second.at - first.at),
            _ => None,
        }
    }

    fn complaints(&self) -> Vec<String> {
        self.running.world().complaints.clone()
    }

    fn least_ttl(&self) -> Option<u64> {
        self.running.world().data.least_ttl
    }
}

/// A DNS server that shows what the service keeps.
async fn show(world: Arc<Mutex<World>>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let values = |name: &str| {
                let world = world.lock().unwrap_or_else(PoisonError::into_inner);
                world.values(name)
            };
            let reply = packet::txt_reply(&buffer[..length], values);
            socket.send_to(&reply, peer).await.unwrap();
        }
    });
    addr
}
