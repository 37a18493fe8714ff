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
        ssh_authorized_keys: SshKeys = check::ssh_key;
        /// Files to write.
        write_files: Vec<File> = check::any;
        /// Name of the machine.
        hostname: String = check::hostname;
        /// The `k3os:` section.
        k3os: K3os = check::any;
        /// Commands of the runtime phase, after everything else.
        run_cmd: Vec<String> = check::any;
        /// Commands of the boot phase, before the services start.
        boot_cmd: Vec<String> = check::any;
        /// Commands of the initrd phase, before the root is entered.
        init_cmd: Vec<String> = check::any;
    }
}

section! {
    /// The `k3os:` section.
    pub struct K3os {
        /// Where to look for metadata and userdata, in this order.
        data_sources: Vec<String> = check::data_source;
        /// Kernel modules to load, each with its parameters: `name option=value …`.
        modules: Vec<String> = check::module;
        /// Kernel settings, e.g. `kernel.printk: 4 4 1 7`.
        sysctls: BTreeMap<String, String> = check::sysctl;
        /// Time servers to use when the network names none.
        ntp_servers: Vec<String> = check::server;
        /// Name servers to use when the network names none.
        dns_nameservers: Vec<String> = check::address;
        /// Wireless networks to join.
        wifi: Vec<Wifi> = check::any;
        /// Password of user rancher: clear text, or a crypt hash (beginning with `$`).
        password: Secret = check::password;
        /// The server to join, e.g. `https://server:6443`. Makes this machine an agent.
        server_url: String = check::server_url;
        /// The secret that lets a machine join the cluster.
        token: Secret = check::one_line;
        /// Labels of the node, set when it registers.
        labels: BTreeMap<String, String> = check::label;
        /// Arguments of `k3s`, one word each.
        k3s_args: Vec<String> = check::k3s_arg;
        /// Variables for services, commands and logins, e.g. `http_proxy`.
        environment: BTreeMap<String, String> = check::variable;
        /// Taints of the node, set when it registers: `key=value:Effect`.
        taints: Vec<String> = check::taint;
        /// What the installer does.
        install: Install = check::any;
        /// How long one command of init_cmd, boot_cmd or run_cmd may take, in seconds. 0 means no limit. Unset means 60 in
        /// initrd and boot, where the machine waits for it, and 3600 at runtime.
        command_timeout: String = check::seconds;
    }
}

section! {
    /// A file to write.
    #[always("encoding", "content", "owner", "path", "permissions")]
    pub struct File {
        /// How the content is packed: nothing, `b64` or `base64`, `gz` or `gzip`, or `gz+b64` in any spelling.
        encoding: String = check::encoding;
        /// The content: text, or any bytes as `!!binary`.
        content: Content = check::any;
        /// Owner: `user`, `user:group` or `:group`, each by name or number.
        owner: String = check::owner;
        /// Absolute path.
        path: String = check::file_path;
        /// Mode in octal; 0644 when not given.
        permissions: String = check::permissions;
        /// The phases in which to write it (`initrd`, `boot`, `runtime`); all of them when not given.
        phase: Vec<String> = check::phase;
        /// `always` (when not given) or `once`: leave the file alone when it exists.
        write: String = check::write_policy;
    }
}

section! {
    /// A wireless network.
    pub struct Wifi {
        /// Its name (SSID).
        name: String = check::ssid;
        /// Its passphrase; none for an open network.
        passphrase: Secret = check::passphrase, also "pass", "password";
    }
}

section! {
    /// What the installer does.
    pub struct Install {
        /// Install for UEFI although the installer runs in BIOS mode.
        force_efi: bool = check::any, also "efi";
        /// The disk to erase and install to.
        device: String = check::one_line;
        /// A configuration to fetch and keep.
        config_url: String = check::url;
        /// Ask nothing.
        silent: bool = check::any;
        /// The release to install.
        iso_url: String = check::url;
        /// Power off when done, rather than reboot.
        power_off: bool = check::any;
        /// Use the existing state partition.
        no_format: bool = check::any;
        /// Show each step in full.
        debug: bool = check::any;
        /// The serial console, e.g. `ttyS0`.
        tty: String = check::one_line;
    }
}
