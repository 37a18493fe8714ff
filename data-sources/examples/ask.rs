//! Asks data sources and prints what they know, and stores nothing: `ask hetzner cdrom`. For trying them on a machine.

use std::path::Path;

use data_sources::{Attached, Curl, PAUSES, Reach, providers, search};
use system::host::Machine;

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let curl = Curl::new(&Machine, Path::new("/run/k3os-answer"));
    let search = search(
        &providers(&names, &curl, &Attached),
        Reach::Network,
        &PAUSES,
    );
    search
        .failures
        .iter()
        .for_each(|failure| println!("failed: {failure}"));
    let Some(found) = search.found else {
        return println!("nobody knows this machine");
    };
    let metadata = found.metadata;
    println!(
        "{}: {:?} {:?}",
        found.provider, metadata.hostname, metadata.local_hostname
    );
    metadata.keys.iter().for_each(|key| println!("{key}"));
    println!(
        "{}",
        String::from_utf8_lossy(&metadata.userdata.unwrap_or_default())
    );
}
