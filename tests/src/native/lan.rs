//! The network between native nodes: a bridge in a namespace of its own, so that the host's network stays as it is.

use anyhow::{Context, Result, ensure};

use super::names;
use crate::tool;

/// The nodes' default gateway, where nothing is behind it: no node has a way out.
const GATEWAY: u8 = 1;
const FIRST_NODE: u8 = 11;

/// A bridge on which nodes see each other.
#[derive(Debug)]
pub struct Lan {
    name: String,
    nodes: u8,
}

/// One end of a cable: a namespace with `eth0` in it.
#[derive(Debug)]
pub struct Port {
    /// The network namespace.
    pub netns: String,
    /// The node's IPv4 address.
    pub address: String,
}

impl Lan {
    /// An empty bridge.
    pub fn new() -> Result<Self> {
        names::sweep();
        let lan = Self {
            name: names::fresh(),
            nodes: 0,
        };
        ip(&["netns", "add", &lan.name])?;
        lan.ip(&["link", "add", "br0", "type", "bridge"])?;
        lan.ip(&["addr", "add", &cidr(GATEWAY), "dev", "br0"])?;
        lan.ip(&["link", "set", "br0", "up"])?;
        Ok(lan)
    }

    /// A new namespace, plugged in.
    pub fn plug(&mut self) -> Result<Port> {
        let number = FIRST_NODE
            .checked_add(self.nodes)
            .context("the bridge has no room")?;
        ensure!(number < u8::MAX, "the bridge has no room");
        self.nodes += 1;
        let port = Port {
            netns: names::fresh(),
            address: address(number),
        };
        ip(&["netns", "add", &port.netns])?;
        let plug = format!("node{number}");
        self.ip(&[
            "link",
            "add",
            &plug,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            &port.netns,
        ])?;
        self.ip(&["link", "set", &plug, "master", "br0", "up"])?;
        port.ip(&["link", "set", "lo", "up"])?;
        port.ip(&["addr", "add", &cidr(number), "dev", "eth0"])?;
        port.ip(&["link", "set", "eth0", "up"])?;
        port.ip(&["route", "add", "default", "via", &address(GATEWAY)])?;
        Ok(port)
    }

    fn ip(&self, arguments: &[&str]) -> Result<()> {
        inside(&self.name, arguments)
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        names::remove_namespace(&self.name);
    }
}

impl Port {
    fn ip(&self, arguments: &[&str]) -> Result<()> {
        inside(&self.netns, arguments)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        names::remove_namespace(&self.netns);
    }
}

fn inside(netns: &str, arguments: &[&str]) -> Result<()> {
    ip(&[&["-n", netns], arguments].concat())
}

fn ip(arguments: &[&str]) -> Result<()> {
    tool::run("ip", arguments).map(drop)
}

fn address(number: u8) -> String {
    format!("10.99.0.{number}")
}

fn cidr(number: u8) -> String {
    format!("{}/24", address(number))
}
