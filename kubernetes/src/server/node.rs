//! The order in which things come up, and go down.

use std::cell::OnceCell;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::address::Changes;
use super::gateway::Gateway;
use super::{
    address, endpoints, external, files, findings, kernel, overlap, policies, ports, ranges, ready,
    renewal, resolv, services,
};
use crate::api::{Applier, Client, Identity};
use crate::notify::{Event, Notifier};
use crate::paths;
use crate::settings::Settings;
use crate::supervise::{Cgroups, Service};
use crate::{local_path, manifests};

/// Time for a component to end by SIGTERM.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// Time for all pods to end when the node shuts down: the agent's own limit is a minute.
const PODS_GRACE: Duration = Duration::from_secs(75);
/// A server and node, and what runs of it.
pub struct Node {
    settings: Settings,
    notifier: Notifier,
    cgroups: Cgroups,
    containerd: OnceCell<Service>,
    server: OnceCell<Service>,
    agent: OnceCell<Service>,
    addresses: watch::Sender<Vec<IpAddr>>,
    published: watch::Sender<bool>,
}

impl Node {
    /// Nothing runs yet.
    pub fn new(settings: Settings, notifier: Notifier) -> Self {
        let cgroups = Cgroups::delegated();
        let (containerd, server, agent) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        let (addresses, published) = (watch::Sender::default(), watch::Sender::default());
        Node {
            settings,
            notifier,
            cgroups,
            containerd,
            server,
            agent,
            addresses,
            published,
        }
    }

    /// Brings everything up and keeps it so. Ends only by an error, or by being dropped; then [`Node::stop`] is to be
    /// called.
    pub async fn run(&self) -> Result<Infallible> {
        self.check()?;
        let changes = Changes::listen();
        // Beside the rest: pods come much later.
        tokio::task::spawn_blocking(kernel::prepare);
        let gateway = Gateway::start(
            self.settings.args.runtime.lb_server_port,
            &self.settings.api_url(),
        )?;
        findings::forget();
        self.start_containerd()?;
        self.start_server()?;
        let client = self.client()?;
        tokio::select! {
            failed = self.run_node(&changes) => failed,
            never = self.keep_certificates(&client) => match never {},
            never = self.report_containerd() => match never {},
            never = findings::follow(&self.notifier) => match never {},
            failed = self.run_cluster(&client, &gateway) => failed,
        }
    }

    /// What would leave the node half dead if it started all the same. The status is what the console shows.
    fn check(&self) -> Result<()> {
        let settings = &self.settings;
        let found = ports::check(settings)
            .and_then(|()| self.check_networks())
            .and_then(|()| ranges::keep(settings));
        if let Err(error) = &found {
            self.notifier.status(&format!("{error:#}"));
        }
        found
    }

    fn check_networks(&self) -> Result<()> {
        for words in overlap::check(&self.settings)? {
            println!("k3s: warning: {words}");
        }
        Ok(())
    }

    fn start_containerd(&self) -> Result<()> {
        let subnets = self.settings.first_node_networks();
        files::cni(&self.settings, &subnets).context("configuring the pods' network")?;
        if self
            .settings
            .args
            .runtime
            .container_runtime_endpoint
            .is_none()
        {
            files::containerd(&self.settings).context("configuring containerd")?;
            self.containerd
                .get_or_init(|| services::containerd(&self.settings, &self.cgroups));
        }
        Ok(())
    }

    fn start_server(&self) -> Result<()> {
        self.notifier.status("preparing certificates");
        self.prepare_pki(&address::known(&self.settings))?;
        if let Some(words) = files::credentials(&self.settings).context("preparing credentials")? {
            println!("k3s: warning: {words}");
        }
        self.notifier.event(Event::PkiReady);
        files::server(&self.settings).context("configuring the server")?;
        self.server
            .get_or_init(|| services::server(&self.settings, &self.cgroups));
        self.notifier.event(Event::ServerStarted);
        self.notifier.status("waiting for the API");
        files::bundled_manifests(&self.settings)
    }

