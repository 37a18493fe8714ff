//! The real curl against a server that is not ready at first.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use data_sources::{Curl, Http, Method, Request, Response};
use system::host::Machine;

/// Answers one connection with each of these; gives back what it was asked.
fn serve(
    answers: &'static [(&'static str, &'static [u8])],
) -> (u16, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listening");
    let port = listener.local_addr().expect("an address").port();
    let server = thread::spawn(move || {
        answers
            .iter()
            .map(|(status, body)| answer(&listener, status, body))
            .collect()
    });
    (port, server)
}

fn answer(listener: &TcpListener, status: &str, body: &[u8]) -> String {
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut asked = Vec::new();
    let mut buffer = [0; 4096];
    while !asked.ends_with(b"\r\n\r\n") {
        let length = stream.read(&mut buffer).expect("a request");
        asked.extend_from_slice(&buffer[..length]);
    }
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body))
        .expect("answering");
    String::from_utf8_lossy(&asked).into_owned()
}

fn request(port: u16, method: Method) -> Request {
    Request {
        url: format!("http://127.0.0.1:{port}/user-data"),
        method,
        headers: vec![("Metadata-Flavor", "Google".into())],
        from_low_port: false,
    }
}

fn ask(answer: &Path, port: u16, method: Method) -> anyhow::Result<Response> {
    Curl::new(&Machine, answer).send(&request(port, method))
}

#[test]
fn status_and_bytes_come_back_as_they_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("answer");
    let (port, server) = serve(&[
        ("404 Not Found", b"no"),
        ("503 Service Unavailable", b""),
        ("200 OK", b"\x1f\x8b\x00\nbytes\n"),
        ("200 OK", b""),
    ]);
    let statuses: Vec<_> = (0..2)
        .map(|_| ask(&file, port, Method::Get).expect("an answer").status)
        .collect();
    assert_eq!(statuses, [404, 503]);
    let response = ask(&file, port, Method::Put).expect("an answer");
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, &b"\x1f\x8b\x00\nbytes\n"[..])
    );
    assert_eq!(ask(&file, port, Method::Get).expect("an answer").body, b"");
    let asked = server.join().expect("the server's end");
    assert!(
        asked[2].starts_with("PUT /user-data HTTP/1.1\r\n")
            && asked[2].contains("Metadata-Flavor: Google\r\n")
    );
    assert!(!file.exists());
}

#[test]
fn where_nobody_listens_is_an_error_that_names_the_address() {
    let directory = tempfile::tempdir().expect("a directory");
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    let error = ask(&directory.path().join("answer"), port, Method::Get)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!(
            "asking http://127.0.0.1:{port}/user-data: curl: (7)"
        )),
        "{error}"
    );
}
