//! An installation under way: what is mounted, what was begun, and how it is undone.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use system::mount::{self, Flags, Mount};
use system::{disk, gpt, partition};

use crate::grub::UNFINISHED;
use crate::layout::Slice;
use crate::plan::Plan;

/// How long readers of the disk are waited for: on a slow machine udev has a queue when an installation begins.
const READERS: Duration = Duration::from_secs(60);

/// The state of an installation.
pub(super) struct Work<'a> {
    pub(super) plan: &'a Plan,
    /// Where the state partition is mounted.
    pub(super) target: PathBuf,
    /// What is mounted there.
    pub(super) mounted: Option<PathBuf>,
    /// The new partitions, once the kernel knows them.
    pub(super) slices: Vec<Slice>,
    /// The GUID of the EFI system partition, once there is a table.
    pub(super) esp: Option<[u8; 16]>,
    /// The old content is gone, and the new one not yet complete.
    pub(super) erased: bool,
    /// udev reads a disk's table anew when somebody closes it, unless it is locked. That would take the partitions away, of
    /// which the table does not tell yet.
    _lock: Flock<File>,
}

impl<'a> Work<'a> {
    /// Locks the disk and clears up after an installation that was cut off.
    pub(super) fn begin(plan: &'a Plan, scratch: &Path) -> Result<Self> {
        let target = scratch.join("target");
        fs::create_dir_all(&target).with_context(|| format!("making {}", target.display()))?;
        mount::unmount_patiently(&target)?;
        let lock = lock(&plan.disk)?;
        check_free(plan)?;
        Ok(Self {
            plan,
            target,
            mounted: None,
            slices: Vec::new(),
            esp: None,
            erased: false,
            _lock: lock,
        })
    }

    /// Mounts the state partition.
    pub(super) fn mount(&mut self, device: &Path) -> Result<()> {
        Mount::device(device, &self.target, "ext4")
            .with_flags(Flags::MS_NODEV | Flags::MS_NOSUID | Flags::MS_NOEXEC)
            .perform()?;
        self.mounted = Some(device.to_path_buf());
        Ok(())
    }

    /// Mounts it read-only, so that what is read comes from the disk.
    pub(super) fn mount_fresh(&mut self) -> Result<()> {
        let device = self.unmount()?.context("nothing is mounted")?;
        partition::drop_cache(&device)?;
        Mount::device(&device, &self.target, "ext4")
            .with_flags(Flags::MS_RDONLY)
            .perform()?;
        self.mounted = Some(device);
        Ok(())
    }

    /// Mounts it for writing again.
    pub(super) fn mount_again(&mut self) -> Result<()> {
        let device = self.unmount()?.context("nothing is mounted")?;
        self.mount(&device)
    }

    /// Unmounts, which writes everything to disk. Gives what was mounted.
    pub(super) fn unmount(&mut self) -> Result<Option<PathBuf>> {
        if self.mounted.is_some() {
            mount::unmount_patiently(&self.target)?;
        }
        Ok(self.mounted.take())
    }

    /// Ends well.
    pub(super) fn finish(mut self) -> Result<()> {
        let device = self.unmount()?;
        device.map_or(Ok(()), |device| partition::drop_cache(&device))
    }

    /// Ends badly: nothing mounted, and a disk that was erased holds nothing that looks like a system.
    pub(super) fn abandon(&mut self) -> Result<()> {
        let unmounted = self.unmount().map(drop);
        if !self.erased {
            return unmounted;
        }
        let (disk, sector) = (&self.plan.disk, self.plan.sector);
        let destroyed = gpt::destroy(disk, sector, UNFINISHED);
        let forgotten = self
            .slices
            .iter()
            .try_for_each(|slice| partition::remove(disk, slice.number));
        unmounted.and(destroyed).and(forgotten)
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        // Only after a panic is anything mounted here; the next installation would clear up as well.
        let _ = self.unmount();
    }
}

/// Facts are old when somebody has answered a question: the disk must still be the same, and be used by nobody.
///
/// The claim is not kept, for the kernel would then mount no partition of it.
fn check_free(plan: &Plan) -> Result<()> {
    let Some(identity) = &plan.identity else {
        return Ok(());
    };
    identity.check(&disk::open(&plan.disk)?)?;
    let device = if plan.erases {
        plan.disk.clone()
    } else {
        plan.state_device()
    };
    ensure!(
        !disk::is_claimed(&device),
        "{} is in use: mounted, swap, or a part of a file system or RAID of several disks; nothing was written. Release it \
         (umount, swapoff, mdadm --stop, zpool export), or choose another disk",
        device.display()
    );
    Ok(())
}

/// Who holds the disk alone works on it. Readers, such as udev, which looks at a disk whenever somebody has closed it, are
/// waited for.
fn lock(disk: &Path) -> Result<Flock<File>> {
    let refused = |error| {
        anyhow!(
            "locking {}: {error}; another program works on this disk, end it first",
            disk.display()
        )
    };
    let file = match Flock::lock(open(disk)?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => return Ok(lock),
        Err((file, _)) => file,
    };
    // Let go at once: it only shows that all others are readers.
    Flock::lock(open(disk)?, FlockArg::LockSharedNonblock).map_err(|(_, error)| refused(error))?;
    lock_after_readers(file).map_err(refused)
}

fn lock_after_readers(file: File) -> Result<Flock<File>, Errno> {
    let (sender, receiver) = mpsc::channel();
    // When nobody waits for it any more, the lock is let go as soon as it is had.
    thread::spawn(move || sender.send(Flock::lock(file, FlockArg::LockExclusive)));
    match receiver.recv_timeout(READERS) {
        Ok(result) => result.map_err(|(_, error)| error),
        Err(_) => Err(Errno::ETIMEDOUT),
    }
}

fn open(disk: &Path) -> Result<File> {
    let opening = || format!("opening {} for writing", disk.display());
    let options = OpenOptions::new().read(true).write(true).open(disk);
    options.with_context(opening)
}
