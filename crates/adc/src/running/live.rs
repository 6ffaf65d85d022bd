//! The vservers clients reach now: their sockets, opened and closed as the configuration changes.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Running;
use crate::dns;
use crate::error::StartError;
use crate::policy::Policies;
use crate::traffic::Shared;
use crate::traffic::lb::monitors::{Monitors, Watched};
use crate::traffic::listener::{LiveVserver, Vserver, bind, serve};
use crate::traffic::routes::Routes;

/// All vservers of an instance.
#[derive(Debug)]
pub(crate) struct Live {
    shared: Arc<Shared>,
    /// Where sockets and connections live.
    runtime: Handle,
    entries: ArcSwap<Vec<Entry>>,
    /// Vservers that are no part of the configuration.
    fixed: Vec<(Arc<Vserver>, SocketAddr)>,
    pub(crate) dns: dns::Sockets,
    monitors: Arc<Monitors>,
}

/// One vserver with its socket, if it listens.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) live: Arc<LiveVserver>,
    pub(crate) socket: Option<Socket>,
}

/// An open socket.
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    /// As the configuration says.
    wanted: SocketAddr,
    /// As it is: with the port the system chose for port 0.
    pub(crate) address: SocketAddr,
    /// Whose connections come in here.
    owner: Arc<ArcSwap<LiveVserver>>,
    stop: CancellationToken,
    closed: CancellationToken,
}

/// Sockets opened for a change that is not in effect yet; dropping it closes them again.
#[derive(Debug)]
pub(crate) struct Prepared {
    watched: Arc<Vec<Watched>>,
    places: Vec<Place>,
    policies: Arc<Policies>,
    dns: dns::Prepared,
}

#[derive(Debug)]
struct Place {
    vserver: Arc<Vserver>,
    socket: Option<Ready>,
}

#[derive(Debug)]
enum Ready {
    Kept(Socket),
    Opened(TcpListener, SocketAddr, SocketAddr),
}

impl Live {
    /// Nothing open yet; `fixed` ones are there whatever the configuration says.
    pub(crate) fn new(
        shared: Arc<Shared>,
        fixed: Vec<(Arc<Vserver>, SocketAddr)>,
        monitors: Arc<Monitors>,
        counts: Arc<dns::Counts>,
    ) -> Self {
        let dns = dns::Sockets::new(shared.connections.clone(), shared.drain.clone(), counts);
        Self {
            dns,
            shared,
            runtime: Handle::current(),
            entries: ArcSwap::default(),
            fixed,
            monitors,
        }
    }

    /// The vservers, in the order of the configuration.
    pub(crate) fn entries(&self) -> Arc<Vec<Entry>> {
        self.entries.load_full()
    }

    /// Opens the sockets that are wanted and not open yet.
    ///
    /// # Errors
    /// When an address cannot be listened on; everything is as before then.
    pub(crate) fn prepare(&self, running: &Running) -> Result<Prepared, StartError> {
        let _runtime = self.runtime.enter();
        let entries = self.entries.load_full();
        let entries = by_name(&entries);
        let built = running.vservers.iter().flat_map(|built| {
            let own = (&built.vserver, built.address);
            let clear = built.redirect.iter();
            let clear = clear.map(|(vserver, address)| (vserver, Some(*address)));
            std::iter::once(own).chain(clear)
        });
        let fixed = self
            .fixed
            .iter()
            .map(|(vserver, address)| (vserver, Some(*address)));
        let wanted: HashMap<&str, SocketAddr> = (built.clone().chain(fixed.clone()))
            .filter_map(|(vserver, wanted)| Some((&*vserver.name, wanted?)))
            .collect();
        let left = left_over(&entries, &wanted);
        let place = |(vserver, wanted): (&Arc<Vserver>, Option<SocketAddr>)| {
            let own = entries
                .get(&*vserver.name)
                .and_then(|entry| entry.socket.as_ref());
            let socket = match wanted {
                None => None,
                Some(wanted) => Some(match own.filter(|own| own.wanted == wanted) {
                    Some(own) => Ready::Kept(own.clone()),
                    None => match left.get(&wanted) {
                        Some(left) => Ready::Kept((*left).clone()),
                        None => open_socket(vserver, wanted)?,
                    },
                }),
            };
            Ok(Place {
                vserver: vserver.clone(),
                socket,
            })
        };
        let places = built.chain(fixed).map(place).collect::<Result<_, _>>()?;
        Ok(Prepared {
            places,
            policies: running.policies.clone(),
            watched: running.watched.clone(),
            dns: self.dns.prepare(&running.dns)?,
        })
    }

