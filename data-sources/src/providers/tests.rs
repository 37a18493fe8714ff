//! Each service by the replies that it gives; see tests/replies.

use std::path::PathBuf;

use anyhow::bail;

use super::*;
use crate::http::{Method, Request, Response};
use crate::media::{Files, Volume};
use crate::search::search;

/// One reply of a file: `=== METHOD URL STATUS [low-port]`, `> HEADER: VALUE` lines, the body.
struct Reply {
    request: Request,
    response: Response,
}

/// Answers what its replies say, and 404 to everything else. Asked without the right header lines, it answers 401.
struct Canned(Vec<Reply>);

impl Canned {
    fn new(text: &str) -> Self {
        let texts = text.split("=== ").skip(1);
        Self(texts.map(reply).collect())
    }
}

fn reply(text: &str) -> Reply {
    let (head, mut rest) = text.split_once('\n').expect("a first line");
    let words: Vec<_> = head.split(' ').collect();
    let mut headers = Vec::new();
    while let Some((line, behind)) = rest
        .strip_prefix("> ")
        .and_then(|rest| rest.split_once('\n'))
    {
        let (name, value) = line.split_once(": ").expect("a header line");
        headers.push((name.to_owned().leak() as &str, value.to_owned()));
        rest = behind;
    }
    Reply {
        request: Request {
            url: words[1].into(),
            method: if words[0] == "PUT" {
                Method::Put
            } else {
                Method::Get
            },
            headers,
            from_low_port: words.get(3) == Some(&"low-port"),
        },
        response: Response {
            status: words[2].parse().expect("a status"),
            body: rest.into(),
        },
    }
}

impl Http for Canned {
    fn send(&self, request: &Request) -> Result<Response> {
        let answer = |status| {
            Ok(Response {
                status,
                body: b"<html>".to_vec(),
            })
        };
        let Some(reply) = self.0.iter().find(|reply| {
            reply.request.url == request.url && reply.request.method == request.method
        }) else {
            return answer(404);
        };
        if reply.request != *request {
            return answer(401);
        }
        Ok(reply.response.clone())
    }
}

/// A network without IPv4: nobody is reached at its addresses, and at those of IPv6 what the replies of IPv4 say.
struct OnlyV6(Canned);

impl Http for OnlyV6 {
    fn send(&self, request: &Request) -> Result<Response> {
        const V6: [(&str, &str); 3] = [
            ("[fd00:ec2::254]", "169.254.169.254"),
            ("[fd20:ce::254]", "169.254.169.254"),
            ("[fd00:42::42]", "169.254.42.42"),
        ];
        let Some((v6, v4)) = V6.iter().find(|(v6, _)| request.url.contains(v6)) else {
            bail!("asking {}: no route to host", request.url);
        };
        let url = request.url.replace(v6, v4);
        self.0.send(&Request {
            url,
            ..request.clone()
        })
    }
}

struct NoMedia;

impl Media for NoMedia {
    fn volumes(&self) -> Vec<Volume> {
        Vec::new()
    }

    fn read(&self, _: &Volume, _: &[&str]) -> Result<Files> {
        bail!("there is no medium")
    }
}

fn ask(name: &str, replies: &str) -> Result<Option<Metadata>> {
    let http = Canned::new(replies);
    let provider = provider(name, &http, &NoMedia).expect("a provider");
    assert_eq!((provider.name(), provider.reach()), (name, Reach::Network));
    provider.look()
}

/// Name, wanted name, keys and the beginning of userdata.
fn summary(metadata: Metadata) -> (String, Option<String>, Vec<String>, Option<String>) {
    let userdata = metadata
        .userdata
        .map(|data| String::from_utf8(data).expect("text"));
    (
        metadata.hostname.unwrap_or_default(),
        metadata.local_hostname,
        metadata.keys,
        userdata,
    )
}

