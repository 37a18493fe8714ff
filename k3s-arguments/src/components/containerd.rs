use crate::paths::{program, run, text};
use crate::settings::Settings;

/// containerd's configuration file (TOML, version 3). What a Kubernetes node on our kernel cannot use is off: each
/// plugin costs time at start and memory ever after. The user's additions are in `config-v3.toml.d`, as in k3s.
pub fn config(settings: &Settings) -> String {
    let quote = |path: std::path::PathBuf| format!("{:?}", text(path));
    let agent = |name: &str| quote(settings.paths.agent(name));
    format!(
        r#"version = 3
root = {root}
state = {state}
imports = [{drop_ins}]
disabled_plugins = [{disabled}]

[grpc]
address = {socket}

[plugins.'io.containerd.cri.v1.images']
snapshotter = {snapshotter:?}
disable_snapshot_annotations = true

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = {pause:?}

[plugins.'io.containerd.cri.v1.images'.registry]
config_path = {registries}

[plugins.'io.containerd.cri.v1.runtime']
enable_selinux = false
enable_unprivileged_ports = true
enable_unprivileged_icmp = true
device_ownership_from_security_context = false
ignore_image_defined_volumes = false

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = [{cni_bin:?}]
conf_dir = {cni_conf}

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
SystemdCgroup = false
"#,
        root = agent("containerd"),
        state = quote(run("containerd")),
        drop_ins = agent("etc/containerd/config-v3.toml.d/*.toml"),
        disabled = disabled(),
        socket = quote(crate::paths::containerd_socket()),
        snapshotter = settings.args.runtime.snapshotter,
        pause = settings.pause_image,
        registries = agent("etc/containerd/certs.d"),
        cni_bin = program::CNI,
        cni_conf = quote(settings.paths.cni_config()),
    )
}

fn disabled() -> String {
    const PLUGINS: [&str; 9] = [
        "io.containerd.snapshotter.v1.blockfile",
        "io.containerd.snapshotter.v1.btrfs",
        "io.containerd.snapshotter.v1.devmapper",
        "io.containerd.snapshotter.v1.erofs",
        "io.containerd.snapshotter.v1.zfs",
        "io.containerd.differ.v1.erofs",
        "io.containerd.nri.v1.nri",
        "io.containerd.tracing.processor.v1.otlp",
        "io.containerd.internal.v1.tracing",
    ];
    PLUGINS.map(|p| format!("{p:?}")).join(", ")
}
