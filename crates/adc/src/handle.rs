//! Starting an instance, and the handle it is held by.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use evercert_ns::model::Effect;
use evercert_ns::{NsError, grammar};
use tokio_util::sync::CancellationToken;

use crate::admin;
use crate::challenges::{self, Challenges};
use crate::config::AdcConfig;
use crate::control::{self, Actor, Control, Secrets};
use crate::dc2g::Dc2g;
use crate::error::StartError;
use crate::files::Files;
use crate::instance::Instance;
use crate::metrics::Metrics;
use crate::nitro::{Memory, listener};
use crate::ocsp::{Settings, Stapler};
use crate::running::certkeys::CertKeys;
use crate::running::live::Live;
use crate::running::{Running, Surroundings};
use crate::status::Status;
use crate::sync::agent::Agent;
use crate::sync::cache::Cache;
use crate::sync::keeper::Keeper;
use crate::sync::store::Store;
use crate::tls::explain::{ExplainQuery, Explanation};
use crate::tls::hot::HotKeys;
use crate::traffic::Shared;
use crate::traffic::drain::{Drained, drain};
use crate::traffic::lb::monitors::Monitors;

/// Starts instances.
#[derive(Clone, Copy, Debug)]
pub struct Adc;

/// A running instance; dropping it without [`AdcHandle::shutdown`] cuts its connections.
#[derive(Debug)]
pub struct AdcHandle {
    instance: Arc<Instance>,
    agent: Option<JoinHandle<()>>,
    stop: CancellationToken,
    nitro: NitroAddrs,
}

/// Where NITRO is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NitroAddrs {
    /// Over HTTPS.
    pub https: Option<SocketAddr>,
    /// Over HTTP.
    pub http: Option<SocketAddr>,
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Executed {
    /// In one word.
    pub effect: Effect,
    /// What NetScaler would warn of.
    pub warnings: Vec<NsError>,
    /// What it answers, as NITRO would; `None` for a command that answers nothing.
    pub fields: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Adc {
    /// Starts an instance on the present runtime: configuration, sealed cache, sockets, then the agent, on a thread
    /// of its own so that taking over many certificates does not hold up handshakes.
    ///
    /// # Errors
    /// See [`StartError`]. A Console that cannot be reached is none: what the cache holds is served.
    pub async fn start(config: AdcConfig) -> Result<AdcHandle, StartError> {
        prepare_state_dir(&config.state_dir)?;
        let lock = lock_state_dir(&config.state_dir)?;
        check_link(&config)?;
        let cache = Cache::open(&config.state_dir, config.cache_key.as_deref())?;
        let hot = Arc::new(HotKeys::new(config.limits.hot_keys));
        let store = Store::new(hot.clone(), config.clock.clone());
        let metrics = Arc::new(Metrics::new());
        let stapling = Settings::of(&evercert_ns::Config::default().zero_touch_params());
        let stapler = Arc::new(Stapler::new(config.clock.clone(), stapling));
        let probes = crate::running::probe_tls()?;
        let dc2g = Arc::new(Dc2g::new(
            &config.state_dir,
            config.clock.clone(),
            metrics.dc2g.clone(),
        ));
        let surroundings = Surroundings {
            monitors: Arc::new(Monitors::new(probes)),
            table: store.table.clone(),
            hot,
            clock: config.clock.clone(),
            metrics: metrics.clone(),
            stapler: stapler.clone(),
            limits: config.limits.clone(),
            listen: config.listen.clone(),
            default_certificate: config.default_certificate.clone(),
            dc2g: dc2g.clone(),
            ns_conf: config.ns_conf.path.clone(),
        };
        let files = Files::new(&config.ns_conf.path, &config.state_dir);
        let secrets = Secrets::open(&config.state_dir)?;
        let certkeys = CertKeys::new(files.clone());
        let loaded = control::load(&config.ns_conf, certkeys, &secrets, config.unsupported)?;
        stapler.configure(Settings::of(&loaded.config.zero_touch_params()));
        let running = Running::new(loaded.certkeys.clone());
        let running = running.rebuilt(&loaded.config, loaded.certkeys.clone(), &surroundings)?;
        running.follow_crls(&loaded.config, &dc2g);
        let keeper = Arc::new(Keeper::open(cache, store.clone(), config.clock.clone()));
        let challenges = Arc::new(Challenges::new(config.clock.clone()));
        let shared = Arc::new(Shared::new(
            config.limits.clone(),
            store.observations.clone(),
            challenges.clone(),
            config.clock.clone(),
        ));
        let fixed = (config.challenge_listen.iter())
            .map(|address| challenges::listener(*address, &config.limits, &metrics));
        let live = Arc::new(Live::new(
            shared.clone(),
            fixed.collect(),
            surroundings.monitors.clone(),
            metrics.dns.clone(),
        ));
        let opened = live.prepare(&running)?;
        let agent = config.console.clone().map(|link| {
            Arc::new(Agent::new(
                link,
                config.name.clone(),
                config.state_dir.clone(),
                config.clock.clone(),
                store.clone(),
                challenges.clone(),
                metrics.clone(),
            ))
        });
        let opened_nitro = listener::Opened::new(&config.nitro)?;
        let nitro = NitroAddrs {
            https: opened_nitro.https_address(),
            http: opened_nitro.http_address(),
        };
        let instance = Arc::new(Instance {
            name: config.name.clone(),
            started_at: config.clock.now(),
            control: Control::new(loaded, running, live.clone(), surroundings, secrets)
                .map_err(system("the control"))?,
            clock: config.clock.clone(),
            memory: Memory::new(config.clock.clone()),
            files,
            ns_conf: config.ns_conf.path.clone(),
            shared,
            store,
            keeper,
            agent,
            metrics,
            dc2g,
        });
        if let Some(warning) = instance.default_warning() {
            tracing::warn!("{warning}");
        }
        let stop = CancellationToken::new();
        let socket = admin::bind(&config.state_dir).map_err(system("the status socket"))?;
        tokio::spawn(admin::serve(socket, instance.clone(), stop.clone()));
        opened_nitro.serve(&config.nitro, &config.state_dir, &instance, &stop)?;
        tokio::spawn(stapler.run(stop.clone()));
        live.commit(opened).await;
        let agent = start_agent(instance.clone(), config.limits.tick, stop.clone(), lock)?;
        Ok(AdcHandle {
            instance,
            agent: Some(agent),
            stop,
            nitro,
        })
    }
}

impl AdcHandle {
    /// Where each vserver listens, by its name.
    pub fn vserver_addrs(&self) -> BTreeMap<String, SocketAddr> {
        let entries = self.instance.control.live().entries();
        let listening = entries.iter().filter_map(|entry| {
            let socket = entry.socket.as_ref()?;
            Some((entry.live.name.to_string(), socket.address))
        });
        listening.collect()
    }

    /// Where NITRO is offered, with the ports the system chose for port 0.
    pub const fn nitro_addrs(&self) -> NitroAddrs {
        self.nitro
    }

    /// Where each service that answers DNS listens, by its name.
    pub fn dns_addrs(&self) -> BTreeMap<String, SocketAddr> {
        let addresses = self.instance.control.live().dns.addresses();
        addresses.into_iter().collect()
    }

    /// Carries out one line of the command line, as the local superuser; the answer is what the command did, e.g.
    /// `Changed`, with its warnings.
    ///
    /// # Errors
    /// NetScaler's error; everything is as before then.
    pub async fn execute(&self, line: &str) -> Result<Executed, NsError> {
        let command = grammar::parse_line(line).map_err(|fault| fault.error().clone())?;
        let control = &self.instance.control;
        let done = control.execute(&Actor::local(), &command).await?;
        Ok(Executed {
            effect: done.effect,
            warnings: done.warnings,
            fields: done.fields,
        })
    }

    /// What changes the configuration, for tests beside it.
    #[cfg(test)]
    pub(crate) fn control(&self) -> &Control {
        &self.instance.control
    }

    /// The running configuration's text, as `show ns runningConfig` shows it; secrets are encrypted.
    pub fn running_config(&self) -> String {
        self.instance.control.text()
    }

    /// How the instance is.
    pub fn status(&self) -> Status {
        self.instance.status()
    }

    /// Which certificate a client would get, on one vserver or on all that speak TLS.
    pub fn explain(&self, query: &ExplainQuery) -> Vec<Explanation> {
        self.instance.explain(query)
    }

    /// Metrics in Prometheus' text form.
    pub fn metrics_text(&self) -> String {
        self.instance.metrics_text()
    }

    /// Stops: no new connections, requests under way are finished within the limit, the rest is cut. The sealed cache
    /// is written last.
    pub async fn shutdown(mut self, limit: Duration) -> Drained {
        let drained = drain(&self.instance.shared, limit).await;
        self.stop.cancel();
        if let Some(agent) = self.agent.take() {
            let joined = tokio::task::spawn_blocking(move || agent.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the agent's thread ended in a panic");
            }
        }
        drained
    }
}

impl Drop for AdcHandle {
    fn drop(&mut self) {
        self.instance.shared.drain.cancel();
        self.instance.shared.cut.cancel();
        self.stop.cancel();
    }
}

fn prepare_state_dir(path: &Path) -> Result<(), StartError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| StartError::StateDir {
            path: path.to_owned(),
            source,
        })
}