    fn prepare_pki(&self, addresses: &[IpAddr]) -> Result<()> {
        for made in files::pki(&self.settings, addresses)? {
            println!("k3s: made certificate {made}");
        }
        Ok(())
    }

    fn client(&self) -> Result<Client> {
        let tls = |name: &str| self.settings.paths.tls(name);
        let url = self.settings.api_url();
        let identity = Identity {
            ca: tls("server-ca.crt"),
            certificate: tls("client-supervisor.crt"),
            key: tls("client-supervisor.key"),
        };
        Client::new(&url, identity)
    }

    /// Renews certificates in time, for ever. A failure is reported and tried again.
    async fn keep_certificates(&self, client: &Client) -> Infallible {
        let looks = renewal::Looks::new();
        let mut failed = false;
        loop {
            looks.next(failed).await;
            let outcome = self.renew_certificates(client);
            failed = outcome.is_err();
            if let Err(error) = outcome {
                println!("k3s: {error:#}");
            }
        }
    }

    fn renew_certificates(&self, client: &Client) -> Result<()> {
        let addresses = self.addresses.borrow().clone();
        let made = renewal::look(&self.settings, &addresses)?;
        client.reload()?;
        for made in &made {
            println!("k3s: renewed certificate {made}");
        }
        if renewal::is_too_late(&made) {
            self.notifier
                .status("certificates had ended: starting server and agent again");
            for service in [&self.server, &self.agent] {
                service.get().inspect(|service| service.restart());
            }
        }
        Ok(())
    }

    /// The node's side: an address, then the agent, which waits for containerd by itself; from then on the address is
    /// followed.
    async fn run_node(&self, changes: &Changes) -> Result<Infallible> {
        let (mut addresses, words) = address::wait(&self.settings, changes).await?;
        if let Some(words) = words {
            self.notifier.status(&words);
        }
        // The first address may have come only now; nothing of the pods' network is there yet.
        if let Err(error) = self.check_networks() {
            self.notifier.status(&format!("{error:#}"));
            return Err(error);
        }
        self.configure_agent(&addresses)?;
        let agent = self
            .agent
            .get_or_init(|| services::agent(&self.settings, &self.cgroups));
        loop {
            let address = address::changed(&self.settings, changes, &addresses).await;
            self.notifier
                .status(&format!("the node's address is now {address}"));
            addresses = vec![address];
            if let Err(error) = self.configure_agent(&addresses) {
                println!("k3s: warning: {error:#}: the agent goes on as it was");
            }
            agent.restart();
        }
    }

    async fn report_containerd(&self) -> Infallible {
        wait_for_containerd(&self.settings).await;
        self.notifier.event(Event::ContainerdReady);
        std::future::pending().await
    }

    fn configure_agent(&self, addresses: &[IpAddr]) -> Result<()> {
        self.prepare_pki(addresses)?;
        files::agent(&self.settings, addresses).context("configuring the agent")?;
        self.addresses.send_replace(addresses.to_vec());
        Ok(())
    }

    /// The cluster's side: once the API serves, manifests, endpoints and volumes are kept, and progress is reported.
    async fn run_cluster(&self, client: &Client, gateway: &Gateway) -> Result<Infallible> {
        ready::serving(client).await;
        self.notifier.event(Event::ApiReady);
        gateway.open();
        let settings = &self.settings;
        if let Err(error) = files::remember_cluster(&settings.paths) {
            println!("k3s: warning: {error:#}");
        }
        let wanted = manifests::Wanted {
            directory: &settings.paths.manifests(),
            record: &settings.paths.applied(),
            disabled: files::disabled_manifests(settings),
        };
        let (up, node) = watch::channel(false);
        let node_up = async {
            ready::schedulable(client, &settings.node_name).await;
            let _ = self
                .published
                .subscribe()
                .wait_for(|published| *published)
                .await;
            up.send_replace(true);
            std::future::pending().await
        };
        tokio::select! {
            never = node_up => never,
            never = manifests::keep_applied(client, &wanted, node) => match never {},
            never = resolv::follow(settings, client) => match never {},
            never = self.publish(client) => match never {},
            failed = local_path::provision(client, &settings.node_name, &settings.storage) => failed,
            never = self.report_node(client) => match never {},
            never = policies::report(client, settings) => match never {},
            never = external::keep(client, settings, self.addresses.subscribe()) => match never {},
        }
    }

