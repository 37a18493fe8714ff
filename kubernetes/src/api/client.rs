use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

/// How long one request may take; watches are not bound by it.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// What went wrong with a request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API answered with an error.
    #[error("{message} ({status})")]
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// The API's own words.
        message: String,
    },
    /// There was no answer.
    #[error("{0}")]
    Connection(String),
}

impl Error {
    /// Whether the object or path does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::Status { status, .. } if *status == StatusCode::NOT_FOUND)
    }

    /// Whether the object exists already, or has been changed meanwhile.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Error::Status { status, .. } if *status == StatusCode::CONFLICT)
    }
}

type Connections = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The PEM files of a client: whom it trusts, and what it shows.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The CA of the API.
    pub ca: PathBuf,
    /// The client's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Connections to one API server with one client certificate. Clones share both.
#[derive(Clone)]
pub struct Client {
    url: String,
    identity: Arc<Identity>,
    connections: Arc<RwLock<Connections>>,
}

impl Client {
    /// A client of `url` with this identity.
    ///
    /// # Errors
    /// Files that cannot be read or are no certificates.
    pub fn new(url: &str, identity: Identity) -> Result<Self> {
        let connections = connections(&identity)?;
        Ok(Client {
            url: url.into(),
            identity: Arc::new(identity),
            connections: Arc::new(RwLock::new(connections)),
        })
    }

    /// Reads the files again: requests from now on are made by new connections. Watches that run go on until the API
    /// ends them.
    ///
    /// # Errors
    /// As [`Client::new`]; the old connections are then still used.
    pub fn reload(&self) -> Result<()> {
        let fresh = connections(&self.identity)?;
        *self
            .connections
            .write()
            .unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// GET, as JSON.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.send(Method::GET, path, "", None).await
    }

    /// POST of an object.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create(&self, path: &str, object: &Value) -> Result<Value, Error> {
        self.send(Method::POST, path, "application/json", Some(object))
            .await
    }

    /// Server-side apply, taking over fields that others have set.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn apply(&self, path: &str, object: &Value) -> Result<Value, Error> {
        let path = format!("{path}?fieldManager=k3s&force=true");
        self.send(
            Method::PATCH,
            &path,
            "application/apply-patch+yaml",
            Some(object),
        )
        .await
    }

    /// JSON merge patch.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn merge(&self, path: &str, patch: &Value) -> Result<Value, Error> {
        self.send(
            Method::PATCH,
            path,
            "application/merge-patch+json",
            Some(patch),
        )
        .await
    }

    /// DELETE; what depends on the object is removed in the background.
    ///
    /// # Errors
    /// See [`Error`]; an object that is not there is none.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        let path = format!("{path}?propagationPolicy=Background");
        match self.send(Method::DELETE, &path, "", None).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether a health check says ok.
    pub async fn is_ok(&self, path: &str) -> bool {
        let answer = tokio::time::timeout(REQUEST_LIMIT, async {
            let response = self.open(path).await?;
            let status = response.status();
            // Read to its end, so that the connection serves again.
            response.into_body().collect().await.map_err(connection)?;
            Ok::<_, Error>(status)
        });
        matches!(answer.await, Ok(Ok(StatusCode::OK)))
    }

    /// GET of an endless answer.
    pub(super) async fn open(&self, path: &str) -> Result<Response<Incoming>, Error> {
        self.request(Method::GET, path, "", None).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        tokio::time::timeout(REQUEST_LIMIT, self.exchange(method, path, kind, body))
            .await
            .map_err(|_| {
                Error::Connection(format!("no answer within {} s", REQUEST_LIMIT.as_secs()))
            })?
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let response = self.request(method, path, kind, body).await?;
        let status = response.status();
        let bytes = response
            .into_body()
            .collect()
            .await
            .map_err(connection)?
            .to_bytes();
        if !status.is_success() {
            return Err(Error::Status {
                status,
                message: message(&bytes),
            });
        }
        serde_json::from_slice(&bytes).map_err(connection)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, Error> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::ACCEPT, "application/json")
            .header(
                header::USER_AGENT,
                concat!("k3s/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::CONTENT_TYPE, kind)
            .body(Full::from(body))
            .map_err(connection)?;
        let connections = self
            .connections
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        connections.request(request).await.map_err(connection)
    }
}

/// An error with its causes, which hyper keeps apart.
fn connection(error: impl Into<anyhow::Error>) -> Error {
    Error::Connection(format!("{:#}", error.into()))
}

/// The words in the API's `Status` object, or what there is.
fn message(body: &[u8]) -> String {
    let status: Value = serde_json::from_slice(body).unwrap_or_default();
    match status.get("message").and_then(Value::as_str) {
        Some(message) => message.to_string(),
        None => String::from_utf8_lossy(body).trim().to_string(),
    }
}

fn connections(identity: &Identity) -> Result<Connections> {
    let tls = tls(identity).context("preparing the connection to the API")?;
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_http1()
        .build();
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(2)
        .build(connector))
}

fn tls(identity: &Identity) -> Result<rustls::ClientConfig> {
    let Identity {
        ca,
        certificate,
        key,
    } = identity;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(ca).with_context(|| format!("reading {}", ca.display()))?
    {
        roots.add(certificate?)?;
    }
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("reading {}", certificate.display()))?;
    let key =
        PrivateKeyDer::from_pem_file(key).with_context(|| format!("reading {}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?)
}
