//! From a [`Spec`] to QEMU's arguments, and nothing else: no files, no processes.

use std::path::{Path, PathBuf};

use super::disks;
use super::spec::{Boot, Net, Spec};

/// Files of one running machine, all in its own directory.
#[derive(Clone, Debug)]
pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// The files below `dir`, which must be short: a Unix socket's path has at most 107 bytes.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// Everything the serial port said.
    pub fn serial_log(&self) -> PathBuf {
        self.dir.join("serial.log")
    }

    /// The serial port.
    pub fn serial_socket(&self) -> PathBuf {
        self.dir.join("serial.sock")
    }

    /// QEMU's control socket.
    pub fn qmp_socket(&self) -> PathBuf {
        self.dir.join("qmp.sock")
    }

    /// QEMU's own complaints.
    pub fn qemu_log(&self) -> PathBuf {
        self.dir.join("qemu.log")
    }

    /// The UEFI variable store: the one that the spec names, else the machine's own.
    pub fn uefi_vars(&self, spec: &Spec) -> PathBuf {
        let own = || self.dir.join("uefi-vars.fd");
        spec.uefi_vars.clone().unwrap_or_else(own)
    }
}

/// QEMU's arguments for `spec` with its sockets and logs in `files`.
pub fn arguments(spec: &Spec, files: &Files) -> Vec<String> {
    let mut args = platform(spec);
    args.extend(control(files));
    args.extend(boot(spec, files));
    args.extend(media(spec));
    args.extend(network(spec));
    args
}

fn platform(spec: &Spec) -> Vec<String> {
    let mut args = strings(&["-nodefaults", "-display", "none"]);
    args.extend(match &spec.device_tree {
        Some(tree) => raspberry_pi(tree),
        None => hardware(spec),
    });
    args.extend(["-name".into(), spec.name.clone()]);
    if spec.exit_on_reboot {
        args.push("-no-reboot".into());
    }
    args
}

/// Of QEMU's own make.
fn hardware(spec: &Spec) -> Vec<String> {
    let mut args = strings(&spec.processor.machine(spec.accel));
    args.extend(strings(&["-device", "virtio-rng-pci"]));
    args.extend([
        "-smp".into(),
        spec.cpus.to_string(),
        "-m".into(),
        spec.memory_mib.to_string(),
    ]);
    if spec.watchdog {
        args.extend(strings(&[
            "-device",
            "i6300esb",
            "-action",
            "watchdog=reset",
        ]));
    }
    if let Some(start) = spec.clock {
        args.extend(["-rtc".into(), format!("base={start}")]);
    }
    args
}

fn raspberry_pi(device_tree: &Path) -> Vec<String> {
    let mut args = strings(&["-machine", "raspi3b", "-accel", "tcg,thread=multi"]);
    args.extend(["-dtb".into(), device_tree.display().to_string()]);
    args
}

/// `wait=on`: the guest starts when the harness listens, so that not a byte of its console is lost.
fn control(files: &Files) -> Vec<String> {
    vec![
        "-chardev".into(),
        format!(
            "socket,id=serial,path={},server=on,wait=on",
            files.serial_socket().display()
        ),
        "-serial".into(),
        "chardev:serial".into(),
        "-qmp".into(),
        format!("unix:{},server=on,wait=off", files.qmp_socket().display()),
    ]
}

fn boot(spec: &Spec, files: &Files) -> Vec<String> {
    match &spec.boot {
        Boot::Direct { kernel, initrd } => vec![
            "-kernel".into(),
            kernel.display().to_string(),
            "-initrd".into(),
            initrd.display().to_string(),
            "-append".into(),
            spec.cmdline.join(" "),
        ],
        Boot::Bios => strings(&["-boot", "d"]),
        Boot::Uefi => vec![
            "-drive".into(),
            format!(
                "if=pflash,format=raw,readonly=on,file={}",
                spec.processor.uefi().0
            ),
            "-drive".into(),
            format!(
                "if=pflash,format=raw,file={}",
                files.uefi_vars(spec).display()
            ),
        ],
    }
}

fn media(spec: &Spec) -> Vec<String> {
    let mut args = Vec::new();
    if let Some(iso) = &spec.cdrom {
        args.push("-drive".into());
        args.push(format!(
            "if=none,id=cd,media=cdrom,readonly=on,file={}",
            iso.display()
        ));
        args.extend(strings(spec.processor.cd()));
    }
    args.extend(disks::arguments(&spec.disks));
    args
}

