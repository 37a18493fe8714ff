//! NetworkPolicies are not enforced by this version. Whoever relies on one is told at the object itself.

use std::convert::Infallible;
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::api::{Applier, Client, Watch};
use crate::settings::Settings;

/// Events are kept for an hour; they are written anew before.
const AGAIN: Duration = Duration::from_secs(50 * 60);
/// After a refusal, before the next try.
const PAUSE: Duration = Duration::from_secs(5);
const POLICIES: &str = "/apis/networking.k8s.io/v1/networkpolicies";

/// Writes an Event for each policy. A pod network that the user brings has its own enforcement.
pub async fn report(client: &Client, settings: &Settings) -> Infallible {
    if settings.args.cluster.flannel_backend.as_deref() == Some("none") {
        return std::future::pending().await;
    }
    loop {
        let round = tell_each(client);
        let Err(_) = tokio::time::timeout(AGAIN, round).await;
    }
}

async fn tell_each(client: &Client) -> Infallible {
    let mut policies = Watch::new(client, POLICIES, "");
    let mut applier = Applier::new(client);
    loop {
        match policies.next().await {
            Ok(policy) => {
                let told = applier
                    .apply(&event(&policy, OffsetDateTime::now_utc()))
                    .await;
                if let Err(error) = told {
                    println!("k3s: reporting a NetworkPolicy that is not enforced: {error:#}");
                }
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn event(policy: &Value, now: OffsetDateTime) -> Value {
    let metadata = |name: &str| policy["metadata"][name].as_str().unwrap_or_default();
    let (date, clock) = (now.date(), now.time());
    let now = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    );
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": format!("{}.not-enforced", metadata("name")), "namespace": metadata("namespace") },
        "involvedObject": {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "namespace": metadata("namespace"),
            "name": metadata("name"),
            "uid": metadata("uid"),
        },
        "type": "Warning",
        "reason": "NotEnforced",
        "message": "this version of k3OS does not enforce NetworkPolicies: traffic that this one forbids still passes",
        "source": { "component": "k3s" },
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_about_the_policy() {
        let policy = json!({ "metadata": { "name": "deny", "namespace": "web", "uid": "u-1" } });
        let event = event(&policy, OffsetDateTime::UNIX_EPOCH);
        assert_eq!(event["involvedObject"]["uid"], "u-1");
        assert_eq!(event["metadata"]["namespace"], "web");
        assert_eq!(event["lastTimestamp"], "1970-01-01T00:00:00Z");
    }
}
