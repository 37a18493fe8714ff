//! One child: started, watched, started again, stopped.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::backoff::Backoff;
use super::orphans;
use super::output::Output;

/// What to run.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name in the log.
    pub name: &'static str,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Variables added to our own.
    pub environment: Vec<(&'static str, String)>,
    /// cgroup to run in.
    pub cgroup: Option<PathBuf>,
    /// Where its process id is kept.
    pub pid_file: PathBuf,
    /// Print everything it prints.
    pub verbose: bool,
}

enum Order {
    /// Send the signal; SIGKILL when the process is still there after the time. Do not start it again.
    Stop(Signal, Duration),
    /// End it and start it again at once.
    Restart,
}

/// A child that is kept running until it is stopped.
pub struct Service {
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

/// Time for a child that is to be started again.
const RESTART_GRACE: Duration = Duration::from_secs(5);

impl Service {
    /// Ends what an earlier run left over, then starts.
    pub fn start(spec: Spec) -> Self {
        let (orders, received) = mpsc::unbounded_channel();
        Service {
            orders,
            task: tokio::spawn(keep_running(spec, received)),
        }
    }

    /// Ends the process and starts it again.
    pub fn restart(&self) {
        // Fails only when the service has been stopped; then there is nothing to restart.
        let _ = self.orders.send(Order::Restart);
    }

    /// Sends `signal` and waits until the process has ended, by SIGKILL after `grace`.
    pub async fn stop(self, signal: Signal, grace: Duration) {
        let _ = self.orders.send(Order::Stop(signal, grace));
        let _ = self.task.await;
    }
}

async fn keep_running(spec: Spec, mut orders: mpsc::UnboundedReceiver<Order>) {
    orphans::end(spec.pid_file.clone(), &spec.command).await;
    let output = Output::new(spec.name, spec.verbose);
    let mut backoff = Backoff::default();
    loop {
        let started = Instant::now();
        let outcome = match spawn(&spec, &output) {
            Ok(mut child) => watch(&spec, &output, &mut child, &mut orders).await,
            Err(error) => Outcome::Died(format!("did not start: {error}")),
        };
        let wait = match outcome {
            Outcome::Stopped => break,
            Outcome::Restarted => continue,
            Outcome::Died(how) => {
                output.print_kept();
                let wait = backoff.after(started.elapsed());
                println!(
                    "k3s: {} {how}; starting it again in {:.1} s",
                    spec.name,
                    wait.as_secs_f64()
                );
                wait
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            order = orders.recv() => if !matches!(order, Some(Order::Restart)) { break },
        }
    }
    let _ = std::fs::remove_file(&spec.pid_file);
}

enum Outcome {
    Stopped,
    Restarted,
    Died(String),
}

fn spawn(spec: &Spec, output: &Output) -> std::io::Result<Child> {
    let mut command = command(spec)?;
    let mut child = command
        .envs(spec.environment.iter().map(|(name, value)| (name, value)))
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    if let Some(pid) = child.id() {
        orphans::remember(&spec.pid_file, pid);
    }
    if let Some(stream) = child.stdout.take() {
        tokio::spawn(output.clone().relay(stream));
    }
    if let Some(stream) = child.stderr.take() {
        tokio::spawn(output.clone().relay(stream));
    }
    Ok(child)
}

/// The command itself, or by way of `internal-exec` where it has a cgroup.
fn command(spec: &Spec) -> std::io::Result<Command> {
    let mut words = spec.command.iter();
    let program = words
        .next()
        .ok_or_else(|| std::io::Error::other("there is no program"))?;
    let Some(cgroup) = &spec.cgroup else {
        let mut command = Command::new(program);
        command.args(words);
        return Ok(command);
    };
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("internal-exec")
        .arg(cgroup)
        .arg("--")
        .arg(program)
        .args(words);
    Ok(command)
}

async fn watch(
    spec: &Spec,
    output: &Output,
    child: &mut Child,
    orders: &mut mpsc::UnboundedReceiver<Order>,
) -> Outcome {
    tokio::select! {
        status = child.wait() => Outcome::Died(how_it_ended(status)),
        order = orders.recv() => match order {
            Some(Order::Restart) => {
                end(spec, child, Signal::SIGTERM, RESTART_GRACE).await;
                Outcome::Restarted
            }
            Some(Order::Stop(signal, grace)) => {
                output.hush();
                end(spec, child, signal, grace).await;
                Outcome::Stopped
            }
            None => {
                end(spec, child, Signal::SIGTERM, RESTART_GRACE).await;
                Outcome::Stopped
            }
        },
    }
}

async fn end(spec: &Spec, child: &mut Child, signal: Signal, grace: Duration) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended by itself just now.
        let _ = kill(Pid::from_raw(pid), signal);
    }
    if tokio::time::timeout(grace, child.wait()).await.is_err() {
        println!(
            "k3s: {} did not end within {:.0} s of {signal}: killing it",
            spec.name,
            grace.as_secs_f64()
        );
        let _ = child.kill().await;
    }
}

