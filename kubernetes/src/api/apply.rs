use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::Client;
use super::discovery::Discovery;

/// What names an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Group and version, `apps/v1`.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace, where there is one.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// Reads it from an object.
    ///
    /// # Errors
    /// An object without `apiVersion`, `kind` or name.
    pub fn of(object: &Value) -> Result<Self> {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(String::from)
        };
        Ok(ObjectRef {
            version: text("/apiVersion").context("reading an object: it has no apiVersion")?,
            kind: text("/kind").context("reading an object: it has no kind")?,
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name").context("reading an object: it has no name")?,
        })
    }

    /// Whether both name one object: its version may change.
    pub fn is_same(&self, other: &ObjectRef) -> bool {
        let group = |version: &str| version.split_once('/').map(|(group, _)| group.to_string());
        (&self.kind, &self.namespace, &self.name) == (&other.kind, &other.namespace, &other.name)
            && group(&self.version) == group(&other.version)
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Applies and deletes objects of any kind.
pub struct Applier {
    client: Client,
    discovery: Discovery,
}

impl Applier {
    /// By means of `client`.
    pub fn new(client: &Client) -> Self {
        Applier {
            client: client.clone(),
            discovery: Discovery::default(),
        }
    }

    /// Applies one object.
    ///
    /// # Errors
    /// A kind that the API does not serve (yet), or its refusal.
    pub async fn apply(&mut self, object: &Value) -> Result<()> {
        let of = ObjectRef::of(object)?;
        self.apply_as(&of, object)
            .await
            .with_context(|| format!("applying {of}"))
    }

    async fn apply_as(&mut self, of: &ObjectRef, object: &Value) -> Result<()> {
        let resource = self
            .discovery
            .find(&self.client, &of.version, &of.kind)
            .await?;
        let resource =
            resource.ok_or_else(|| anyhow!("the API does not serve {} {}", of.version, of.kind))?;
        let namespace = of.namespace.as_deref().unwrap_or("default");
        let mut object = object.clone();
        if resource.is_namespaced() && of.namespace.is_none() {
            object["metadata"]["namespace"] = namespace.into();
        }
        self.client
            .apply(
                &resource.path(&of.version, Some(namespace), &of.name),
                &object,
            )
            .await?;
        Ok(())
    }

    /// Deletes one object; one that is not there, or whose kind is no longer served, is deleted already.
    ///
    /// # Errors
    /// The API's refusal.
    pub async fn delete(&mut self, of: &ObjectRef) -> Result<()> {
        let doing = || format!("deleting {of}");
        let Some(resource) = self
            .discovery
            .find(&self.client, &of.version, &of.kind)
            .await
            .with_context(doing)?
        else {
            return Ok(());
        };
        let namespace = of.namespace.as_deref().unwrap_or("default");
        self.client
            .delete(&resource.path(&of.version, Some(namespace), &of.name))
            .await
            .with_context(doing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_are_the_same_across_versions() -> Result<()> {
        let of = |version: &str| {
            ObjectRef::of(
                &json!({"apiVersion": version, "kind": "K", "metadata": {"name": "n", "namespace": "s"}}),
            )
        };
        assert!(of("g/v1")?.is_same(&of("g/v2")?));
        assert!(!of("g/v1")?.is_same(&of("h/v1")?));
        assert_eq!(of("g/v1")?.to_string(), "K s/n");
        assert!(ObjectRef::of(&json!({"kind": "K"})).is_err());
        Ok(())
    }
}
