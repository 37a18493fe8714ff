//! Keys of cloud-init at the top level of a file: those with a meaning here are taken for the keys that have it, the others are
//! named in one note.

use crate::tree::{Entry, Node, Value};

/// Keys whose work this system does otherwise, or not at all.
const MEANINGLESS: [&str; 86] = [
    "allow_public_ssh_keys",
    "ansible",
    "apk_repos",
    "apt",
    "apt_mirror",
    "apt_pipelining",
    "apt_preserve_sources_list",
    "apt_proxy",
    "apt_reboot_if_required",
    "apt_sources",
    "apt_update",
    "apt_upgrade",
    "autoinstall",
    "byobu_by_default",
    "ca-certs",
    "ca_certs",
    "chef",
    "chpasswd",
    "cloud_config_modules",
    "cloud_final_modules",
    "cloud_init_modules",
    "create_hostname_file",
    "datasource",
    "datasource_list",
    "debug",
    "device_aliases",
    "disable_ec2_metadata",
    "disable_root",
    "disable_root_opts",
    "disk_setup",
    "drivers",
    "fan",
    "final_message",
    "fqdn_source",
    "fs_setup",
    "groups",
    "growpart",
    "hotplug",
    "keyboard",
    "landscape",
    "locale",
    "locale_configfile",
    "lxd",
    "manage_etc_hosts",
    "manage_resolv_conf",
    "mcollective",
    "merge_how",
    "merge_type",
    "mount_default_fields",
    "mounts",
    "network",
    "no_ssh_fingerprints",
    "ntp",
    "output",
    "package_reboot_if_required",
    "package_update",
    "package_upgrade",
    "packages",
    "phone_home",
    "power_state",
    "prefer_fqdn_over_hostname",
    "preserve_hostname",
    "puppet",
    "random_seed",
    "reporting",
    "resize_rootfs",
    "resolv_conf",
    "rsyslog",
    "salt_minion",
    "snap",
    "ssh",
    "ssh_deletekeys",
    "ssh_fp_console_blacklist",
    "ssh_genkeytypes",
    "ssh_import_id",
    "ssh_keys",
    "ssh_publish_hostkeys",
    "swap",
    "system_info",
    "ubuntu_advantage",
    "ubuntu_pro",
    "updates",
    "users",
    "vendor_data",
    "wireguard",
    "yum_repos",
];

/// Whether cloud-init knows the key and nothing here does what it asks for.
pub(crate) fn is_meaningless(key: &str) -> bool {
    MEANINGLESS.contains(&key)
}

/// What the owner of a key may have wanted here.
pub(crate) fn hint(keys: &[String]) -> Option<String> {
    let has = |name: &str| keys.iter().any(|key| key == name);
    let users = "the one user is rancher: its keys belong in ssh_authorized_keys, its password in k3os.password";
    match () {
        () if has("users") || has("ssh_import_id") || has("chpasswd") => Some(users.into()),
        () if has("ntp") => Some("time servers belong in k3os.ntp_servers".into()),
        () => None,
    }
}

/// What a key of cloud-init's means.
pub(crate) enum Meaning {
    /// The value of this top-level key.
    Top(&'static str),
    /// The value of this key below `k3os`.
    K3os(&'static str),
    /// Nothing that would change anything.
    Nothing,
    /// Another user than the one there is.
    OtherUser,
}

/// The meaning of a key of cloud-init's that has one here.
pub(crate) fn meaning(entry: &Entry) -> Option<Meaning> {
    let text = scalar(&entry.value);
    Some(match entry.key.as_str() {
        "fqdn" => Meaning::Top("hostname"),
        "password" => Meaning::K3os("password"),
        "timezone" => Meaning::K3os("timezone"),
        "ssh_pwauth" if matches!(text, Some("unchanged" | "")) => Meaning::Nothing,
        "ssh_pwauth" => Meaning::K3os("ssh_pwauth"),
        "user" if matches!(text, Some("rancher" | "default")) => Meaning::Nothing,
        "user" => Meaning::OtherUser,
        _ => return None,
    })
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(scalar) => Some(scalar.text.trim()),
        Value::Null => Some(""),
        Value::List(_) | Value::Map(_) => None,
    }
}

/// Keys of cloud-init's `write_files` that change what is written; without them the file would be another one.
pub(crate) fn changes_the_file(key: &str, value: &Node) -> bool {
    let is_off = matches!(
        scalar(value),
        Some("" | "false" | "no" | "off" | "False" | "0")
    );
    matches!(key, "append" | "source") && !is_off
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Config;
    use crate::schema::{Section, find};

    #[test]
    fn no_key_of_ours_is_called_meaningless() {
        for key in MEANINGLESS {
            assert!(find(Config::FIELDS, key).is_none(), "{key}");
        }
        assert!(MEANINGLESS.is_sorted());
    }
}