#[test]
fn services_with_an_address_by_ipv6_are_reached_by_it() {
    for (name, replies) in [
        ("aws", include_str!("../../tests/replies/aws.txt")),
        ("gcp", include_str!("../../tests/replies/gcp.txt")),
        ("scaleway", include_str!("../../tests/replies/scaleway.txt")),
    ] {
        let http = OnlyV6(Canned::new(replies));
        let provider = provider(name, &http, &NoMedia).expect("a provider");
        let found = provider.look().expect(name).expect(name);
        assert!(found.userdata.is_some(), "{name}");
    }
    // What is told is what happened by IPv4, which nearly everybody has.
    let http = OnlyV6(Canned::new(""));
    let provider = provider("hetzner", &http, &NoMedia).expect("a provider");
    let error = provider.look().expect_err("nobody answers").to_string();
    assert!(error.contains("169.254.169.254"), "{error}");
}

#[test]
fn every_service_is_understood() {
    let plain = Some("hostname: from-userdata\n");
    let cloud = Some("#cloud-config\nhostname: from-userdata\n");
    let aws = "ip-10-0-1-17.eu-central-1.compute.internal";
    let table = [
        (
            "aws",
            include_str!("../../tests/replies/aws.txt"),
            aws,
            Some(aws),
            &["ssh-rsa AAAAB3NzaC1 laptop", "ssh-ed25519 AAAAC3NzaC1 desk"][..],
            cloud,
        ),
        (
            "digitalocean",
            include_str!("../../tests/replies/digitalocean.txt"),
            "sample-droplet",
            None,
            &["ssh-rsa AAAAB3NzaC1 sammy@digitalocean.com"],
            Some("#cloud-config\nhostname: from-userdata"),
        ),
        (
            "gcp",
            include_str!("../../tests/replies/gcp.txt"),
            "box",
            None,
            &[
                "ssh-rsa AAAAB3NzaC1 me@laptop",
                "ssh-ed25519 AAAAC3NzaC1 you",
                "ssh-rsa AAAAB3Nproject admin",
            ],
            plain,
        ),
        (
            "hetzner",
            include_str!("../../tests/replies/hetzner.txt"),
            "my-server",
            None,
            &["ssh-ed25519 AAAAC3NzaC1 me@workstation"],
            Some("#!/bin/sh\necho hello\n"),
        ),
        (
            "openstack",
            include_str!("../../tests/replies/openstack.txt"),
            "test.novalocal",
            Some("test.novalocal"),
            &["ssh-rsa AAAAB3NzaC1 Generated-by-Nova"],
            Some("#cloud-config\nk3os: {token: abc}\n"),
        ),
        (
            "packet",
            include_str!("../../tests/replies/packet.txt"),
            "bare",
            None,
            &["ssh-rsa AAAAB3NzaC1 me"],
            None,
        ),
        (
            "scaleway",
            include_str!("../../tests/replies/scaleway.txt"),
            "scw-box",
            None,
            &["ssh-rsa AAAAB3NzaC1 me"],
            plain,
        ),
        (
            "vultr",
            include_str!("../../tests/replies/vultr.txt"),
            "vultr-box",
            None,
            &["ssh-rsa AAAAB3NzaC1 test3@key"],
            plain,
        ),
    ];
    for (name, replies, hostname, local, keys, userdata) in table {
        let found = ask(name, replies).expect(name).expect(name);
        let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        let expected = (
            hostname.to_owned(),
            local.map(str::to_owned),
            keys,
            userdata.map(str::to_owned),
        );
        assert_eq!(summary(found), expected, "{name}");
    }
}

#[test]
fn each_name_that_a_configuration_may_give_has_its_provider() {
    for name in config::check::DATA_SOURCES {
        assert!(
            provider(name, &Canned::new(""), &NoMedia).is_some(),
            "{name}"
        );
    }
    assert_eq!(config::check::DATA_SOURCES.len(), SERVICES.len() + 1);
}

#[test]
fn the_old_service_of_aws_needs_no_token() {
    let found = ask("aws", include_str!("../../tests/replies/aws-version-1.txt"))
        .expect("an answer")
        .expect("metadata");
    assert_eq!(
        found.local_hostname.as_deref(),
        Some("ip-10-0-1-17.ec2.internal")
    );
    assert_eq!((found.keys.len(), found.userdata), (0, None));
}

