//! Configurations and releases from elsewhere, by a real curl from servers that are made up: what is wrong with them is told before
//! any disk is looked at.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::Duration;

use common::{quiet, ready};
use installer::Settings;
use installer::medium::Medium;
use sha2::{Digest, Sha256};

/// A file and its name.
type File = (&'static str, Vec<u8>);

/// Serves files by HTTP until the test's process ends.
fn serve(files: Vec<File>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(&stream, &files);
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: &TcpStream, files: &[File]) {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().and_then(Result::ok).unwrap_or_default();
    while lines
        .next()
        .and_then(Result::ok)
        .is_some_and(|line| !line.is_empty())
    {}
    let name = request.split(['/', ' ']).nth(2).unwrap_or_default();
    let found = files.iter().find(|(known, _)| *known == name);
    let (status, bytes) = found.map_or(("404 Not Found", &[][..]), |(_, bytes)| {
        ("200 OK", bytes.as_slice())
    });
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    // A client that has seen enough goes away.
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(bytes));
}

/// Serves one file of less than a block by TFTP (RFC 1350). Gives its address, and in the end what was asked for.
fn serve_tftp(content: &'static [u8]) -> (String, thread::JoinHandle<String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let address = socket.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut request = [0; 512];
        let (count, client) = socket.recv_from(&mut request).unwrap();
        socket
            .send_to(&[&[0, 3, 0, 1], content].concat(), client)
            .unwrap();
        let mut acknowledged = [0; 4];
        socket.recv_from(&mut acknowledged).unwrap();
        String::from_utf8_lossy(&request[..count]).into_owned()
    });
    (format!("tftp://{address}/node.yaml"), server)
}

fn refused(source: &str) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let refusals = Settings::fetch(source, scratch.path()).unwrap_err();
    refusals[0].to_string()
}

#[test]
fn a_configuration_comes_by_tftp() {
    let (url, server) = serve_tftp(b"hostname: box\n");
    let scratch = tempfile::tempdir().unwrap();
    let (settings, _) = Settings::fetch(&url, scratch.path()).unwrap();
    assert_eq!(settings.text, "hostname: box\n");
    assert!(server.join().unwrap().contains("node.yaml\0octet\0"));
    assert!(!scratch.path().join("config.fetched").exists());
}

#[test]
fn a_configuration_comes_by_http_and_is_refused_for_what_is_wrong_with_it() {
    let url = serve(vec![
        ("good", b"hostname: box\n".to_vec()),
        ("wrong", b"hostname: box\nk3os: 7\n".to_vec()),
        ("huge", vec![b'#'; 64 << 20]),
    ]);
    let scratch = tempfile::tempdir().unwrap();
    Settings::fetch(&format!("{url}/good"), scratch.path()).unwrap();
    assert!(refused(&format!("{url}/wrong")).contains("wrong:2"));
    assert!(refused(&format!("{url}/huge")).contains("fetching"));
    let missing = refused(&format!("{url}/missing"));
    assert!(
        missing.contains("/missing") && missing.contains("404") && missing.contains("network"),
        "{missing}"
    );
}

/// Why an ISO is not used.
fn unusable(url: &str, scratch: &Path) -> String {
    let error = Medium::open(url, &[], scratch, &mut quiet()).unwrap_err();
    format!("{error:#}")
}

#[test]
fn an_iso_is_refused_when_it_is_damaged_not_there_or_none() {
    if !ready() {
        return;
    }
    let iso = vec![7; 100_000];
    let sum = |bytes: &[u8]| -> String {
        let sum = Sha256::digest(bytes);
        sum.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let lists = [sum(b"another"), sum(&iso)].map(|sum| format!("{sum}  k3os-amd64.iso\n"));
    let [damaged, whole] = lists.map(|list| {
        serve(vec![
            ("k3os-amd64.iso", iso.clone()),
            ("sha256sum-amd64.txt", list.into_bytes()),
        ])
    });
    let scratch = tempfile::tempdir().unwrap();
    let refusal = |url: &str, name: &str| unusable(&format!("{url}/{name}"), scratch.path());
    let said = refusal(&damaged, "k3os-amd64.iso");
    assert!(
        said.contains("its SHA-256 is") && said.contains("sha256sum-amd64.txt"),
        "{said}"
    );
    let said = refusal(&whole, "k3os-amd64.iso");
    assert!(said.contains("is no ISO"), "{said}");
    let said = refusal(&whole, "other.iso");
    assert!(said.contains("other.iso") && said.contains("404"), "{said}");
}
