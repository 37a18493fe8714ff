//! The endpoints of the service `kubernetes`: how pods reach the API. The API server would write them itself, but then
//! it would have to know the node's address before it starts.

use std::net::IpAddr;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::api::Applier;

/// Both forms of the endpoints: the slice that kube-proxy reads, and the old object that some programs still read.
pub fn objects(address: IpAddr, port: u16) -> [Value; 2] {
    let (label, family) = ("kubernetes.io/service-name", if address.is_ipv4() { "IPv4" } else { "IPv6" });
    let ports = json!([{ "name": "https", "port": port, "protocol": "TCP" }]);
    [
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": { "name": "kubernetes", "namespace": "default", "labels": { label: "kubernetes" } },
            "addressType": family,
            "endpoints": [{ "addresses": [address], "conditions": { "ready": true } }],
            "ports": ports,
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": { "endpointslice.kubernetes.io/skip-mirror": "true" },
            },
            "subsets": [{ "addresses": [{ "ip": address }], "ports": ports }],
        }),
    ]
}

/// Writes them.
///
/// # Errors
/// The API's refusal.
pub async fn publish(applier: &mut Applier, address: IpAddr, port: u16) -> Result<()> {
    for object in objects(address, port) {
        applier.apply(&object).await.context("publishing the API's address")?;
    }
    Ok(())
}
