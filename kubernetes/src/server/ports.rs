//! Ports that the node needs, looked at before anything starts: a component that finds its port taken ends, and is started
//! again and again, with one line of it among hundreds.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::{Result, bail};

use crate::paths::program;
use crate::settings::Settings;

/// The kubelet's.
const KUBELET: u16 = 10250;

/// Tries each port for a moment.
///
/// # Errors
/// A port that somebody else holds: who, and the option that chooses another.
pub fn check(settings: &Settings) -> Result<()> {
    for (address, option) in wanted(settings) {
        let taken = TcpListener::bind(address).is_err_and(|e| e.kind() == ErrorKind::AddrInUse);
        if !taken {
            continue;
        }
        let holder = holder(address.port());
        // Components that outlived an earlier run of ours are ended before new ones start.
        if holder.as_ref().is_some_and(|holder| holder.is_ours) {
            continue;
        }
        let port = address.port();
        let who = holder.map_or_else(|| "another process".into(), |holder| holder.words);
        bail!("port {port} is in use by {who}: stop it, or choose another port by {option}");
    }
    Ok(())
}

fn wanted(settings: &Settings) -> Vec<(SocketAddr, &'static str)> {
    let listener = &settings.args.listener;
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    let mut wanted = vec![
        (
            SocketAddr::new(listener.bind_address, listener.https_listen_port),
            "--https-listen-port",
        ),
        (
            SocketAddr::new(local, settings.args.runtime.lb_server_port),
            "--lb-server-port",
        ),
    ];
    let users = &settings.args.components.kubelet_arg;
    let is_theirs = |argument: &String| argument.trim_start_matches('-').starts_with("port=");
    if !users.iter().any(is_theirs) {
        let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
        wanted.push((SocketAddr::new(any, KUBELET), "--kubelet-arg=port="));
    }
    wanted
}

struct Holder {
    words: String,
    is_ours: bool,
}

/// Who listens on a port, as far as the kernel says.
fn holder(port: u16) -> Option<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok());
    let inodes: Vec<String> = texts.flat_map(|text| listening(&text, port)).collect();
    let processes = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()));
    let process = processes
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| is_number(&name.to_string_lossy()))
        })
        .find(|path| has_socket(path, &inodes))?;
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    let executable = fs::read_link(process.join("exe")).unwrap_or_default();
    let id = process
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Some(Holder {
        words: format!("{} (process {id})", name.trim()),
        // After an update it reads "… (deleted)".
        is_ours: executable
            .to_string_lossy()
            .starts_with(program::KUBERNETES),
    })
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_socket(process: &Path, inodes: &[String]) -> bool {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten();
    let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let wanted: Vec<String> = inodes
        .iter()
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    links
        .into_iter()
        .any(|link| wanted.iter().any(|wanted| link == Path::new(wanted)))
}

/// The inodes of sockets that listen (state 0A) on a port, from the kernel's table.
fn listening(table: &str, port: u16) -> Vec<String> {
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, "0A", _, _, _, _, _, inode, ..] = fields.as_slice() else {
            return None;
        };
        let (_, found) = local.rsplit_once(':')?;
        (u16::from_str_radix(found, 16) == Ok(port)).then(|| (*inode).to_owned())
    };
    table.lines().filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_found() -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let holder = holder(listener.local_addr()?.port());
        let own = format!("(process {})", std::process::id());
        assert!(holder.is_some_and(|holder| holder.words.ends_with(&own) && !holder.is_ours));
        Ok(())
    }

    #[test]
    fn only_listening_sockets_count() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let line = |state: &str, inode: u32| {
            format!(
                "   0: 0100007F:192B 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0\n"
            )
        };
        let table = [head, &line("01", 5), &line("0A", 7)].concat();
        assert_eq!(listening(&table, 6443), ["7"]);
        assert!(listening(&table, 6444).is_empty());
    }
}
