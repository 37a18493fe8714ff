//! The model: every key there is, its type, its documentation and the check of its values.
//!
//! The order of keys is that of k3OS's JSON form.

use crate::check;
use crate::schema::section;
use crate::secret::Secret;
use crate::setting::{Content, SshKeys};
use std::collections::BTreeMap;

section! {
    /// The whole configuration.
    pub struct Config {
        /// Public keys that may log in as user rancher: `ssh-… KEY`, `github:USER`, `gitlab:USER` or a URL.
        /// The keys of all sources add up.
        ssh_authorized_keys: SshKeys = check::ssh_key,
            in ["boot", "runtime"],
            eg "ssh_authorized_keys:\n- ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@home\n- github:ibuildthecloud\n";
        /// Files to write.
        write_files: Vec<File> = check::any,
            in ["initrd", "boot", "runtime"],
            eg "write_files:\n- path: /etc/example\n  content: |\n    hello\n";
        /// Name of the machine.
        hostname: String = check::hostname,
            in ["initrd", "boot", "runtime"],
            eg "hostname: myhost\n";
        /// The `k3os:` section.
        k3os: K3os = check::any,
            eg "k3os:\n  token: TOKEN_VALUE\n";
        /// Commands of the runtime phase, after everything else.
        run_cmd: Vec<String> = check::any,
            in ["runtime"],
            eg "run_cmd:\n- echo hello, run command\n";
        /// Commands of the boot phase, before the services start.
        boot_cmd: Vec<String> = check::any,
            in ["boot"],
            eg "boot_cmd:\n- echo hello, boot command\n";
        /// Commands of the initrd phase: first of all, as soon as the file systems are there.
        init_cmd: Vec<String> = check::any,
            in ["initrd"],
            eg "init_cmd:\n- echo hello, init command\n";
    }
}

section! {
    /// The `k3os:` section.
    pub struct K3os {
        /// Where to look for metadata and userdata, in this order; the first with userdata ends the search. `cdrom` is a CD, disk
        /// or stick labelled `cidata` or `config-2`, or any CD with a file `user-data` or `config`; `file=/PATH` is a file. The
        /// others are asked over the network, and Kubernetes waits for them. Unset means: a medium with one of these labels.
        data_sources: Vec<String> = check::data_source,
            in ["boot", "runtime"],
            eg "k3os:\n  data_sources:\n  - openstack\n  - cdrom\n";
        /// Let pods ask the metadata service that this machine was configured by. Without it they are kept from it, since it
        /// tells anybody the userdata, tokens and passwords in it, and often the cloud's credentials. Pods in the machine's own
        /// network are not kept from it.
        metadata_for_pods: bool = check::any,
            in ["runtime"],
            eg "k3os:\n  metadata_for_pods: true\n";
        /// Kernel modules to load, each with its parameters: `name option=value …`. Those of the kernel command line are loaded
        /// before the drivers of disks, where the initrd has them.
        modules: Vec<String> = check::module,
            in ["initrd", "boot", "runtime"],
            eg "k3os:\n  modules:\n  - kvm\n  - nvme poll_queues=2\n";
        /// Kernel settings, e.g. `kernel.printk: 4 4 1 7`.
        sysctls: BTreeMap<String, String> = check::sysctl,
            in ["initrd", "boot", "runtime"],
            eg "k3os:\n  sysctls:\n    kernel.printk: 4 4 1 7\n    kernel.kptr_restrict: 1\n";
        /// Time servers to use when the network names none.
        ntp_servers: Vec<String> = check::server,
            in ["boot", "runtime"],
            eg "k3os:\n  ntp_servers:\n  - 0.us.pool.ntp.org\n  - 1.us.pool.ntp.org\n";
        /// Name servers to use when the network names none.
        dns_nameservers: Vec<String> = check::address,
            in ["boot", "runtime"],
            eg "k3os:\n  dns_nameservers:\n  - 8.8.8.8\n  - 1.1.1.1\n";
        /// Wireless networks to join.
        wifi: Vec<Wifi> = check::any,
            in ["boot", "runtime"],
            eg "k3os:\n  wifi:\n  - name: home\n    passphrase: mypassword\n  - name: nothome\n    passphrase: somethingelse\n";
        /// Password of user rancher: clear text, or a crypt hash (beginning with `$`).
        password: Secret = check::password,
            in ["initrd", "boot", "runtime"],
            eg "k3os:\n  password: rancher\n";
        /// The server to join, e.g. `https://server:6443`. Makes this machine an agent.
        server_url: String = check::server_url,
            in ["boot", "runtime"],
            eg "k3os:\n  server_url: https://someserver:6443\n";
        /// The secret that lets a machine join the cluster.
        token: Secret = check::one_line,
            in ["boot", "runtime"],
            eg "k3os:\n  token: TOKEN_VALUE\n";
        /// Let user rancher log in by ssh with the password, not with a key only.
        ssh_pwauth: bool = check::any,
            in ["boot", "runtime"],
            eg "k3os:\n  ssh_pwauth: true\n";
        /// Time zone of the machine, e.g. `Europe/Berlin`. UTC when not given.
        timezone: String = check::timezone,
            in ["boot", "runtime"],
            eg "k3os:\n  timezone: Europe/Berlin\n";
        /// Labels of the node, set when it registers.
        labels: BTreeMap<String, String> = check::label,
            in ["boot", "runtime"],
            eg "k3os:\n  labels:\n    region: us-west-1\n    somekey: somevalue\n";
        /// Arguments of `k3s`, one word each.
        k3s_args: Vec<String> = check::k3s_arg,
            in ["boot", "runtime"],
            eg "k3os:\n  k3s_args:\n  - server\n  - --cluster-init\n";
        /// Variables for services, commands and logins, e.g. `http_proxy`.
        environment: BTreeMap<String, String> = check::variable,
            in ["initrd", "boot", "runtime"],
            eg "k3os:\n  environment:\n    http_proxy: http://myserver\n    https_proxy: http://myserver\n";
        /// Taints of the node, set when it registers: `key=value:Effect`.
        taints: Vec<String> = check::taint,
            in ["boot", "runtime"],
            eg "k3os:\n  taints:\n  - key1=value1:NoSchedule\n  - key1=value1:NoExecute\n";
        /// What the installer does.
        install: Install = check::any,
            eg "k3os:\n  install:\n    device: /dev/vda\n    silent: true\n";
        /// How long one command of init_cmd, boot_cmd or run_cmd may take, in seconds. 0 means no limit. Unset means 60 in
        /// initrd and boot, where the machine waits for it, and 3600 at runtime.
        command_timeout: String = check::seconds,
            in ["initrd", "boot", "runtime"],
            eg "k3os:\n  command_timeout: 600\nrun_cmd:\n- /opt/slow-setup\n";
    }
}

