//! Credentials by a program that a kubeconfig names: run once, without a terminal, and never for longer than the whole may
//! take. The library would run it several times, and wait for it for ever.

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
/// So much of what it complains of is heard.
const MAX_STDERR: u64 = 16 << 10;

/// What the program is asked, and what it says (Kubernetes, client.authentication.k8s.io).
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

/// Puts what the program of these credentials says in its place.
///
/// # Errors
/// Where it cannot be run, fails, says nothing of use, or does not end in time.
pub(super) async fn run(credentials: &mut AuthInfo, deadline: Deadline) -> Result<()> {
    let Some(exec) = credentials.exec.take() else { return Ok(()) };
    let program = clean(exec.command.as_deref().unwrap_or_default());
    let hint = exec.install_hint.as_deref().map(clean);
    let hint =
        hint.unwrap_or_else(|| format!("run '{program}' by itself, as the kubeconfig says, and look what it wants"));
    let what = format!("get credentials from the program '{program}'");
    let refuse = |why: String| Error::Connection { what: what.clone(), why, hint: hint.clone() };
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(refuse("it must ask somebody at a terminal, which is not to be had here".to_owned()));
    }
    let child = command(&exec).spawn();
    let mut child = child.map_err(|error| Error::usage(format!("the program '{program}'"), plain(&error), &hint))?;
    // It goes before the child does, and so before anybody waits for it: its number is nobody else's yet.
    let group = ProcessGroup::of(&child);
    let (mut out, mut complaint) = (Vec::new(), Vec::new());
    let heard = deadline.bound(hear(&mut child, &mut out, &mut complaint)).await;
    let said = String::from_utf8_lossy(&complaint);
    let said =
        said.lines().map(str::trim).find(|line| !line.is_empty()).map(|line| format!("; it says: {}", clean(line)));
    let said = said.unwrap_or_default();
    let status = match heard {
        Err(_) => return Err(refuse(format!("it did not end in time{said}"))),
        Ok(Err(error)) => return Err(refuse(plain(&error))),
        Ok(Ok(status)) => status,
    };
    group.release();
    if !status.success() {
        return Err(refuse(format!("it failed ({status}){said}")));
    }
    // Some of them speak YAML, of which JSON is a part.
    let response: CredentialResponse =
        yaml_serde::from_slice(&out).map_err(|_| refuse("what it says is no ExecCredential".to_owned()))?;
    fill(credentials, response)
        .ok_or_else(|| refuse("there are neither a token nor a certificate in what it says".to_owned()))
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

/// Hears it out, each of its streams as far as is of use.
async fn hear(
    child: &mut Child,
    out: &mut Vec<u8>,
    complaint: &mut Vec<u8>,
) -> std::io::Result<std::process::ExitStatus> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, read, _) =
        tokio::join!(child.wait(), listen(stdout, out, MAX_OUTPUT), listen(stderr, complaint, MAX_STDERR));
    read?;
    status
}

/// Keeps so much of what is said. The rest is read too: who writes to nobody is ended by a signal.
async fn listen(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>, most: u64) -> std::io::Result<()> {
    if let Some(mut from) = from {
        (&mut from).take(most).read_to_end(into).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(())
}

fn fill(credentials: &mut AuthInfo, response: CredentialResponse) -> Option<()> {
    let status = response.status?;
    let encoded = |pem: String| serde_json::to_value(ByteString(pem.into_bytes())).ok()?.as_str().map(str::to_owned);
    if let (Some(certificate), Some(key)) = (status.client_certificate_data, status.client_key_data) {
        credentials.client_certificate_data = Some(encoded(certificate)?);
        credentials.client_key_data = Some(encoded(key)?.into());
    } else if status.token.is_none() {
        return None;
    }
    credentials.token = status.token.map(Into::into).or(credentials.token.take());
    Some(())
}

/// The operating system's words without its number.
fn plain(error: &std::io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}
