//! Read-only loop devices for squashfs images.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::errno::Errno;

// linux/loop.h
const LOOP_CTL_GET_FREE: u64 = 0x4C82;
const LOOP_CONFIGURE: u64 = 0x4C0A;
const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_DIRECT_IO: u32 = 16;

/// `struct loop_info64` of linux/loop.h.
#[repr(C)]
struct LoopInfo64 {
    numbers: [u64; 5],
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config` of linux/loop.h.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo64,
    reserved: [u64; 8],
}

/// A loop device; it vanishes by itself when its last user (the mount) is gone, so keep this until it is mounted.
#[derive(Debug)]
pub struct LoopDevice {
    path: PathBuf,
    _open: OwnedFd,
}

impl LoopDevice {
    /// The device node, such as `/dev/loop0`.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Attaches `file` read-only to a free loop device, by direct I/O where the file system under it can do that
/// (else every page would be cached twice).
///
/// # Errors
/// When the file or the loop control device cannot be opened, or no device can be had.
pub fn attach_read_only(file: &Path) -> Result<LoopDevice> {
    let backing = File::open(file).with_context(|| format!("opening {}", file.display()))?;
    let control = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/loop-control")
        .context("opening /dev/loop-control (is the module loop loaded?)")?;
    loop {
        let path = free_device(&control)?;
        let device = OpenOptions::new()
            .read(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        match configure(&device, &backing) {
            Ok(()) => {
                return Ok(LoopDevice {
                    path,
                    _open: device.into(),
                });
            }
            // Somebody else was quicker with this number: ask for the next one.
            Err(Errno::EBUSY) => {}
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("attaching {} to {}", file.display(), path.display())
                });
            }
        }
    }
}

fn free_device(control: &File) -> Result<PathBuf> {
    // SAFETY: the descriptor is open for the call, and this request takes no pointer.
    let number = unsafe { nix::libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) };
    let number = Errno::result(number).context("asking for a free loop device")?;
    Ok(PathBuf::from(format!("/dev/loop{number}")))
}

fn configure(device: &File, backing: &File) -> nix::Result<()> {
    let direct = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
    let buffered = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    configure_with(device, backing, direct).or_else(|error| match error {
        Errno::EINVAL => configure_with(device, backing, buffered),
        other => Err(other),
    })
}

fn configure_with(device: &File, backing: &File, flags: u32) -> nix::Result<()> {
    let info = LoopInfo64 {
        numbers: [0; 5],
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags,
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
    let fd = u32::try_from(backing.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    let config = LoopConfig {
        fd,
        block_size: 0,
        info,
        reserved: [0; 8],
    };
    // SAFETY: both descriptors are open, and `config` has the layout that linux/loop.h gives and outlives the call.
    let result = unsafe {
        nix::libc::ioctl(
            device.as_raw_fd(),
            LOOP_CONFIGURE as _,
            std::ptr::from_ref(&config),
        )
    };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_have_the_kernel_s_sizes() {
        assert_eq!(std::mem::size_of::<LoopInfo64>(), 232);
        assert_eq!(std::mem::size_of::<LoopConfig>(), 304);
    }
}