    /// Puts a change in effect: new connections, and the next requests of old ones, meet the new settings. Sockets
    /// nobody wants any more are closed, and connections of vservers that are gone finish what they do.
    pub(crate) async fn commit(&self, prepared: Prepared) {
        self.dns.commit(prepared.dns, &self.runtime).await;
        self.monitors.watch(&prepared.watched, &self.runtime);
        let before = self.entries.load_full();
        let mut entries = Vec::with_capacity(prepared.places.len());
        let known = by_name(&before);
        for place in prepared.places {
            entries.push(self.install(&known, place));
        }
        let vservers = entries.iter().map(|entry| &entry.live);
        let routes = Routes::new(prepared.policies, vservers);
        self.shared.routes.store(Arc::new(routes));
        let entries = Arc::new(entries);
        self.entries.store(entries.clone());
        let open: HashSet<_> = (entries.iter())
            .filter_map(|entry| Some(entry.socket.as_ref()?.address))
            .collect();
        let entries = by_name(&entries);
        for entry in before.iter() {
            let now = entries.get(&*entry.live.name);
            if let Some(socket) = &entry.socket
                && !open.contains(&socket.address)
            {
                socket.stop.cancel();
                socket.closed.cancelled().await;
                tracing::info!(vserver.name = %entry.live.name, address = %socket.address, "closed");
            }
            if now.is_none() {
                entry.live.drain.cancel();
            }
        }
    }

    fn install(&self, before: &HashMap<&str, &Entry>, place: Place) -> Entry {
        let live = match before.get(&*place.vserver.name) {
            Some(entry) => {
                entry.live.change(place.vserver);
                entry.live.clone()
            }
            None => Arc::new(LiveVserver::new(place.vserver, &self.shared)),
        };
        let socket = place.socket.map(|ready| match ready {
            Ready::Kept(socket) => {
                socket.owner.store(live.clone());
                socket
            }
            Ready::Opened(listener, wanted, address) => {
                self.listen(live.clone(), listener, wanted, address)
            }
        });
        Entry { live, socket }
    }

    fn listen(
        &self,
        live: Arc<LiveVserver>,
        listener: TcpListener,
        wanted: SocketAddr,
        address: SocketAddr,
    ) -> Socket {
        let (stop, closed) = (CancellationToken::new(), CancellationToken::new());
        tracing::info!(vserver.name = %live.name, %address, "listening");
        let owner = Arc::new(ArcSwap::new(live));
        let serving = serve(owner.clone(), listener, self.shared.clone(), stop.clone());
        let ended = closed.clone().drop_guard();
        let serving = async move {
            serving.await;
            drop(ended);
        };
        self.shared.connections.spawn_on(serving, &self.runtime);
        Socket {
            wanted,
            address,
            owner,
            stop,
            closed,
        }
    }
}

/// Sockets their vservers do not want any more, by address: another vserver that wants it takes the socket over, for
/// the address cannot be opened twice.
fn left_over<'e>(
    entries: &HashMap<&str, &'e Entry>,
    wanted: &HashMap<&str, SocketAddr>,
) -> HashMap<SocketAddr, &'e Socket> {
    let left = entries.iter().filter_map(|(name, entry)| {
        let socket = entry.socket.as_ref()?;
        let is_left = wanted.get(name) != Some(&socket.wanted) && socket.wanted.port() != 0;
        is_left.then_some((socket.wanted, socket))
    });
    left.collect()
}

fn by_name(entries: &[Entry]) -> HashMap<&str, &Entry> {
    let named = entries.iter().map(|entry| (&*entry.live.name, entry));
    named.collect()
}

fn open_socket(vserver: &Vserver, wanted: SocketAddr) -> Result<Ready, StartError> {
    let opened = bind(wanted).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok(Ready::Opened(listener, wanted, address))
    });
    opened.map_err(|source| StartError::Listen {
        vserver: vserver.name.to_string(),
        address: wanted,
        source,
    })
}
