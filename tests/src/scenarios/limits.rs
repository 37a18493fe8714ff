//! What pods and clients of the API may take from the machine: never the way in. A fork bomb, a pod that eats all memory it was
//! promised, and a flood of requests, each while somebody logs in.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::objects;
use crate::guest::{Guest, POD, READY};
use crate::suite::{Lab, Scenario};

/// How much longer than on the idle machine a login may take. Under TCG a login alone takes a second or two.
const LATER: Duration = Duration::from_secs(2);
/// Logins in a row, some seconds apart by their own time.
const LOGINS: usize = 6;
/// Memory that pods of the system have asked for, and some more, MiB.
const OTHERS: u64 = 400;
const CLIENTS: usize = 40;
/// Each child makes two more; `wait` keeps the container's first process.
const BOMB: &str = "trap '' TERM; f() { f | f & }; f; while :; do sleep 1; done";

/// The scenario.
pub fn scenario() -> Scenario {
    Scenario::full("limits")
        .gate("boots_to_ready_offline", super::live::boot)
        .gate("test_image_is_imported", |lab| {
            lab.guest()?.import_test_image(&lab.setup.artifacts)
        })
        .gate("a_login_on_the_idle_machine_is_timed", idle)
        .check("a_fork_bomb_leaves_ssh_and_the_node", fork_bomb)
        .check("a_guaranteed_pod_cannot_eat_the_machine", memory)
        .check("a_flood_of_requests_leaves_ssh_and_the_api", flood)
}

fn idle(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.wait_system_pods(READY)?;
    let took = login(&guest)?;
    lab.noted = Some(took.as_millis().to_string());
    Ok(())
}

fn login(guest: &Guest) -> Result<Duration> {
    let begun = Instant::now();
    guest.ssh.check("true")?;
    Ok(begun.elapsed())
}

/// Logs in some times; the longest may be [`LATER`] later than on the idle machine.
fn logins_stay_quick(lab: &Lab, guest: &Guest) -> Result<()> {
    let idle = lab
        .noted
        .as_deref()
        .context("no login was timed")?
        .parse()?;
    let allowed = Duration::from_millis(idle) + LATER;
    let mut longest = Duration::ZERO;
    for _ in 0..LOGINS {
        longest = longest.max(login(guest)?);
    }
    eprintln!(
        "      idle: {idle} ms; longest login: {} ms",
        longest.as_millis()
    );
    ensure!(
        longest < allowed,
        "logging in took {longest:?}; {allowed:?} were allowed"
    );
    Ok(())
}

fn is_ready(guest: &Guest) -> Result<()> {
    let status = "get nodes -o jsonpath={.items[0].status.conditions[?(@.type==\"Ready\")].status}";
    let said = guest.kubectl(&status.replace('"', "\\\""))?;
    ensure!(said == "True", "the node is Ready={said}");
    Ok(())
}

fn fork_bomb(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.apply(&[objects::pod("bomb", BOMB)])?;
    guest.wait_pod("bomb")?;
    let checked = logins_stay_quick(lab, &guest).and_then(|()| is_ready(&guest));
    let processes = guest.root("ls -d /proc/[0-9]* | wc -l")?;
    eprintln!("      {} processes under the fork bomb", processes.trim());
    guest.kubectl("delete pod bomb --force --grace-period=0 --wait=false")?;
    checked?;
    guest.start_fresh_pod("after-the-bomb")
}

/// All that the scheduler gives: the class Guaranteed is the last that the kernel would kill, after ssh.
fn memory(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let nodes = guest.get("nodes")?;
    let allocatable = nodes["items"][0]["status"]["allocatable"]["memory"].as_str();
    let kibibytes = allocatable.and_then(|text| text.strip_suffix("Ki"));
    let kibibytes: u64 = kibibytes.context("reading the node's memory")?.parse()?;
    let amounts = json!({"cpu": "100m", "memory": format!("{}Mi", kibibytes / 1024 - OTHERS)});
    let mut pod = objects::pod("hog", "sleep 5; exec busybox tail /dev/zero");
    pod["spec"]["restartPolicy"] = json!("Never");
    pod["spec"]["containers"][0]["resources"] = json!({"requests": amounts, "limits": amounts});
    guest.apply(&[pod])?;
    guest.wait_pod("hog")?;
    logins_stay_quick(lab, &guest)?;
    let killed = "kubectl get pod hog -o jsonpath={.status.containerStatuses[0].state.terminated.exitCode} | grep -x 137";
    guest.wait_root(killed, POD)?;
    is_ready(&guest)?;
    guest.kubectl("delete pod hog --now --wait=false")?;
    guest.root("systemctl is-active ssh k3s").map(drop)
}

fn flood(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.kubectl("create serviceaccount flood")?;
    guest.kubectl(
        "create clusterrolebinding flood --clusterrole=view --serviceaccount=default:flood",
    )?;
    let token = guest.kubectl("create token flood")?;
    let port = lab.machine()?.ports().api;
    let _flood = Flood::start(token.trim(), port)?;
    logins_stay_quick(lab, &guest)?;
    let begun = Instant::now();
    guest.kubectl("get nodes")?;
    eprintln!(
        "      kubectl under the flood: {} ms",
        begun.elapsed().as_millis()
    );
    is_ready(&guest)
}

/// Clients on the host that ask for all pods and events, again and again; they end with this.
struct Flood(Vec<Child>);

impl Flood {
    fn start(token: &str, port: u16) -> Result<Self> {
        let script = "while :; do curl -ks -o /dev/null -H \"Authorization: Bearer $1\" \
                      https://127.0.0.1:$2/api/v1/pods https://127.0.0.1:$2/api/v1/events; done";
        let client = |_| {
            Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "sh", "-c", script, "sh", token])
                .arg(port.to_string())
                .stdout(Stdio::null())
                .spawn()
                .context("starting a client")
        };
        (0..CLIENTS).map(client).collect::<Result<_>>().map(Self)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
