//! The way from this node's kubelet and kube-proxy to the API: a port on the loopback interface that holds connections
//! until the API can serve them. So both can start side by side with the API server; refused connections would send
//! them into ever longer pauses.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Between attempts to reach an API server that is being started again.
const PAUSE: Duration = Duration::from_millis(50);
/// A client that has waited this long gives up by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// The port, and the gate behind it. Connections are served by a thread of their own: the node's leases pass here, and
/// nothing that holds up the rest of this process may hold them up.
pub struct Gateway {
    gate: watch::Sender<bool>,
    #[cfg(test)]
    address: SocketAddr,
}

impl Gateway {
    /// Takes the port; connections are for `api`, `https://ADDRESS:PORT`.
    ///
    /// # Errors
    /// A port in use, or a URL that names no address.
    pub fn start(port: u16, api: &str) -> Result<Self> {
        let api = api
            .trim_start_matches("https://")
            .parse()
            .with_context(|| format!("reading the address {api}"))?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener =
            listener.with_context(|| format!("listening on port {port} (see --lb-server-port)"))?;
        listener.set_nonblocking(true)?;
        let gate = watch::Sender::new(false);
        let gateway = Gateway {
            gate: gate.clone(),
            #[cfg(test)]
            address: listener.local_addr()?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting the gateway")?;
        let served = move || match runtime.block_on(serve(listener, api, gate)) {
            Ok(never) => match never {},
            Err(error) => println!("k3s: serving port {port}: {error}"),
        };
        std::thread::Builder::new()
            .name("gateway".into())
            .spawn(served)
            .context("starting the gateway")?;
        Ok(gateway)
    }

    /// Lets waiting and later connections through.
    pub fn open(&self) {
        self.gate.send_replace(true);
    }
}

/// Serves for ever.
async fn serve(
    listener: std::net::TcpListener,
    api: SocketAddr,
    gate: watch::Sender<bool>,
) -> std::io::Result<Infallible> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                tokio::spawn(pass(client, api, gate.subscribe()));
            }
            // Out of descriptors, or a client that has gone: others will come.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn pass(mut client: TcpStream, api: SocketAddr, mut gate: watch::Receiver<bool>) {
    if gate.wait_for(|open| *open).await.is_err() {
        return;
    }
    if let Ok(mut server) = tokio::time::timeout(PATIENCE, reach(api)).await {
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        // Ends when either side does; both see it as their connection's end.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

async fn reach(api: SocketAddr) -> TcpStream {
    loop {
        match TcpStream::connect(api).await {
            Ok(stream) => return stream,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn connections_wait_until_the_gate_opens() -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let api = TcpListener::bind("127.0.0.1:0").await?;
            let gateway = Gateway::start(0, &format!("https://{}", api.local_addr()?))?;
            let mut client = TcpStream::connect(gateway.address).await?;
            client.write_all(b"hello").await?;
            let answer = async {
                let (mut server, _) = api.accept().await?;
                let mut greeting = [0; 5];
                server.read_exact(&mut greeting).await?;
                anyhow::Ok(greeting)
            };
            tokio::pin!(answer);
            let early = tokio::time::timeout(Duration::from_millis(100), &mut answer).await;
            assert!(early.is_err(), "the gate was open");
            gateway.open();
            assert_eq!(&answer.await?, b"hello");
            Ok(())
        })
    }
}
