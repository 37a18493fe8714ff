use std::collections::HashMap;

use serde_json::Value;

use super::client::{Client, Error};

/// A kind as the API serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    plural: String,
    namespaced: bool,
}

/// What the API serves, asked once per group and version.
#[derive(Default)]
pub struct Discovery {
    groups: HashMap<String, HashMap<String, Resource>>,
}

impl Discovery {
    /// How the API serves a kind; none when it does not (yet).
    ///
    /// # Errors
    /// An API that does not answer.
    pub async fn find(
        &mut self,
        client: &Client,
        version: &str,
        kind: &str,
    ) -> Result<Option<Resource>, Error> {
        if !self
            .groups
            .get(version)
            .is_some_and(|kinds| kinds.contains_key(kind))
        {
            match client.get(&base(version)).await {
                Ok(list) => self.groups.insert(version.into(), resources(&list)),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error),
            };
        }
        Ok(self
            .groups
            .get(version)
            .and_then(|kinds| kinds.get(kind))
            .cloned())
    }
}

impl Resource {
    /// The path of an object.
    pub fn path(&self, version: &str, namespace: Option<&str>, name: &str) -> String {
        let base = base(version);
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{base}/namespaces/{namespace}/{}/{name}", self.plural),
            None => format!("{base}/{}/{name}", self.plural),
        }
    }

    /// Whether its objects lie in namespaces.
    pub fn is_namespaced(&self) -> bool {
        self.namespaced
    }
}

fn base(version: &str) -> String {
    if version.contains('/') {
        format!("/apis/{version}")
    } else {
        format!("/api/{version}")
    }
}

/// Kinds by name; subresources (`pods/log`) are left out.
fn resources(list: &Value) -> HashMap<String, Resource> {
    let items = list
        .get("resources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    items
        .filter_map(|item| {
            let plural = item
                .get("name")?
                .as_str()
                .filter(|name| !name.contains('/'))?
                .to_string();
            let namespaced = item.get("namespaced")?.as_bool()?;
            Some((
                item.get("kind")?.as_str()?.to_string(),
                Resource { plural, namespaced },
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_follow_the_discovery() -> Result<(), &'static str> {
        let list = json!({"resources": [
            {"name": "deployments", "kind": "Deployment", "namespaced": true},
            {"name": "deployments/scale", "kind": "Scale", "namespaced": true},
        ]});
        let kinds = resources(&list);
        assert_eq!(kinds.len(), 1);
        let deployment = kinds.get("Deployment").ok_or("missing")?;
        assert_eq!(
            deployment.path("apps/v1", Some("a"), "b"),
            "/apis/apps/v1/namespaces/a/deployments/b"
        );
        let node = Resource {
            plural: "nodes".into(),
            namespaced: false,
        };
        assert_eq!(node.path("v1", Some("a"), "b"), "/api/v1/nodes/b");
        Ok(())
    }
}
