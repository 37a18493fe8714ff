//! The network of the initrd: a card with a cable, an address, and away again before the real system takes over.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use system::command::{self, CommandLine};
use system::console;
use system::net::ChangeListener;

use super::BUSYBOX;
use super::addressing::{Addressing, Lease, Wanted};

const CARDS: &str = "/sys/class/net";
/// Where the DHCP client's script (image-build/src/initrd/dhcp-lease.sh) writes what it was given.
const LEASE: &str = "/run/k3os/dhcp-lease";
const SCRIPT: &str = "/usr/lib/k3os/dhcp-lease";
const RESOLVER: &str = "/etc/resolv.conf";
/// Cards on slow buses, and links that take long to come up behind a switch.
const PATIENCE: Duration = Duration::from_secs(30);
const ROUND: Duration = Duration::from_millis(500);
/// How often all cards are asked for an address before that is a failure.
const ROUNDS: u32 = 3;
/// A command that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A card that has an address. It loses it again by [`Network::close`].
#[derive(Debug)]
pub(super) struct Network {
    card: String,
}

impl Network {
    /// Brings up cards until one has an address.
    ///
    /// # Errors
    /// When there is no card, none with a cable, or nobody gives an address: which of them, and what to do.
    pub(super) fn open(wanted: &Wanted, hardware: Option<&str>) -> Result<Self> {
        let connected = || connected(wanted.card.as_deref(), hardware);
        let (card, lease) = match &wanted.addressing {
            Addressing::Static(lease) => {
                let cards = connected()?;
                let card = cards.first().context("there is no card")?;
                (card.clone(), lease.clone())
            }
            Addressing::Dhcp => lease(&connected)?,
        };
        for command in lease.commands(&card) {
            busybox(&command)?;
        }
        fs::create_dir_all("/etc").context("making /etc")?;
        fs::write(RESOLVER, lease.resolver()).with_context(|| format!("writing {RESOLVER}"))?;
        console::line(&format!(
            "  {card} has the address {}/{}",
            lease.address, lease.prefix
        ));
        Ok(Self { card })
    }

    /// Takes the address away: connman begins with cards that nobody set up.
    pub(super) fn close(self) {
        for words in [["addr", "flush", "dev"], ["link", "set", "down"]] {
            let mut command = vec!["ip".to_owned()];
            command.extend(words.map(str::to_owned));
            command.push(self.card.clone());
            if let Err(error) = busybox(&command) {
                console::line(&format!("  {error:#}"));
            }
        }
        let _ = fs::remove_file(RESOLVER);
    }
}

/// The cards that have a link, in order of name: the one that is asked for, or all.
fn connected(name: Option<&str>, hardware: Option<&str>) -> Result<Vec<String>> {
    let news = ChangeListener::open()?;
    let begun = Instant::now();
    let mut up: Vec<String> = Vec::new();
    loop {
        let wanted = cards(name, hardware);
        for card in wanted.iter().filter(|card| !up.contains(card)) {
            busybox(&["ip", "link", "set", card, "up"].map(str::to_owned))?;
        }
        let linked: Vec<String> = wanted
            .iter()
            .filter(|card| has_link(card))
            .cloned()
            .collect();
        up = wanted;
        if !linked.is_empty() {
            return Ok(linked);
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "{}",
            nothing(&up, name, hardware)
        );
        news.wait(ROUND)?;
    }
}

/// Why there is no card to use.
fn nothing(up: &[String], name: Option<&str>, hardware: Option<&str>) -> String {
    let wanted = name.or(hardware).map(|one| format!(" {one}"));
    match (up, wanted) {
        ([], Some(one)) => format!(
            "there is no network card{one} (ip=, BOOTIF=); these are there: {}",
            all().join(", ")
        ),
        ([], None) => {
            "there is no network card: the initrd has no driver for it, or the machine has none; \
                       boot the ISO, or load the squashfs with the initrd (docs/install.md)"
                .to_owned()
        }
        (cards, _) => format!("no cable is connected to {}", cards.join(", ")),
    }
}

fn all() -> Vec<String> {
    cards(None, None)
}

/// Real Ethernet cards; one only, where it is named by name or hardware address.
fn cards(name: Option<&str>, hardware: Option<&str>) -> Vec<String> {
    let entries = fs::read_dir(CARDS).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut found: Vec<String> = names
        .filter(|card| Path::new(CARDS).join(card).join("device").exists())
        .filter(|card| name.is_none_or(|name| card == name))
        .filter(|card| {
            name.is_some() || hardware.is_none_or(|hardware| read(card, "address") == hardware)
        })
        .collect();
    found.sort();
    found
}

fn has_link(card: &str) -> bool {
    read(card, "carrier") == "1"
}

fn read(card: &str, attribute: &str) -> String {
    let text = fs::read_to_string(Path::new(CARDS).join(card).join(attribute));
    text.unwrap_or_default().trim().to_owned()
}

/// Asks for an address on each card in turn, and again on those that have a link by then.
fn lease(connected: &dyn Fn() -> Result<Vec<String>>) -> Result<(String, Lease)> {
    let mut asked = Vec::new();
    for _ in 0..ROUNDS {
        asked = connected()?;
        for card in &asked {
            if let Some(lease) = ask(card)? {
                return Ok((card.clone(), lease));
            }
        }
    }
    bail!(
        "nobody answers DHCP on {}; check the network, or give an address by ip=ADDRESS::GATEWAY:MASK::CARD:off:DNS",
        asked.join(", ")
    )
}

/// One try: four questions, three seconds apart.
fn ask(card: &str) -> Result<Option<Lease>> {
    let _ = fs::remove_file(LEASE);
    let words = [
        "udhcpc", "-f", "-q", "-n", "-t", "4", "-T", "3", "-s", SCRIPT, "-i", card,
    ];
    if let Err(error) = busybox(&words.map(str::to_owned)) {
        console::line(&format!("  no address on {card}: {error:#}"));
        return Ok(None);
    }
    let text = fs::read_to_string(LEASE).with_context(|| format!("reading {LEASE}"))?;
    Lease::parse(&text)
        .map(Some)
        .with_context(|| format!("reading the answer to DHCP on {card}"))
}

/// Runs one of busybox's programs.
fn busybox(words: &[String]) -> Result<()> {
    let mut line = vec![BUSYBOX.to_owned()];
    line.extend(words.iter().cloned());
    let ended = command::run(&CommandLine {
        words: line,
        environment: Default::default(),
        limit: Some(LIMIT),
    })?;
    let said = String::from_utf8_lossy(&ended.output);
    ensure!(
        ended.succeeded(),
        "{} {}: {}",
        words.join(" "),
        ended.description(),
        said.trim().lines().last().unwrap_or_default()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_apart() {
        assert!(nothing(&[], None, None).contains("no driver"));
        assert!(nothing(&[], Some("eth7"), None).contains("no network card eth7"));
        let cut = nothing(&["eth0".into(), "eth1".into()], None, None);
        assert_eq!(cut, "no cable is connected to eth0, eth1");
    }
}
