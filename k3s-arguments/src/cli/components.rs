use clap::Args;

/// What to leave out, and flags for the upstream components (`name=value`, without dashes, as in k3s).
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Components")]
pub struct ComponentArgs {
    /// Leave out a bundled part: coredns, metrics-server, local-storage
    #[arg(long, alias = "no-deploy", value_delimiter = ',')]
    pub disable: Vec<String>,
    /// Do not start kube-proxy
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value = "false", require_equals = true, action = clap::ArgAction::Set, value_parser = super::switch)]
    pub disable_kube_proxy: bool,
    /// Flag for the kubelet
    #[arg(long)]
    pub kubelet_arg: Vec<String>,
    /// Flag for kube-proxy
    #[arg(long)]
    pub kube_proxy_arg: Vec<String>,
    /// Flag for kube-apiserver
    #[arg(long)]
    pub kube_apiserver_arg: Vec<String>,
    /// Flag for kube-controller-manager
    #[arg(long, alias = "kube-controller-arg")]
    pub kube_controller_manager_arg: Vec<String>,
    /// Flag for kube-scheduler
    #[arg(long)]
    pub kube_scheduler_arg: Vec<String>,
    /// Refuse to start when kernel settings differ from what the kubelet expects
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value = "false", require_equals = true, action = clap::ArgAction::Set, value_parser = super::switch)]
    pub protect_kernel_defaults: bool,
}
