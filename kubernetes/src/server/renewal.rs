//! Certificates of a server that runs for months.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::watch;

use super::files;
use crate::settings::Settings;

/// Often enough to notice soon that a wrong clock has been set right.
const LOOK: Duration = Duration::from_secs(3600);

/// Looks every hour whether a certificate has to be renewed. The components read theirs again by themselves. A failure
/// is reported and tried again.
pub async fn keep(settings: &Settings, addresses: watch::Receiver<Vec<IpAddr>>) -> Infallible {
    loop {
        tokio::time::sleep(LOOK).await;
        let known = addresses.borrow().clone();
        match files::pki(settings, &known) {
            Ok(made) if made.is_empty() => {}
            Ok(made) => {
                println!("k3s: renewed certificates: {}", made.join("; "));
                if let Err(error) = files::credentials(settings) {
                    println!("k3s: {error:#}");
                }
            }
            Err(error) => println!("k3s: {error:#}"),
        }
    }
}
