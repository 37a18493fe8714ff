//! The service `kubernetes` and its endpoints: how pods reach the API. The API server would write the endpoints itself,
//! but then it would have to know the node's address before it starts; and it makes the service only after the rest is
//! ready, when pods that were started before miss it in their environment.

use std::net::IpAddr;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::api::Applier;

/// The service, as the API server makes it.
fn service(cluster_ip: IpAddr, port: u16) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": { "component": "apiserver", "provider": "kubernetes" },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": cluster_ip,
            "sessionAffinity": "None",
            "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": port }],
        },
    })
}

/// Both forms of the endpoints: the slice that kube-proxy reads, and the old object that some programs still read.
fn endpoints(address: IpAddr, port: u16) -> [Value; 2] {
    let (label, family) = (
        "kubernetes.io/service-name",
        if address.is_ipv4() { "IPv4" } else { "IPv6" },
    );
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

/// Where the API is.
pub struct Api {
    /// Address of the service.
    pub cluster_ip: IpAddr,
    /// Address of the server.
    pub address: IpAddr,
    /// Port of the server.
    pub port: u16,
}

/// Writes the service and its endpoints.
///
/// # Errors
/// The API's refusal.
pub async fn publish(applier: &mut Applier, api: &Api) -> Result<()> {
    let objects =
        std::iter::once(service(api.cluster_ip, api.port)).chain(endpoints(api.address, api.port));
    for object in objects {
        applier
            .apply(&object)
            .await
            .context("publishing the API's address")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_name_address_and_port() {
        let [slice, endpoints] = endpoints(IpAddr::from([10, 0, 2, 15]), 6443);
        assert_eq!(slice["endpoints"][0]["addresses"][0], "10.0.2.15");
        assert_eq!(slice["addressType"], "IPv4");
        assert_eq!(endpoints["subsets"][0]["ports"][0]["port"], 6443);
        assert_eq!(
            service(IpAddr::from([10, 43, 0, 1]), 6443)["spec"]["clusterIP"],
            "10.43.0.1"
        );
    }
}