section! {
    /// A file to write.
    #[always("encoding", "content", "owner", "path", "permissions")]
    pub struct File {
        /// How the content is packed: nothing, `b64` or `base64`, `gz` or `gzip`, or `gz+b64` in any spelling.
        encoding: String = check::encoding,
            eg "write_files:\n- path: /etc/example\n  encoding: b64\n  content: aGVsbG8K\n";
        /// The content: text, or any bytes as `!!binary`.
        content: Content = check::any,
            eg "write_files:\n- path: /usr/local/bin/tool\n  content: !!binary f0VMRgIBAQ==\n  permissions: 0755\n";
        /// Owner: `user`, `user:group` or `:group`, each by name or number.
        owner: String = check::owner,
            eg "write_files:\n- path: /home/rancher/notes\n  owner: rancher:rancher\n  content: hello\n";
        /// Absolute path.
        path: String = check::file_path,
            eg "write_files:\n- path: /etc/crontab\n  content: 15 * * * * root ship_logs\n";
        /// Mode in octal; 0644 when not given.
        permissions: String = check::permissions, also ["permission"],
            eg "write_files:\n- path: /opt/secret\n  permissions: '0600'\n  content: hello\n";
        /// The phases in which to write it (`initrd`, `boot`, `runtime`); all of them when not given.
        phase: Vec<String> = check::phase,
            eg "write_files:\n- path: /etc/example\n  phase: boot\n  content: hello\n";
        /// `always` (when not given) or `once`: leave the file alone when it exists.
        write: String = check::write_policy,
            eg "write_files:\n- path: /var/lib/example\n  write: once\n  content: the first boot writes this\n";
    }
}

section! {
    /// A wireless network.
    pub struct Wifi {
        /// Its name (SSID).
        name: String = check::ssid,
            eg "k3os:\n  wifi:\n  - name: home\n";
        /// Its passphrase; none for an open network.
        passphrase: Secret = check::passphrase, also ["pass", "password"],
            eg "k3os:\n  wifi:\n  - name: home\n    passphrase: mypassword\n";
    }
}

section! {
    /// What the installer does.
    pub struct Install {
        /// Install for UEFI although the installer runs in BIOS mode.
        force_efi: bool = check::any, also ["efi"],
            eg "k3os:\n  install:\n    force_efi: true\n";
        /// The disk to erase and install to.
        device: String = check::one_line,
            eg "k3os:\n  install:\n    device: /dev/nvme0n1\n";
        /// A configuration to fetch and keep.
        config_url: String = check::location,
            eg "k3os:\n  install:\n    config_url: https://example.com/config.yaml\n";
        /// Ask nothing.
        silent: bool = check::any,
            eg "k3os:\n  install:\n    silent: true\n";
        /// The release to install, when it is not the one that runs. On the kernel command line of a machine whose kernel and
        /// initrd were loaded alone, that machine also runs from it.
        iso_url: String = check::location,
            eg "k3os:\n  install:\n    iso_url: https://example.com/k3os-amd64.iso\n";
        /// Certificates that are trusted besides the system's when configuration or ISO come by https: each the text of one or
        /// more in PEM, or the path of a file with them.
        trusted_cas: Vec<String> = check::certificate,
            eg "k3os:\n  install:\n    trusted_cas:\n    - /k3os/system/our-ca.pem\n";
        /// Power off when done, rather than reboot.
        power_off: bool = check::any,
            eg "k3os:\n  install:\n    power_off: true\n";
        /// Use the existing state partition.
        no_format: bool = check::any,
            eg "k3os:\n  install:\n    no_format: true\n";
        /// Show each step in full.
        debug: bool = check::any,
            eg "k3os:\n  install:\n    debug: true\n";
        /// The serial console, e.g. `ttyS0`.
        tty: String = check::one_line,
            eg "k3os:\n  install:\n    tty: ttyS0\n";
    }
}
