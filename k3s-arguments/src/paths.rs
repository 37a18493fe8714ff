//! Every path the server uses, from the data directory.

use std::path::{Path, PathBuf};

/// Programs of the image.
pub mod program {
    /// The upstream components, one multi-call binary.
    pub const KUBERNETES: &str = "/usr/libexec/k3os/kubernetes";
    /// Directory of the containerd shim, first in containerd's PATH.
    pub const LIBEXEC: &str = "/usr/libexec/k3os";
    /// The CNI plugins.
    pub const CNI: &str = "/usr/libexec/cni";
}

/// The release's images (OCI archives).
pub const RELEASE_IMAGES: &str = "/usr/share/k3os/images";
/// The release's manifests, copied into the manifests directory at start.
pub const RELEASE_MANIFESTS: &str = "/usr/share/rancher/k3s/server/manifests";
/// containerd's socket and state, and the components' configurations.
pub const RUN: &str = "/run/k3s";
/// The sandbox image, also the one in which the system pods run; the tag is the release's version.
pub const SYSTEM_IMAGE: &str = "docker.io/k3os/system";

/// What the server found wrong with the datastore, in [`RUN`]. JSON, absent where nothing was.
pub const DATASTORE_REPORT: &str = "datastore.json";
/// What containerd found wrong with its store, in [`RUN`].
pub const CONTAINERD_REPORT: &str = "containerd.json";

/// Paths under the data directory.
#[derive(Debug, Clone)]
pub struct Paths {
    data: PathBuf,
}

impl Paths {
    /// Paths under `data`, usually `/var/lib/rancher/k3s`.
    pub fn new(data: &Path) -> Self {
        Paths { data: data.into() }
    }

    /// `server/NAME`.
    pub fn server(&self, name: &str) -> PathBuf {
        self.data.join("server").join(name)
    }

    /// `server/tls/NAME`.
    pub fn tls(&self, name: &str) -> PathBuf {
        self.server("tls").join(name)
    }

    /// `server/cred/NAME`, kubeconfigs of the server's components.
    pub fn cred(&self, name: &str) -> PathBuf {
        self.server("cred").join(name)
    }

    /// `agent/NAME`.
    pub fn agent(&self, name: &str) -> PathBuf {
        self.data.join("agent").join(name)
    }

    /// Manifests that are kept applied.
    pub fn manifests(&self) -> PathBuf {
        self.server("manifests")
    }

    /// Which objects came from which manifest.
    pub fn applied(&self) -> PathBuf {
        self.server("applied.json")
    }

    /// Written when the API serves for the first time.
    pub fn served(&self) -> PathBuf {
        self.server("served")
    }

    /// Any of these says that the machine has had a cluster. (Older releases wrote only the second.)
    pub fn signs_of_a_cluster(&self) -> [PathBuf; 2] {
        [self.served(), self.applied()]
    }

    /// Images that the user adds.
    pub fn images(&self) -> PathBuf {
        self.agent("images")
    }

    /// Volumes of the storage class `local-path`.
    pub fn storage(&self) -> PathBuf {
        self.data.join("storage")
    }

    /// CNI configuration.
    pub fn cni_config(&self) -> PathBuf {
        self.agent("etc/cni/net.d")
    }
}

/// `/run/k3s/NAME`.
pub fn run(name: &str) -> PathBuf {
    Path::new(RUN).join(name)
}

/// containerd's socket.
pub fn containerd_socket() -> PathBuf {
    run("containerd/containerd.sock")
}

/// A path as text, for a flag.
pub fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}