    /// Reports the node and its pods as they come up.
    async fn report_node(&self, client: &Client) -> Infallible {
        self.notifier.status("waiting for the node");
        let name = &self.settings.node_name;
        ready::node(client, name).await;
        self.notifier.event(Event::NodeReady);
        self.notifier.ready();
        ready::label_node(client, name).await;
        self.notifier.status(&format!(
            "node {name} is Ready, waiting for its system pods"
        ));
        for part in ready::PARTS
            .iter()
            .filter(|part| self.is_bundled(part.name))
        {
            ready::part(client, part).await;
        }
        self.notifier.event(Event::SystemPodsRunning);
        self.notifier.status(&format!("node {name} is Ready"));
        std::future::pending().await
    }

    fn is_bundled(&self, name: &str) -> bool {
        let manifest = self.settings.paths.manifests().join(format!("{name}.yaml"));
        manifest.exists() && !manifest.with_extension("yaml.skip").exists()
    }

    /// Publishes the API's address, and again whenever the node has another one.
    async fn publish(&self, client: &Client) -> Infallible {
        let mut addresses = self.addresses.subscribe();
        loop {
            let first = addresses.borrow_and_update().first().copied();
            if let Some(address) = self.settings.args.listener.advertise_address.or(first) {
                self.publish_address(client, address).await;
            }
            if addresses.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn publish_address(&self, client: &Client, address: IpAddr) {
        let listener = &self.settings.args.listener;
        let port = listener
            .advertise_port
            .unwrap_or(listener.https_listen_port);
        let api = endpoints::Api {
            cluster_ip: self.settings.api_service,
            address,
            port,
        };
        let mut pause = Duration::from_millis(50);
        while let Err(error) = endpoints::publish(&mut Applier::new(client), &api).await {
            // At the first start the namespace is not there at once.
            if pause > Duration::from_secs(1) {
                println!("k3s: {error:#}");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
        self.published.send_replace(true);
    }

    /// Ends everything. Pods stay, unless the agent is sent SIGUSR1: then it stops them first, while the server can
    /// still be told.
    pub async fn stop(&mut self, agent_signal: Signal) {
        self.notifier.stopping();
        let grace = if agent_signal == Signal::SIGUSR1 {
            PODS_GRACE
        } else {
            STOP_GRACE
        };
        self.notifier.status("stopping the agent");
        stop(self.agent.take(), agent_signal, grace).await;
        self.notifier.status("stopping the server");
        stop(self.server.take(), Signal::SIGTERM, STOP_GRACE).await;
        self.notifier.status("stopping containerd");
        stop(self.containerd.take(), Signal::SIGTERM, STOP_GRACE).await;
        self.notifier.status("stopped");
    }
}

async fn stop(service: Option<Service>, signal: Signal, grace: Duration) {
    if let Some(service) = service {
        service.stop(signal, grace).await;
    }
}

/// Waits until containerd's socket accepts connections.
async fn wait_for_containerd(settings: &Settings) {
    let given = settings.args.runtime.container_runtime_endpoint.as_ref();
    let socket = given
        .map(|e| e.trim_start_matches("unix://").into())
        .unwrap_or_else(paths::containerd_socket);
    while UnixStream::connect(&socket).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
