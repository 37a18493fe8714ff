use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

/// Where the API listens, under which names, and the administrator's kubeconfig.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Listener")]
pub struct ListenerArgs {
    /// Address that the API listens on
    #[arg(long, default_value = "0.0.0.0")]
    pub bind_address: IpAddr,
    /// Port that the API listens on
    #[arg(long, default_value_t = 6443)]
    pub https_listen_port: u16,
    /// Address of the API that pods and other nodes are told (default: the node's)
    #[arg(long)]
    pub advertise_address: Option<IpAddr>,
    /// Port of the API that pods and other nodes are told (default: the listen port)
    #[arg(long)]
    pub advertise_port: Option<u16>,
    /// Further names and addresses in the API's certificate
    #[arg(long, value_delimiter = ',')]
    pub tls_san: Vec<String>,
    /// File for the administrator's kubeconfig
    #[arg(
        long,
        short = 'o',
        env = "K3S_KUBECONFIG_OUTPUT",
        default_value = "/etc/rancher/k3s/k3s.yaml"
    )]
    pub write_kubeconfig: PathBuf,
    /// Mode of that file, octal
    #[arg(long, env = "K3S_KUBECONFIG_MODE", default_value = "600", value_parser = octal_mode)]
    pub write_kubeconfig_mode: u32,
    /// Group of that file
    #[arg(long, env = "K3S_KUBECONFIG_GROUP")]
    pub write_kubeconfig_group: Option<String>,
}

fn octal_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text.trim_start_matches("0o"), 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("a file mode is octal, 000 to 777, for example 644".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::octal_mode;

    #[test]
    fn modes_are_octal() {
        assert_eq!(octal_mode("644"), Ok(0o644));
        assert_eq!(octal_mode("0600"), Ok(0o600));
        assert!(octal_mode("888").is_err());
        assert!(octal_mode("1777").is_err());
    }
}
