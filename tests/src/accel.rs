//! Which accelerator QEMU can really use here.
//!
//! `/dev/kvm` being there says little: nested and para-virtualised KVMs open it and then fail on the first
//! instruction they cannot run. So a machine of one boot sector is started, which tells most of them at once, and then one with
//! the release's kernel alone, which must come as far as missing its root: some run the sector and stand still in the kernel.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// How QEMU runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// The host's processor.
    Kvm,
    /// Translation: five to twenty times slower.
    Tcg,
}

/// What a guest's kernel says when TCG runs a breakpoint that the kernel put in place to change its own code, after it was
/// taken away again: two processors' translations of the same code disagree. QEMU 7.2 does so in about one boot of ten.
pub const FLAW: &str = "Oops: int3: 0000";

impl Accel {
    /// Whether a machine with this console fell to the accelerator's own flaw.
    pub fn has_failed(self, console: &str) -> bool {
        self == Self::Tcg && console.contains(FLAW)
    }

    /// The fastest accelerator that runs this kernel; `K3OS_ACCEL=kvm|tcg` decides instead of the probe.
    pub fn detect(kernel: &Path) -> Result<Self> {
        match std::env::var("K3OS_ACCEL").as_deref() {
            Ok("kvm") => Ok(Self::Kvm),
            Ok("tcg") => Ok(Self::Tcg),
            Ok(other) => bail!("reading K3OS_ACCEL: '{other}' is neither kvm nor tcg"),
            Err(_) => Ok(*PROBED.get_or_init(|| {
                if kvm_works(kernel) {
                    Self::Kvm
                } else {
                    Self::Tcg
                }
            })),
        }
    }

    /// QEMU's arguments. `-cx16`: TCG's cmpxchg16b has made guests double-fault. Nothing else may be taken away:
    /// without `svm`, QEMU 7.2 ran guests that went wrong in other places (readlink of /proc/self/exe among them).
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Kvm => &["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => &["-accel", "tcg,thread=multi", "-cpu", "max,-cx16"],
        }
    }
}

static PROBED: OnceLock<Accel> = OnceLock::new();

/// `mov al,0x10; out 0xf4,al; hlt`: isa-debug-exit turns the value into the exit status 2·0x10+1.
const PROBE_CODE: [u8; 5] = [0xb0, 0x10, 0xe6, 0xf4, 0xf4];
const PROBE_STATUS: i32 = 0x21;

fn kvm_works(kernel: &Path) -> bool {
    Path::new("/dev/kvm").exists()
        && run_sector().unwrap_or(false)
        && run_kernel(kernel).unwrap_or(false)
}

/// Whether the kernel, without initrd and disk, panics and resets the machine, which ends QEMU.
fn run_kernel(kernel: &Path) -> Result<bool> {
    let status = probe("20")
        .args(["-m", "512", "-no-reboot", "-append", "quiet panic=-1"])
        .arg("-kernel")
        .arg(kernel)
        .status()
        .context("starting the KVM probe's kernel")?;
    Ok(status.success())
}

/// QEMU for a machine that is ended after so many seconds, and says nothing.
fn probe(seconds: &str) -> Command {
    let mut command = Command::new("timeout");
    command
        .args([seconds, "qemu-system-x86_64"])
        .args(["-nodefaults", "-display", "none"])
        .args(Accel::Kvm.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn run_sector() -> Result<bool> {
    let mut disk = tempfile::NamedTempFile::new().context("making the KVM probe's disk")?;
    disk.write_all(&boot_sector())
        .context("writing the KVM probe's disk")?;
    let status = probe("10")
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=1"])
        .arg("-drive")
        .arg(format!("if=ide,format=raw,file={}", disk.path().display()))
        .status()
        .context("starting the KVM probe")?;
    Ok(status.code() == Some(PROBE_STATUS))
}

fn boot_sector() -> Vec<u8> {
    let mut sector = PROBE_CODE.to_vec();
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    sector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_breakpoint_is_the_emulators_fault_only_under_emulation() {
        let console = "login: [   74.404239] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI";
        assert!(Accel::Tcg.has_failed(console) && !Accel::Kvm.has_failed(console));
        assert!(!Accel::Tcg.has_failed("Kernel panic - not syncing: Attempted to kill init!"));
    }

    #[test]
    fn the_probe_is_one_bootable_sector() {
        let sector = boot_sector();
        assert_eq!(sector.len(), 512);
        assert_eq!(&sector[510..], [0x55, 0xaa]);
        assert!(sector.starts_with(&PROBE_CODE));
    }
}