#[test]
fn another_cloud_s_service_is_not_this_one() {
    for (name, _) in SERVICES {
        assert_eq!(ask(name, "").ok(), Some(None), "{name}");
    }
    // Something that answers everything, such as the page to log in to a wireless network.
    struct Portal;
    impl Http for Portal {
        fn send(&self, _: &Request) -> Result<Response> {
            Ok(Response {
                status: 200,
                body: b"<html><body>Log in!</body></html>".to_vec(),
            })
        }
    }
    for name in [
        "digitalocean",
        "hetzner",
        "openstack",
        "packet",
        "scaleway",
        "vultr",
    ] {
        let provider = provider(name, &Portal, &NoMedia).expect("a provider");
        assert_eq!(provider.look().ok(), Some(None), "{name}");
    }
}

#[test]
fn a_service_that_is_not_ready_is_an_error_that_names_it() {
    let error = ask(
        "hetzner",
        "=== GET http://169.254.169.254/hetzner/v1/metadata 503\nlater",
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "asking http://169.254.169.254/hetzner/v1/metadata: it answered with status 503"
    );
}

/// A machine with some volumes; each holds `user-data` with its own device's name.
struct Shelf(Vec<Volume>);

impl Media for Shelf {
    fn volumes(&self) -> Vec<Volume> {
        self.0.clone()
    }

    fn read(&self, volume: &Volume, paths: &[&str]) -> Result<Files> {
        assert!(paths.contains(&"user-data"));
        if volume.label == "cidata" {
            bail!("reading {}: input/output error", volume.device.display());
        }
        let text = format!("hostname: {}\n", volume.device.display());
        Ok(Files::from([("user-data".to_owned(), text.into_bytes())]))
    }
}

fn volume(device: &str, label: &str) -> Volume {
    Volume {
        device: PathBuf::from(device),
        filesystem: "iso9660",
        label: label.into(),
    }
}

fn found_on(names: &[&str], shelf: &Shelf) -> Option<String> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let found = search(
        &providers(&names, &Canned(Vec::new()), shelf),
        Reach::Local,
        &[],
    )
    .found?;
    Some(
        String::from_utf8_lossy(&found.metadata.userdata?)
            .trim()
            .to_owned(),
    )
}

#[test]
fn labelled_media_are_read_first_and_other_cds_only_when_named() {
    let all = Shelf(vec![
        volume("/dev/sr0", "K3OS"),
        volume("/dev/sr1", "anything"),
        volume("/dev/vdb", "CIDATA"),
    ]);
    assert_eq!(found_on(&[], &all).as_deref(), Some("hostname: /dev/vdb"));
    assert_eq!(
        found_on(&["cdrom"], &all).as_deref(),
        Some("hostname: /dev/vdb")
    );
    let unlabelled = Shelf(vec![
        volume("/dev/sda1", "stick"),
        volume("/dev/sr0", "K3OS"),
        volume("/dev/sr1", "anything"),
    ]);
    assert_eq!(found_on(&[], &unlabelled), None);
    assert_eq!(
        found_on(&["cdrom"], &unlabelled).as_deref(),
        Some("hostname: /dev/sr1")
    );
    assert_eq!(found_on(&["aws", "cdrom"], &all), None);
}

#[test]
fn a_damaged_medium_does_not_hide_a_whole_one() {
    let both = Shelf(vec![
        volume("/dev/sr0", "cidata"),
        volume("/dev/vdb", "CIDATA"),
    ]);
    assert_eq!(found_on(&[], &both).as_deref(), Some("hostname: /dev/vdb"));
    let damaged = Shelf(vec![volume("/dev/sr0", "cidata")]);
    let http = Canned::new("");
    let search = search(&providers(&[], &http, &damaged), Reach::Local, &[]);
    assert_eq!(
        search.failures,
        ["cdrom: reading /dev/sr0: input/output error"]
    );
}

#[test]
fn a_file_may_be_the_source() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("userdata");
    let name = format!("file={}", path.display());
    assert_eq!(found_on(&[&name], &Shelf(Vec::new())), None);
    std::fs::write(&path, "hostname: a\n").expect("writing");
    assert_eq!(
        found_on(&[&name], &Shelf(Vec::new())).as_deref(),
        Some("hostname: a")
    );
}
