//! The watch over `/var`: when it fills up, whoever sits at the machine is told once, and told what fills it.
//!
//! It runs as a service of its own (`k3os-var-space.service`), not in PID 1: looking through a disk may take its time or
//! fail, and neither may reach the services. The same process keeps the time now and then: both are small and periodic, and
//! a process more is memory.

mod largest;
mod level;
mod message;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use system::console;
use system::space::{Space, space};
use system::usage::{Limits, Usage};

use level::{Levels, News};

use crate::clock;
use crate::first_stage::RUN;
use crate::notice::Notice;

/// How often the free space is asked for; that is one system call, and nothing tells when it changes.
const INTERVAL: Duration = Duration::from_secs(5);
/// Directories that share the file system of `/var` on a state partition and in memory, `/var` itself first.
const PLACES: [&str; 4] = ["/var", "/home", "/opt", "/root"];
/// How far the search goes: on a machine with more files than that, the large things are found all the same, because
/// it goes from the top down.
const LIMITS: Limits = Limits {
    entries: 500_000,
    time: Duration::from_secs(20),
};
/// How many things are named.
const NAMED: usize = 3;
/// Shown above the login prompt.
const NOTICE: Notice = Notice("60-var-space");

/// Watches for ever.
///
/// # Errors
/// When `/var` cannot be asked for its space.
pub fn watch() -> Result<std::convert::Infallible> {
    console::use_all();
    // Of a predecessor that was killed.
    let _ = NOTICE.remove(Path::new(RUN));
    let (mut levels, mut keeper) = (Levels::default(), clock::Keeper::default());
    loop {
        if let Err(error) = keeper.tick() {
            let _ = writeln!(io::stdout(), "{error:#}");
        }
        let space = space(Path::new(PLACES[0]))?;
        if let Some(news) = levels.take(space) {
            tell(news, space);
        }
        std::thread::sleep(INTERVAL);
    }
}

fn tell(news: News, space: Space) {
    let message = match news {
        News::Filling => describe(space),
        News::RoomAgain => message::room_again(space),
    };
    console::line(&message);
    // Into the service's log as well; that it takes nothing while /var is full is no reason to end.
    let _ = writeln!(io::stdout(), "{message}");
    if let Err(error) = show_at_login(news, &message) {
        let _ = writeln!(io::stdout(), "{error:#}");
    }
}

fn describe(space: Space) -> String {
    let usage = Usage::collect(&PLACES.map(PathBuf::from), LIMITS);
    message::filling(space, &largest::largest(&usage, NAMED))
}

fn show_at_login(news: News, message: &str) -> Result<()> {
    let run = Path::new(RUN);
    match news {
        News::Filling => NOTICE.show(run, message),
        News::RoomAgain => NOTICE.remove(run),
    }
}
