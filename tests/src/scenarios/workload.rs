//! Pods, services and volumes, with an image that nobody serves.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::objects;
use crate::guest::{Guest, POD};
use crate::suite::{Lab, Scenario};

const ANSWER: &str = "k3os-answers";
/// The first numbers come with the second scrape.
const METRICS: Duration = Duration::from_secs(180);

/// Everything a node must do for its pods.
pub fn checks(scenario: Scenario) -> Scenario {
    answering(scenario)
        .check("kubectl_logs_shows_what_a_pod_said", logs)
        .check("kubectl_exec_runs_in_a_pod", exec)
        .check("kubectl_port_forward_reaches_a_pod", port_forward)
        .check("kubectl_top_has_numbers", top)
        .check("a_claim_keeps_data_over_a_pods_restart", claim)
}

/// The rest of [`checks`], for machines, with `--all`: a native node shows the same in every run.
pub fn rest_for_all(scenario: Scenario) -> Scenario {
    scenario
        .only_all("kubectl_logs_shows_what_a_pod_said", logs)
        .only_all("kubectl_exec_runs_in_a_pod", exec)
        .only_all("kubectl_port_forward_reaches_a_pod", port_forward)
        .only_all("kubectl_top_has_numbers", top)
        .only_all("a_claim_keeps_data_over_a_pods_restart", claim)
}

/// The least that shows that runtime, network, DNS and proxy work.
pub fn answering(scenario: Scenario) -> Scenario {
    scenario
        .gate("test_image_is_imported", |lab| {
            lab.guest()?.import_test_image(&lab.setup.artifacts)
        })
        .check("a_pod_answers_by_its_services_name", answer)
}

fn answer(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    serve(&guest, "web")?;
    guest.apply(&[objects::idle_pod("client")])?;
    guest.wait_pod("web")?;
    guest.wait_pod("client")?;
    for name in ["web", "web.default.svc.cluster.local"] {
        let ask = format!("kubectl exec client -- fetch {name} | grep -x {ANSWER}");
        guest.wait_root(&ask, POD)?;
    }
    Ok(())
}

fn serve(guest: &Guest, name: &str) -> Result<()> {
    guest.apply(&[objects::web_pod(name, ANSWER), objects::service(name)])
}

fn logs(lab: &mut Lab) -> Result<()> {
    let log = lab.guest()?.kubectl("logs web")?;
    ensure!(
        log.contains(&format!("serving {ANSWER}")),
        "reading the pod's log: '{log}'"
    );
    Ok(())
}

fn exec(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let said = guest.exec("web", "cat /tmp/www/index.html; echo $((6*7))")?;
    ensure!(
        said == format!("{ANSWER}\n42\n"),
        "running a command in the pod: it said '{said}'"
    );
    let failed = guest.try_root("kubectl exec web -- sh -c \"exit 3\"")?;
    ensure!(
        failed.status == 3,
        "running a failing command in the pod: {failed:?}"
    );
    Ok(())
}

/// bash opens the connection itself: no client is needed in the image.
const FORWARD: &str = r#"
kubectl port-forward pod/web 18080:8080 >/tmp/forward.log 2>&1 & pid=$!
trap "kill $pid" EXIT
for i in $(seq 120); do grep -q Forwarding /tmp/forward.log && break; sleep 0.5; done
bash -c "exec 3<>/dev/tcp/127.0.0.1/18080; printf \"GET / HTTP/1.0\r\n\r\n\" >&3; cat <&3" || cat /tmp/forward.log
"#;

fn port_forward(lab: &mut Lab) -> Result<()> {
    let said = lab.guest()?.root(FORWARD)?;
    ensure!(
        said.contains(ANSWER),
        "asking through port-forward: '{said}'"
    );
    Ok(())
}

fn top(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    guest.wait_root("kubectl top nodes --no-headers | grep -q Mi", METRICS)?;
    guest.wait_root("kubectl top pods --no-headers | grep -q ^web", METRICS)?;
    Ok(())
}

fn claim(lab: &mut Lab) -> Result<()> {
    let guest = lab.guest()?;
    let volume = objects::claimed("kept");
    let writer = "echo first > /data/file; touch /tmp/done; while :; do sleep 1; done";
    guest.apply(&[
        objects::claim("kept"),
        objects::pod_with_volume("keeper", writer, &volume),
    ])?;
    guest.wait_pod("keeper")?;
    guest.wait_root("kubectl exec keeper -- cat /tmp/done /data/file", POD)?;
    guest.kubectl("delete pod keeper --now --wait")?;
    let reader = "while :; do sleep 1; done";
    guest.apply(&[objects::pod_with_volume("keeper", reader, &volume)])?;
    guest.wait_pod("keeper")?;
    let kept = guest.exec("keeper", "cat /data/file")?;
    ensure!(
        kept == "first\n",
        "reading the claim from the second pod: '{kept}'"
    );
    guest
        .kubectl("delete pod keeper --now --wait=false")
        .map(drop)
}