fn network(spec: &Spec) -> Vec<String> {
    let (net, ports) = (spec.net, spec.ports);
    let backend = match net {
        Net::NoCard => return Vec::new(),
        Net::Silent => "hubport,id=net,hubid=0".to_owned(),
        Net::Offline | Net::Online => format!(
            "user,id=net,restrict={},hostfwd=tcp:127.0.0.1:{}-:22,hostfwd=tcp:127.0.0.1:{}-:6443",
            if net == Net::Offline { "on" } else { "off" },
            ports.ssh,
            ports.api
        ),
    };
    let card = match spec.device_tree {
        Some(_) => "usb-net",
        None => "virtio-net-pci",
    };
    vec![
        "-netdev".into(),
        backend,
        "-device".into(),
        format!("{card},netdev=net"),
    ]
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accel::Accel;
    use crate::machine::disks::Bus;
    use crate::machine::spec::Ports;
    use crate::processor::Processor;

    fn spec(boot: Boot) -> Spec {
        let ports = Ports {
            ssh: 2201,
            api: 16443,
        };
        Spec::new("m", boot, ports, Accel::Tcg)
    }

    fn line(spec: &Spec) -> String {
        arguments(spec, &Files::new(Path::new("/d"))).join(" ")
    }

    #[test]
    fn a_direct_boot_carries_the_command_line_as_one_argument() {
        let boot = Boot::Direct {
            kernel: "/k".into(),
            initrd: "/i".into(),
        };
        let args = arguments(&spec(boot).word("a", "b c"), &Files::new(Path::new("/d")));
        let at = args.iter().position(|arg| arg == "-append").unwrap();
        assert_eq!(args[at + 1], "console=tty1 console=ttyS0 a=\"b c\"");
    }

    #[test]
    fn a_raspberry_pi_has_what_is_soldered_onto_it() {
        let boot = Boot::Direct {
            kernel: "/k".into(),
            initrd: "/i".into(),
        };
        let pi = spec(boot).processor(Processor::Arm64);
        let pi = pi.raspberry_pi(Path::new("/pi.dtb"));
        let line = line(&pi.disk_on(Path::new("/card"), Bus::Slot));
        assert!(
            line.contains("-machine raspi3b") && line.contains("-dtb /pi.dtb"),
            "{line}"
        );
        assert!(
            line.contains("if=sd,") && line.contains("usb-net,netdev=net"),
            "{line}"
        );
        assert!(
            !line.contains("pci") && !line.contains("-m ") && !line.contains("-smp"),
            "{line}"
        );
    }

    #[test]
    fn arm_has_its_own_machine_serial_port_and_firmware() {
        let arm = spec(Boot::Uefi).processor(Processor::Arm64);
        assert_eq!(arm.cmdline, ["console=tty1", "console=ttyAMA0"]);
        let line = line(&arm.cdrom(Path::new("/x.iso")));
        assert!(
            line.contains("-machine virt") && line.contains("AAVMF_CODE"),
            "{line}"
        );
        assert!(
            line.contains("scsi-cd") && !line.contains("ide-cd"),
            "{line}"
        );
    }

    #[test]
    fn offline_restricts_the_network_but_keeps_the_forwarded_ports() {
        let line = line(&spec(Boot::Bios));
        assert!(line.contains(
            "restrict=on,hostfwd=tcp:127.0.0.1:2201-:22,hostfwd=tcp:127.0.0.1:16443-:6443"
        ));
    }

    #[test]
    fn the_clock_is_the_hosts_unless_it_is_set() {
        assert!(!line(&spec(Boot::Bios)).contains("-rtc"));
        assert!(line(&spec(Boot::Bios).clock("1970-01-01")).contains("-rtc base=1970-01-01"));
    }

    #[test]
    fn no_card_means_no_network_device() {
        assert!(!line(&spec(Boot::Bios).net(Net::NoCard)).contains("net"));
    }

    #[test]
    fn a_silent_network_has_a_card_and_no_dhcp_server() {
        let line = line(&spec(Boot::Bios).net(Net::Silent));
        assert!(
            line.contains("hubport") && line.contains("virtio-net-pci") && !line.contains("user,")
        );
    }

    #[test]
    fn uefi_gets_a_variable_store_of_its_own() {
        let line = line(&spec(Boot::Uefi));
        assert!(line.contains("readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"));
        assert!(line.contains("if=pflash,format=raw,file=/d/uefi-vars.fd"));
    }

    #[test]
    fn a_variable_store_that_is_named_stays_between_machines() {
        let line = line(&spec(Boot::Uefi).uefi_vars(Path::new("/kept.fd")));
        assert!(line.contains("if=pflash,format=raw,file=/kept.fd"));
    }

    #[test]
    fn disks_come_in_order_after_the_cd() {
        let spec = spec(Boot::Bios)
            .cdrom(Path::new("/x.iso"))
            .disk(Path::new("/one"))
            .disk(Path::new("/two"));
        let line = line(&spec);
        let at = |needle: &str| line.find(needle).unwrap();
        assert!(at("/x.iso") < at("/one") && at("/one") < at("/two"));
    }
}
