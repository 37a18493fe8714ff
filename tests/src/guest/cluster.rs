//! The machine's cluster, through its own kubectl.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Guest;
use crate::release::Artifacts;
use crate::test_image;

/// The longest a pod of the test image may take to start, on TCG with other pods starting too.
pub const POD: Duration = Duration::from_secs(180);
/// The longest a boot may take until the node is Ready, on TCG.
pub const READY: Duration = Duration::from_secs(400);

impl Guest {
    /// Runs kubectl as root; it must succeed. Returns its standard output.
    pub fn kubectl(&self, arguments: &str) -> Result<String> {
        self.root(&format!("kubectl {arguments}"))
    }

    /// Runs `kubectl get … -o json`.
    pub fn get(&self, what: &str) -> Result<Value> {
        let text = self.kubectl(&format!("get {what} -o json"))?;
        serde_json::from_str(&text).with_context(|| format!("parsing kubectl's {what}"))
    }

    /// Applies objects, again until the API takes them. Validation would fetch the API's whole description, which takes a
    /// slow machine half a minute.
    pub fn apply(&self, objects: &[Value]) -> Result<()> {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let command = format!("kubectl apply --validate=false -f - <<\\EOF\n{list}\nEOF");
        self.wait_root(&command, POD).map(drop)
    }

    /// Runs `kubectl wait …`.
    pub fn wait(&self, condition: &str, limit: Duration) -> Result<()> {
        let seconds = self.ssh.patience(limit).as_secs();
        let command = format!("kubectl wait --timeout={seconds}s {condition}");
        let grace = Duration::from_secs(30);
        self.root_with(&command, &[], limit + grace).map(drop)
    }

    /// Waits until the API answers and every node is Ready.
    pub fn wait_ready(&self, limit: Duration) -> Result<()> {
        // `kubectl wait` fails at once where there is no node yet.
        self.wait_root("kubectl get nodes -o name | grep -q node/", limit)?;
        self.wait("--for=condition=Ready node --all", limit)
    }

    /// Waits until a pod is Ready, and describes it where it is not.
    pub fn wait_pod(&self, pod: &str) -> Result<()> {
        let waited = self.wait(&format!("--for=condition=Ready pod/{pod}"), POD);
        waited.or_else(|error| {
            let report = self.try_root(&format!("kubectl describe pod {pod}"))?;
            Err(error.context(report.all()))
        })
    }

    /// Waits until the Deployments of the system are there and available.
    pub fn wait_system_pods(&self, limit: Duration) -> Result<()> {
        for name in ["coredns", "metrics-server"] {
            let deployment = format!("deployment/{name}");
            let there = format!("kubectl get -n kube-system {deployment}");
            self.wait_root(&there, limit)?;
            // The condition Available holds while the only replica is still missing: one may be.
            self.wait(
                &format!(
                    "-n kube-system --for=jsonpath={{.status.availableReplicas}}=1 {deployment}"
                ),
                limit,
            )?;
        }
        Ok(())
    }

    /// Brings the test image into the machine's container store.
    pub fn import_test_image(&self, artifacts: &Artifacts) -> Result<()> {
        let archive = test_image::archive(artifacts)?;
        self.root_with(
            "ctr -n k8s.io images import -",
            &archive,
            Duration::from_secs(120),
        )?;
        let listed = self.root("crictl images")?;
        if !listed.contains("k3os-tests/busybox") {
            bail!("importing the test image: crictl does not list it:\n{listed}");
        }
        Ok(())
    }

    /// Runs a shell command in a pod.
    pub fn exec(&self, pod: &str, command: &str) -> Result<String> {
        self.kubectl(&format!("exec {pod} -- sh -c \"{command}\""))
    }

    /// Starts a new pod and waits until it runs: server, agent and containerd all must work for that.
    pub fn start_fresh_pod(&self, name: &str) -> Result<()> {
        self.apply(&[crate::scenarios::objects::idle_pod(name)])?;
        self.wait_pod(name)
    }
}
