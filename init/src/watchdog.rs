//! Feeds the hardware watchdog, from the first second of the first stage to the machine's end.
//!
//! A thread feeds the device, so that a driver that is slow never stops PID 1. It does so only while PID 1's main thread holds a
//! lease: every step of the boot takes one, the supervisor's loop renews its own in each turn, and the end of the machine has one
//! as well. When the main thread hangs, its lease runs out, nothing is fed, and the machine restarts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use system::boot_events::{Event, record};
use system::console;
use system::power::uptime_ms;
use system::watchdog::{Device, identity};

/// What a step of the boot may take before the machine counts as hanging. The longest waits of ours are minutes.
pub const STEP: Duration = Duration::from_secs(15 * 60);
/// The same for one whose length is the disk's, the network's or the owner's business: repair, download, commands.
pub const LONG: Duration = Duration::from_secs(4 * 60 * 60);
/// The same for the supervisor's loop, whose turns take milliseconds.
#[cfg(feature = "full")]
const TURN: Duration = Duration::from_secs(30);
/// When the device fires after the last feeding, unless `k3os.watchdog=` says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The shortest that can be asked for: a feeding must be missed twice before it counts.
const SHORTEST: u64 = 10;
const LONGEST: u64 = 3600;
/// How long the end of the machine waits for the thread to switch the device off.
#[cfg(feature = "full")]
const DISARMING: Duration = Duration::from_secs(2);

/// Until when the thread feeds, milliseconds since the kernel's start.
static LEASE: AtomicU64 = AtomicU64::new(0);
/// How the main thread reaches the feeding one.
static KEEPER: Mutex<Option<Sender<Sender<()>>>> = Mutex::new(None);

/// Lets the machine live for this long from now on.
pub fn allow(span: Duration) {
    let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    LEASE.store(uptime_ms().saturating_add(span), Ordering::Relaxed);
}

/// Lets it live until the next call of [`allow`]: a person is at work.
pub fn allow_for_ever() {
    LEASE.store(u64::MAX, Ordering::Relaxed);
}

/// Starts feeding, unless `k3os.watchdog=` forbids it; once in a stage. A device that turns up later is taken then.
pub fn start(switch: Option<&str>) {
    let timeout = match wanted(switch) {
        Ok(Some(timeout)) => timeout,
        Ok(None) => return,
        Err(message) => {
            console::line(&format!("  {message}"));
            TIMEOUT
        }
    };
    let (sender, receiver) = channel();
    *KEEPER.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    let device = open(timeout);
    let keeping = thread::Builder::new()
        .name("watchdog".into())
        .spawn(move || keep(device, timeout, &receiver));
    if let Err(error) = keeping {
        console::line(&format!("  starting to feed the watchdog: {error}"));
    }
}

/// Switches the device off: a machine that is to stay off or halted must not be restarted.
#[cfg(feature = "full")]
pub fn disarm() {
    let keeper = KEEPER.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (sender, done) = channel();
    if keeper.is_some_and(|keeper| keeper.send(sender).is_ok()) {
        let _ = done.recv_timeout(DISARMING);
    }
}

/// What `k3os.watchdog=` asks for; `None` where the device is not to be touched.
fn wanted(value: Option<&str>) -> Result<Option<Duration>, String> {
    match value {
        None => Ok(Some(TIMEOUT)),
        Some("off" | "no" | "false" | "0") => Ok(None),
        Some(text) => match text.trim_end_matches('s').parse() {
            Ok(seconds @ SHORTEST..=LONGEST) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(format!(
                "invalid k3os.watchdog={text}; valid: seconds from {SHORTEST} to {LONGEST}, or off; using {}",
                TIMEOUT.as_secs()
            )),
        },
    }
}

fn open(timeout: Duration) -> Option<Device> {
    match Device::open(timeout) {
        Ok(device) => {
            device.as_ref().inspect(|device| report(device));
            device
        }
        Err(error) => {
            console::log_to_kernel(&format!("watchdog: {error:#}"));
            None
        }
    }
}

fn report(device: &Device) {
    let seconds = device.timeout().as_secs();
    let name = identity();
    console::line(&format!(
        "  watchdog: {name} restarts the machine when it hangs for {seconds} s"
    ));
    record(&Event {
        at_ms: uptime_ms(),
        source: "watchdog".into(),
        event: format!("feeding {name}"),
        ms: None,
        error: None,
    });
}

/// The thread: feeds while there is a lease, looks for a device while there is none, and ends by switching it off.
fn keep(mut device: Option<Device>, timeout: Duration, requests: &Receiver<Sender<()>>) {
    loop {
        if device.is_none() {
            device = open(timeout);
        }
        if uptime_ms() < LEASE.load(Ordering::Relaxed)
            && let Some(device) = &device
        {
            let _ = device.feed();
        }
        let limit = device.as_ref().map_or(timeout, Device::timeout);
        match requests.recv_timeout(limit / 4) {
            Ok(done) => {
                if let Some(Err(error)) = device.map(Device::disarm) {
                    console::line(&format!("{error:#}"));
                }
                let _ = done.send(());
                return;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::park(),
        }
    }
}

/// The lease of the supervisor's loop.
#[cfg(feature = "full")]
pub struct LoopLease;

#[cfg(feature = "full")]
impl supervisor::Watchdog for LoopLease {
    fn interval(&self) -> Duration {
        TURN / 3
    }

    fn feed(&mut self) {
        allow(TURN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_decides() {
        let seconds = |text| wanted(Some(text)).map(|span| span.map(|span| span.as_secs()));
        assert_eq!(wanted(None), Ok(Some(TIMEOUT)));
        assert_eq!(seconds("30"), Ok(Some(30)));
        assert_eq!(seconds("30s"), Ok(Some(30)));
        assert_eq!(seconds("off"), Ok(None));
        for wrong in ["", "9", "3601", "-1", "1m", "99999999999999999999"] {
            let message = seconds(wrong).unwrap_err();
            assert!(
                message.starts_with(&format!("invalid k3os.watchdog={wrong}; valid: ")),
                "{message}"
            );
        }
    }
}