fn how_it_ended(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("ended ({status})"),
        Err(error) => format!("was lost: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(dir: &tempfile::TempDir, script: &str) -> Spec {
        Spec {
            name: "test",
            command: vec!["/bin/sh".into(), "-c".into(), script.into()],
            environment: vec![("MARK", dir.path().join("mark").display().to_string())],
            cgroup: None,
            pid_file: dir.path().join("test.pid"),
            verbose: false,
        }
    }

    fn run<F: Future>(future: F) -> anyhow::Result<F::Output> {
        Ok(tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(future))
    }

    async fn lines(dir: &tempfile::TempDir, wanted: usize) -> usize {
        for _ in 0..300 {
            let count = std::fs::read_to_string(dir.path().join("mark"))
                .unwrap_or_default()
                .lines()
                .count();
            if count >= wanted {
                return count;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        0
    }

    #[test]
    fn a_child_that_dies_is_started_again_until_it_is_stopped() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        run(async {
            let service = Service::start(spec(&dir, "echo x >> $MARK"));
            assert!(lines(&dir, 2).await >= 2);
            service.stop(Signal::SIGTERM, Duration::from_secs(1)).await;
            assert!(!dir.path().join("test.pid").exists());
        })
    }

    #[test]
    fn stopping_sends_the_signal_and_waits() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        run(async {
            let script = "trap 'echo end >> $MARK; exit 0' USR1; echo x >> $MARK; while :; do sleep 0.01; done";
            let service = Service::start(spec(&dir, script));
            assert_eq!(lines(&dir, 1).await, 1);
            service.stop(Signal::SIGUSR1, Duration::from_secs(5)).await;
            assert_eq!(
                std::fs::read_to_string(dir.path().join("mark")).unwrap_or_default(),
                "x\nend\n"
            );
        })
    }

    #[test]
    fn a_leftover_child_is_ended_first() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let spec = spec(&dir, "echo x >> $MARK; exec sleep 60");
        let mut left = std::process::Command::new("/bin/sleep").arg("60").spawn()?;
        // The kernel sets the command line a moment after the program has started.
        while std::fs::read(format!("/proc/{}/cmdline", left.id()))?.is_empty() {
            std::thread::yield_now();
        }
        std::fs::write(&spec.pid_file, left.id().to_string())?;
        run(async {
            orphans::end(spec.pid_file.clone(), &["/bin/sleep".into(), "61".into()]).await;
            assert!(
                left.try_wait().is_ok_and(|status| status.is_none()),
                "another program was ended"
            );
        })?;
        std::fs::write(&spec.pid_file, left.id().to_string())?;
        let reaper = std::thread::spawn(move || left.wait());
        run(orphans::end(
            spec.pid_file.clone(),
            &["/bin/sleep".into(), "60".into()],
        ))?;
        assert!(
            reaper
                .join()
                .is_ok_and(|status| status.is_ok_and(|s| !s.success()))
        );
        Ok(())
    }
}