/// Holds the state directory for this instance; the lock goes with the returned file.
fn lock_state_dir(state_dir: &Path) -> Result<File, StartError> {
    let path = state_dir.join("lock");
    let failed = |source| StartError::StateDir {
        path: path.clone(),
        source,
    };
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StartError::InUse(state_dir.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn check_link(config: &AdcConfig) -> Result<(), StartError> {
    let Some(link) = &config.console else {
        return Ok(());
    };
    let host = link.url.strip_prefix("https://").unwrap_or_default();
    if host.is_empty() || host.starts_with('/') {
        let why = format!("\"{}\" is not an https URL", link.url);
        return Err(StartError::Link(why));
    }
    if let Some(token) = &link.enroll_token {
        evercert_api::instances::EnrollmentSecret::parse(token.expose())
            .map_err(|error| StartError::Link(error.to_string()))?;
    }
    Ok(())
}

fn system(what: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

/// The agent, the cache and the passing of time, on one thread beside the data plane. It holds the state directory's
/// lock to its end, because it is the last to write there.
fn start_agent(
    instance: Arc<Instance>,
    tick: Duration,
    stop: CancellationToken,
    lock: File,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("the agent's runtime"))?;
    std::thread::Builder::new()
        .name("evercert-agent".to_owned())
        .spawn(move || {
            runtime.block_on(follow(&instance, tick, stop));
            drop(lock);
        })
        .map_err(system("the agent's thread"))
}

async fn follow(instance: &Instance, tick: Duration, stop: CancellationToken) {
    let follow = async {
        match &instance.agent {
            Some(agent) => agent.run(stop.clone()).await,
            None => stop.cancelled().await,
        }
    };
    let pass_time = async {
        loop {
            tokio::time::sleep(tick).await;
            if instance.store.pass_time()
                && let Some(agent) = &instance.agent
            {
                agent.report_soon();
            }
        }
    };
    tokio::select! {
        () = follow => {}
        () = pass_time => {}
        () = instance.follow_clients(tick) => {}
        () = instance.keeper.run() => {}
    }
    instance.keeper.finish().await;
}
