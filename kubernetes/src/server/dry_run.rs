//! `k3s server --dry-run`: what a start would come to. Changes nothing and starts nothing.

use anyhow::Result;
use serde_json::{Value, json};

use super::{address, files, overlap, ranges};
use crate::components;
use crate::settings::Settings;

/// Prints the components' arguments as JSON.
///
/// # Errors
/// What a start would fail at: a token file or group that is not there, a network of the machine's own in the pods' way.
pub fn run(settings: &Settings) -> Result<()> {
    files::read_token_file(settings)?;
    files::kubeconfig_group(settings)?;
    ranges::check(settings)?;
    for words in overlap::check(settings)? {
        eprintln!("k3s: warning: {words}");
    }
    files::registries(&settings.args.runtime.private_registry, |words| {
        eprintln!("k3s: warning: {words}");
    });
    let addresses = address::known(settings);
    let mut plan = json!({
        "node": settings.node_name,
        "addresses": addresses,
        "server": components::server_config(settings, files::had_cluster(&settings.paths)),
        "agent": components::agent_config(settings, &addresses),
        "kubelet": components::kubelet_configuration(settings, "/etc/resolv.conf", files::memory()?),
    });
    hide(&mut plan);
    println!("{plan:#}");
    Ok(())
}

/// Takes the passwords out of URLs, as in `--endpoint=postgres://USER:PASSWORD@HOST`.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((scheme, rest)) = text.split_once("://")
                && let Some((_, host)) = rest.rsplit_once('@')
            {
                *text = format!("{scheme}://(hidden)@{host}");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(map) => map.values_mut().for_each(hide),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_hidden() {
        let mut value =
            json!({"kine": ["--endpoint=mysql://u:p@ss@tcp(h)/d", "--x=unix:///run/k"]});
        hide(&mut value);
        assert_eq!(
            value,
            json!({"kine": ["--endpoint=mysql://(hidden)@tcp(h)/d", "--x=unix:///run/k"]})
        );
    }
}
