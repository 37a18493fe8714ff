use crate::paths::{self, text};
use crate::settings::Settings;

/// SQLite as kine itself sets it up, but for one: what the API has acknowledged is on the disk (`FULL`: each commit syncs
/// the write-ahead log; `NORMAL` would lose the last seconds at a power cut).
const SQLITE: &str =
    "_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL&_txlock=immediate&cache=shared";

/// kine's flags: the datastore, and its socket for the API server.
pub fn flags(settings: &Settings) -> Vec<String> {
    let cluster = &settings.args.cluster;
    let sqlite = || {
        format!(
            "sqlite://{}?{SQLITE}",
            text(settings.paths.server("db/state.db"))
        )
    };
    let endpoint = cluster.datastore_endpoint.clone().unwrap_or_else(sqlite);
    super::flags::Flags::default()
        .set("listen-address", socket())
        .set("endpoint", endpoint)
        .set("metrics-bind-address", 0)
        .maybe("ca-file", cluster.datastore_cafile.as_ref().map(text))
        .maybe("cert-file", cluster.datastore_certfile.as_ref().map(text))
        .maybe("key-file", cluster.datastore_keyfile.as_ref().map(text))
        .with_users(0, &[])
}

/// kine's socket as a URL.
pub fn socket() -> String {
    format!("unix://{}", text(paths::run("kine.sock")))
}
