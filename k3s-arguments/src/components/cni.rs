use serde_json::{Value, json};

use crate::network::Network;

/// The bridge that connects the pods of a node whose share of the pod networks is `subnets`.
pub fn conflist(subnets: &[Network]) -> Value {
    let ranges: Vec<Value> = subnets
        .iter()
        .map(|s| json!([{ "subnet": s.to_string() }]))
        .collect();
    let routes: Vec<Value> = subnets
        .iter()
        .map(|s| json!({ "dst": if s.is_v4() { "0.0.0.0/0" } else { "::/0" } }))
        .collect();
    json!({
        "cniVersion": "1.0.0",
        "name": "k3s",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                "ipMasq": true,
                "ipMasqBackend": "nftables",
                "hairpinMode": true,
                "forceAddress": true,
                "ipam": { "type": "host-local", "ranges": ranges, "routes": routes },
            },
            { "type": "portmap", "backend": "nftables", "capabilities": { "portMappings": true } },
        ],
    })
}
