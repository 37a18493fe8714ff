//! `print!` and its kin without the panic: a full disk or a closed pipe behind standard output or standard error ends no program.
//!
//! A crate takes them in place of std's with `#[macro_use] extern crate system;` in its root; clippy.toml keeps std's out.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static IS_INCOMPLETE: AtomicBool = AtomicBool::new(false);

/// Whether something that was printed did not arrive for another reason than a reader that left. A command that was to print
/// has failed then; a service goes on.
pub fn is_incomplete() -> bool {
    IS_INCOMPLETE.load(Ordering::Relaxed)
}

/// What the macros do; of standard output's failures a note is kept.
#[doc(hidden)]
pub fn print(to: &mut impl Write, text: Arguments<'_>) {
    let written = to.write_fmt(text).and_then(|()| to.flush());
    if written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        IS_INCOMPLETE.store(true, Ordering::Relaxed);
    }
}

/// std's, without the panic.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => {
        $crate::output::print(&mut ::std::io::stdout().lock(), ::std::format_args!($($text)*))
    };
}

/// std's, without the panic.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($text:tt)*) => { $crate::print!("{}\n", ::std::format_args!($($text)*)) };
}

/// std's, without the panic.
#[macro_export]
macro_rules! eprint {
    ($($text:tt)*) => {
        $crate::output::print(&mut ::std::io::stderr().lock(), ::std::format_args!($($text)*))
    };
}

/// std's, without the panic.
#[macro_export]
macro_rules! eprintln {
    () => { $crate::eprint!("\n") };
    ($($text:tt)*) => { $crate::eprint!("{}\n", ::std::format_args!($($text)*)) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_full_disk_is_noted_and_ends_nothing() {
        print(&mut Vec::new(), format_args!("x"));
        let mut closed = std::io::pipe().unwrap().1;
        print(&mut closed, format_args!("x"));
        assert!(!is_incomplete());
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        print(&mut full, format_args!("{}\n", 1));
        assert!(is_incomplete());
    }
}
