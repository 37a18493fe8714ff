//! GRUB's images for BIOS, made to fit the place where they lie. grub-install does the same (GRUB's util/setup.c and
//! include/grub/i386/pc/boot.h name the places).

use anyhow::{Context, Result, ensure};

/// BIOS counts in these.
const SECTOR: u64 = 512;
/// The code in the first sector; behind it lie the disk's signature and the partitions.
const CODE: usize = 440;
/// GRUB_BOOT_MACHINE_KERNEL_SECTOR: where boot.img finds the core image.
const KERNEL_SECTOR: usize = 0x5c;
/// GRUB_BOOT_MACHINE_DRIVE_CHECK: a jump that makes boot.img trust the drive number of the BIOS.
const DRIVE_CHECK: usize = 0x66;
/// In the core image's first sector: the first of its list of blocks (start, length, segment), which grows downwards.
const BLOCK_LIST: usize = 0x1f4;
/// GRUB_BOOT_I386_PC_KERNEL_SEG and one sector.
const SEGMENT: u16 = 0x820;
const NOP: u8 = 0x90;

/// What the first sector says while an installation is not finished. It prints a line, waits some seconds, and lets the BIOS
/// go on with the next device, where the medium may be.
pub const UNFINISHED: &[u8] = &UNFINISHED_CODE;

const MESSAGE: &[u8] =
    b"\r\nk3OS: the installation of this disk was not finished; install it again.\r\n\0";

const UNFINISHED_CODE: [u8; PROGRAM.len() + MESSAGE.len()] = {
    let mut code = [0; PROGRAM.len() + MESSAGE.len()];
    let mut at = 0;
    while at < code.len() {
        code[at] = if at < PROGRAM.len() {
            PROGRAM[at]
        } else {
            MESSAGE[at - PROGRAM.len()]
        };
        at += 1;
    }
    code
};

/// The BIOS puts it at 0x7c00 in real mode; the message follows it.
const PROGRAM: [u8; 36] = [
    0x31, 0xc0, // xor ax, ax
    0x8e, 0xd8, // mov ds, ax
    0xfc, // cld
    0xbe, 0x24, 0x7c, // mov si, 0x7c24: the message
    0xac, // next: lodsb
    0x08, 0xc0, // or al, al
    0x74, 0x09, // jz done
    0xb4, 0x0e, // mov ah, 0x0e: teletype
    0xbb, 0x07, 0x00, // mov bx, 7
    0xcd, 0x10, // int 0x10
    0xeb, 0xf2, // jmp next
    0xb4, 0x86, // done: mov ah, 0x86: wait cx:dx microseconds
    0xb9, 0x4c, 0x00, // mov cx, 0x4c: five seconds
    0x31, 0xd2, // xor dx, dx
    0xcd, 0x15, // int 0x15
    0xcd, 0x18, // int 0x18: next device
    0xf4, // stop: hlt
    0xeb, 0xfd, // jmp stop
];

/// The code of the first sector, for a core image that begins at this byte of the disk.
///
/// # Errors
/// When `boot_img` is not GRUB's boot.img.
pub fn boot_code(boot_img: &[u8], core_at: u64) -> Result<Vec<u8>> {
    ensure!(
        boot_img.len() == 512 && boot_img.ends_with(&[0x55, 0xaa]),
        "GRUB's boot.img is not a boot sector"
    );
    let mut code = boot_img.get(..CODE).unwrap_or_default().to_vec();
    patch(&mut code, KERNEL_SECTOR, &(core_at / SECTOR).to_le_bytes())?;
    patch(&mut code, DRIVE_CHECK, &[NOP, NOP])?;
    Ok(code)
}

/// The core image, for its place at this byte of the disk with room for `room` bytes.
///
/// # Errors
/// When it is no core image, or does not fit.
pub fn core_image(core_img: &[u8], core_at: u64, room: u64) -> Result<Vec<u8>> {
    let sectors = (core_img.len() as u64).div_ceil(SECTOR);
    ensure!(
        sectors > 1 && sectors * SECTOR <= room,
        "GRUB's core.img has {} bytes, and its partition {room}",
        core_img.len()
    );
    let mut image = core_img.to_vec();
    image.resize(usize::try_from(sectors * SECTOR)?, 0);
    let rest = u16::try_from(sectors - 1).context("counting the core image's sectors")?;
    let mut block = (core_at / SECTOR + 1).to_le_bytes().to_vec();
    block.extend(rest.to_le_bytes());
    block.extend(SEGMENT.to_le_bytes());
    patch(&mut image, BLOCK_LIST, &block)?;
    Ok(image)
}

fn patch(image: &mut [u8], at: usize, bytes: &[u8]) -> Result<()> {
    image
        .get_mut(at..at + bytes.len())
        .context("the image is too short")?
        .copy_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_know_where_they_lie() {
        let mut boot = vec![0xeb; 512];
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        let code = boot_code(&boot, 1 << 20).unwrap();
        assert_eq!(code.len(), 440);
        assert_eq!(code[0x5c..0x64], 2048_u64.to_le_bytes());
        assert_eq!(code[0x66..0x68], [0x90, 0x90]);

        let core = core_image(&[1; 1300], 1 << 20, 1 << 20).unwrap();
        assert_eq!(core.len(), 1536);
        assert_eq!(core[0x1f4..0x1fc], 2049_u64.to_le_bytes());
        assert_eq!(core[0x1fc..0x200], [2, 0, 0x20, 0x08]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(boot_code(&[0; 512], 0).is_err());
        assert!(core_image(&[0; 4096], 0, 2048).is_err());
        assert!(core_image(&[0; 10], 0, 2048).is_err());
    }

    #[test]
    fn the_unfinished_sector_s_message_is_where_its_program_looks() {
        assert!(UNFINISHED.len() <= CODE);
        let at = usize::from(UNFINISHED[6]);
        assert!(UNFINISHED[at..].starts_with(b"\r\nk3OS: the installation"));
    }
}
