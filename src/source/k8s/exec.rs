//! Runs the credential program of a kubeconfig: once, without a terminal, and within the deadline. kube would run it several
//! times, and wait for it without a limit.

use std::process::Stdio;

use k8s_openapi::ByteString;
use kube::config::{AuthInfo, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::clean::clean;
use crate::engine::ProcessGroup;
use crate::error::{Error, Result};
use crate::net::Deadline;

/// A certificate with its key and a token have a few kilobytes.
const MAX_OUTPUT: u64 = 1 << 20;
/// The part of its error output that is kept.
const MAX_STDERR: u64 = 16 << 10;

/// The request to the program and its response (Kubernetes, client.authentication.k8s.io).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CredentialRequest<'a> {
    api_version: &'a str,
    kind: &'static str,
    spec: CredentialSpec<'a>,
}

#[derive(Serialize)]
struct CredentialSpec<'a> {
    interactive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a ExecAuthCluster>,
}

#[derive(Deserialize)]
struct CredentialResponse {
    status: Option<CredentialStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Replaces the program of these credentials by its response.
///
/// # Errors
/// The program does not start, fails, returns nothing usable, or does not end in time.
pub(super) async fn run(credentials: &mut AuthInfo, deadline: Deadline) -> Result<()> {
    let Some(exec) = credentials.exec.take() else { return Ok(()) };
    let program = clean(exec.command.as_deref().unwrap_or_default());
    let failure = CredentialFailure {
        what: format!("get credentials from the program '{program}'"),
        hint: match &exec.install_hint {
            Some(hint) => clean(hint),
            None => format!("run '{program}' as the kubeconfig does, and read its output"),
        },
    };

    if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(failure.error("it needs a terminal, and there is none here".to_owned()));
    }

    let child = command(&exec).spawn();
    let mut child =
        child.map_err(|error| Error::usage(format!("the program '{program}'"), plain(&error), &failure.hint))?;
    // The group is dropped before the child is reaped, so its id cannot belong to another process yet.
    let group = ProcessGroup::of(&child);
    let (mut out, mut stderr) = (Vec::new(), Vec::new());
    let ended = deadline.bound(wait_for(&mut child, &mut out, &mut stderr)).await;

    let stderr = String::from_utf8_lossy(&stderr);
    let message = stderr.lines().map(str::trim).find(|line| !line.is_empty());
    let message = message.map(|line| format!("; its error output: {}", clean(line))).unwrap_or_default();

    let status = match ended {
        Err(_) => return Err(failure.error(format!("it did not end in time{message}"))),
        Ok(Err(error)) => return Err(failure.error(plain(&error))),
        Ok(Ok(status)) => status,
    };

    group.release();
    if !status.success() {
        return Err(failure.error(format!("it failed ({status}){message}")));
    }

    // Some programs write YAML, a superset of JSON.
    let Ok(response) = yaml_serde::from_slice::<CredentialResponse>(&out) else {
        return Err(failure.error("its output is not an ExecCredential".to_owned()));
    };

    fill(credentials, response)
        .ok_or_else(|| failure.error("its output contains neither a token nor a certificate".to_owned()))
}

/// The constant parts of an error about the program.
struct CredentialFailure {
    what: String,
    hint: String,
}

impl CredentialFailure {
    fn error(&self, why: String) -> Error {
        Error::Connection { what: self.what.clone(), why, hint: self.hint.clone() }
    }
}

fn command(exec: &ExecConfig) -> Command {
    let mut command = Command::new(exec.command.as_deref().unwrap_or_default());
    command.args(exec.args.iter().flatten());
    let pairs = exec.env.iter().flatten().filter_map(|pair| Some((pair.get("name")?, pair.get("value")?)));
    command.envs(pairs);

    let request = CredentialRequest {
        api_version: exec.api_version.as_deref().unwrap_or("client.authentication.k8s.io/v1"),
        kind: "ExecCredential",
        spec: CredentialSpec {
            interactive: false,
            cluster: exec.cluster.as_ref().filter(|_| exec.provide_cluster_info),
        },
    };

    if let Ok(request) = serde_json::to_string(&request) {
        command.env("KUBERNETES_EXEC_INFO", request);
    }

    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    command
}

/// Waits for the program's end, and reads its output up to the limits.
async fn wait_for(
    child: &mut Child,
    out: &mut Vec<u8>,
    err: &mut Vec<u8>,
) -> std::io::Result<std::process::ExitStatus> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, read, _) = tokio::join!(child.wait(), read(stdout, out, MAX_OUTPUT), read(stderr, err, MAX_STDERR));
    read?;
    status
}

/// Keeps `max` bytes, and discards the rest: without a reader a signal would end the program.
async fn read(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>, max: u64) -> std::io::Result<()> {
    if let Some(mut from) = from {
        (&mut from).take(max).read_to_end(into).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(())
}

fn fill(credentials: &mut AuthInfo, response: CredentialResponse) -> Option<()> {
    let mut status = response.status?;
    status.token.take_if(|token| token.trim().is_empty());

    if let (Some(certificate), Some(key)) = (status.client_certificate_data, status.client_key_data) {
        credentials.client_certificate_data = Some(base64(certificate)?);
        credentials.client_key_data = Some(base64(key)?.into());
    } else if status.token.is_none() {
        return None;
    }

    credentials.token = status.token.map(Into::into).or(credentials.token.take());
    Some(())
}

fn base64(pem: String) -> Option<String> {
    serde_json::to_value(ByteString(pem.into_bytes())).ok()?.as_str().map(str::to_owned)
}

/// The operating system's message without its number.
fn plain(error: &std::io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}
