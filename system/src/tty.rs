//! Where the person sits who started this process.

use std::fs;
use std::path::Path;

/// More processes than this are not above one another.
const DEPTH: usize = 64;

/// The kernel's names (`tty1`, `ttyS0`) of the terminals of this process and of those that started it, its own first. Terminals
/// that are none of hardware are left out: sudo gives one to what it starts, and ssh has no other.
pub fn terminals() -> Vec<String> {
    let read = |process: u32| fs::read_to_string(format!("/proc/{process}/stat")).ok();
    let mut names: Vec<String> = numbers(std::process::id(), &read)
        .into_iter()
        .filter_map(name)
        .collect();
    names.dedup();
    names
}

/// Major and minor numbers of the controlling terminals, from a process upwards.
fn numbers(process: u32, read: &dyn Fn(u32) -> Option<String>) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    let mut next = process;
    for _ in 0..DEPTH {
        let Some((parent, terminal)) = read(next).as_deref().and_then(parse) else {
            break;
        };
        found.extend(terminal);
        next = parent;
    }
    found
}

/// Parent and terminal, of proc_pid_stat(5). The program's name, in parentheses, may hold blanks and parentheses.
fn parse(stat: &str) -> Option<(u32, Option<(u32, u32)>)> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let number: i32 = fields.nth(2)?.parse().ok()?;
    let number = number.cast_unsigned();
    let major = (number >> 8) & 0xfff;
    let minor = (number & 0xff) | ((number >> 12) & 0xf_ff00);
    Some((parent, (number != 0).then_some((major, minor))))
}

/// A terminal of hardware has a directory in sysfs.
fn name((major, minor): (u32, u32)) -> Option<String> {
    let link = Path::new("/sys/dev/char").join(format!("{major}:{minor}"));
    let directory = fs::read_link(link).ok()?;
    Some(directory.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sudo k3os install` on ttyS0, as a sudo with `use_pty` starts it.
    fn stat(process: u32) -> Option<String> {
        let (name, parent, terminal) = match process {
            30 => ("k3os", 29, 34816),
            29 => ("sudo", 28, 0),
            28 => ("sudo", 27, 1088),
            27 => ("a) b (c", 1, 1088),
            1 => ("init", 0, 0),
            _ => return None,
        };
        Some(format!(
            "{process} ({name}) S {parent} {process} {process} {terminal} -1 0\n"
        ))
    }

    #[test]
    fn the_terminals_of_those_above_are_found_behind_sudo_s_own() {
        assert_eq!(numbers(30, &stat), [(136, 0), (4, 64), (4, 64)]);
        assert!(numbers(2, &stat).is_empty());
    }

    #[test]
    fn a_process_is_not_its_own_ancestor_for_ever() {
        let circle = |_| Some("5 (x) S 5 5 5 1025 0\n".to_owned());
        assert_eq!(numbers(5, &circle).len(), DEPTH);
    }

    #[test]
    fn large_minor_numbers_are_put_together() {
        let (_, terminal) = parse("9 (x) S 1 9 9 3180545 0").unwrap();
        assert_eq!(terminal, Some((136, 769)));
    }
}
