use std::path::PathBuf;

use clap::Args;

/// containerd, images, storage, logging.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Runtime")]
pub struct RuntimeArgs {
    /// Directory for the cluster's state
    #[arg(
        long,
        short = 'd',
        env = "K3S_DATA_DIR",
        default_value = "/var/lib/rancher/k3s"
    )]
    pub data_dir: PathBuf,
    /// YAML file with flags; its keys are the flags' names
    #[arg(long, short = 'c', env = "K3S_CONFIG_FILE", default_value = super::CONFIG_FILE)]
    pub config: String,
    /// Directory for volumes of the storage class local-path (default: DATA_DIR/storage)
    #[arg(long)]
    pub default_local_storage_path: Option<PathBuf>,
    /// Use this container runtime instead of the bundled containerd
    #[arg(long)]
    pub container_runtime_endpoint: Option<String>,
    /// Sandbox image (default: the one in the release)
    #[arg(long)]
    pub pause_image: Option<String>,
    /// containerd snapshotter
    #[arg(long, default_value = "overlayfs", value_parser = ["overlayfs", "native"])]
    pub snapshotter: String,
    /// Registries: mirrors and credentials
    #[arg(long, default_value = "/etc/rancher/k3s/registries.yaml")]
    pub private_registry: PathBuf,
    /// Port on the loopback interface by which this node's own components reach the API
    #[arg(long, env = "K3S_LB_SERVER_PORT", default_value_t = 6444)]
    pub lb_server_port: u16,
    /// Check everything that can be checked without starting, print the components' arguments, start nothing
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value = "false", require_equals = true, action = clap::ArgAction::Set, value_parser = super::switch)]
    pub dry_run: bool,
    /// Log in detail
    #[arg(long, env = "K3S_DEBUG", num_args = 0..=1, default_missing_value = "true", default_value = "false", require_equals = true, action = clap::ArgAction::Set, value_parser = super::switch)]
    pub debug: bool,
    /// Verbosity of the upstream components
    #[arg(long = "v", short = 'v', default_value_t = 0)]
    pub verbosity: u8,
    /// Log to this file instead of standard output
    #[arg(long, short = 'l')]
    pub log: Option<PathBuf>,
}
