//! The thread that writes the logs' files: their disk may be full, slow, or stand still, and PID 1 goes on.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{LAST_LINES, rotated};

/// How many bytes wait for the disk, of all logs together; what comes then is lost, and counted.
pub const MOST_WAITING: usize = 4 << 20;

/// After so long for one write it is said that the disk does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A log as it and the thread see it.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Lines that were not written since the last that were.
    pub(super) lost: u64,
    /// Why lines are not written, while they are not.
    pub(super) error: Option<String>,
}

pub(super) type SharedState = Arc<Mutex<State>>;

/// Lines for a file.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) path: PathBuf,
    pub(super) most_bytes: u64,
    pub(super) text: String,
    pub(super) count: u64,
    /// Lines before these that found no room to wait.
    pub(super) lost: u64,
    pub(super) stamp: String,
    pub(super) state: SharedState,
}

#[derive(Debug)]
enum Job {
    Write(Lines),
    Answer(SyncSender<()>),
}

/// What both sides know.
#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicUsize,
    news: Mutex<Vec<String>>,
    /// When the write under way began.
    busy_since: Mutex<Option<Instant>>,
}

/// The thread's other side. Clones write to the same thread; the default has none, and loses every line.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    jobs: Option<Sender<Job>>,
    shared: Arc<Shared>,
}

/// The guarded values are whole at every moment: a panic elsewhere leaves them of use.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    /// Starts the thread. It inherits the caller's signal mask: PID 1 blocks its signals first.
    ///
    /// Without a thread (no memory is left) every line is counted as lost.
    pub fn start() -> Self {
        let (jobs, waiting) = channel();
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("logs".to_owned());
        let spawned = thread.spawn(move || work(&waiting, &theirs));
        Self {
            jobs: spawned.is_ok().then_some(jobs),
            shared,
        }
    }

    /// Hands lines over; returns whether there was room. Never waits.
    pub(super) fn write(&self, lines: Lines) -> bool {
        let length = lines.text.len();
        let waiting = self.shared.waiting.fetch_add(length, Ordering::SeqCst);
        if waiting + length > MOST_WAITING {
            self.shared.waiting.fetch_sub(length, Ordering::SeqCst);
            let error = io::Error::other("the disk does not answer");
            report(&self.shared, &lines, &error);
            return false;
        }
        let unsent = match &self.jobs {
            Some(jobs) => jobs.send(Job::Write(lines)).err().map(|error| error.0),
            None => Some(Job::Write(lines)),
        };
        if let Some(Job::Write(lines)) = unsent {
            let error = io::Error::other("the thread that writes logs does not run");
            fail(&self.shared, &lines, &error);
        }
        true
    }

    /// What is to be told about the logs since the last call.
    pub fn take_news(&self) -> Vec<String> {
        let mut news = std::mem::take(&mut *lock(&self.shared.news));
        let mut busy = lock(&self.shared.busy_since);
        if busy.is_some_and(|since| since.elapsed() > PATIENCE) {
            // Once for each write.
            *busy = None;
            let seconds = PATIENCE.as_secs();
            let most = MOST_WAITING >> 20;
            news.push(format!(
                "the disk of the services' logs has not answered for {seconds} s; services go on, up to {most} MiB of lines wait in memory"
            ));
        }
        news
    }

    /// Waits until all that was handed over is written, at most for `patience`; says whether it is.
    pub fn finish(&self, patience: Duration) -> bool {
        let (answer, answered) = sync_channel(1);
        let sent = self
            .jobs
            .as_ref()
            .map(|jobs| jobs.send(Job::Answer(answer)));
        sent.is_some_and(|sent| sent.is_ok()) && answered.recv_timeout(patience).is_ok()
    }
}

/// Counts lines as lost; the first ones are told.
fn fail(shared: &Shared, lines: &Lines, error: &io::Error) {
    lock(&lines.state).lost += lines.lost + lines.count;
    report(shared, lines, error);
}

fn report(shared: &Shared, lines: &Lines, error: &io::Error) {
    let path = lines.path.display();
    let text =
        format!("writing {path}: {error}; only the last {LAST_LINES} lines are kept, in memory");
    let mut state = lock(&lines.state);
    if state.error.replace(text.clone()).is_none() {
        lock(&shared.news).push(text);
    }
}

fn work(jobs: &Receiver<Job>, shared: &Shared) {
    let mut files = BTreeMap::new();
    for job in jobs {
        match job {
            Job::Write(lines) => {
                *lock(&shared.busy_since) = Some(Instant::now());
                write_lines(&mut files, shared, &lines);
                *lock(&shared.busy_since) = None;
                shared.waiting.fetch_sub(lines.text.len(), Ordering::SeqCst);
            }
            // Who asked may have gone.
            Job::Answer(answer) => drop(answer.send(())),
        }
    }
}

fn write_lines(files: &mut BTreeMap<PathBuf, OpenLog>, shared: &Shared, lines: &Lines) {
    let lost = lock(&lines.state).lost + lines.lost;
    let text = match lost {
        0 => lines.text.clone(),
        lost => format!(
            "{} [k3os] {lost} lines before this could not be written\n{}",
            lines.stamp, lines.text
        ),
    };
    match append(files, &lines.path, lines.most_bytes, text.as_bytes()) {
        Ok(()) => {
            let mut state = lock(&lines.state);
            (state.lost, state.error) = (0, None);
        }
        Err(error) => {
            files.remove(&lines.path);
            fail(shared, lines, &error);
        }
    }
}

fn append(
    files: &mut BTreeMap<PathBuf, OpenLog>,
    path: &Path,
    most_bytes: u64,
    text: &[u8],
) -> io::Result<()> {
    let is_full = |log: &OpenLog| log.size > 0 && log.size + text.len() as u64 > most_bytes;
    if files.get(path).is_some_and(is_full) {
        files.remove(path);
        fs::rename(path, rotated(path))?;
    }
    if !files.contains_key(path) {
        files.insert(path.to_owned(), OpenLog::open(path)?);
    }
    files.get_mut(path).map_or(Ok(()), |log| log.append(text))
}

#[derive(Debug)]
struct OpenLog {
    file: File,
    size: u64,
}

impl OpenLog {
    fn open(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(text) {
            // A full disk may have taken the beginning: no half line is left before the next one. Who empties the
            // file by hand has made it shorter, and shorter it stays.
            if self
                .file
                .metadata()
                .is_ok_and(|meta| meta.len() > self.size)
            {
                let _ = self.file.set_len(self.size);
            }
            return Err(error);
        }
        self.size += text.len() as u64;
        Ok(())
    }
}
