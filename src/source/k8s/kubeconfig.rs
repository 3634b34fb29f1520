//! Finds the API server and the credentials: in a kubeconfig, or in the pod's service account.

use std::fs;
use std::path::{Path, PathBuf};

use kube::Config;
use kube::config::{AuthInfo, Cluster, KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::{K8s, exec, in_cluster};
use crate::clean::clean;
use crate::error::{Error, Result, nearest};
use crate::net::Deadline;

/// A kubeconfig of a few hundred clusters is far smaller.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

const NAME_ONE: &str = "name a kubeconfig with --kubeconfig, or set KUBECONFIG";

impl K8s {
    /// The server and the credentials. A credential program must end before the deadline.
    pub(super) async fn config(&self, deadline: Deadline) -> Result<Config> {
        if self.in_cluster {
            return in_cluster::config(&self.environment);
        }
        if !self.kubeconfig.is_empty() {
            return self.of_files(&self.kubeconfig, deadline).await;
        }

        let default = self.environment.home.as_ref().map(|home| home.join(".kube").join("config"));
        match default.filter(|path| path.exists()) {
            Some(path) => self.of_files(&[path], deadline).await,
            None if in_cluster::is_pod() => in_cluster::config(&self.environment),
            None => {
                let why = "it does not exist, and portolan does not run in a pod";
                Err(Error::usage("~/.kube/config", why, NAME_ONE))
            }
        }
    }

    async fn of_files(&self, files: &[PathBuf], deadline: Deadline) -> Result<Config> {
        let source = ConfigFiles::of(files);
        let kubeconfig = read(files)?;
        if kubeconfig.contexts.is_empty() && kubeconfig.clusters.is_empty() {
            return Err(source.error("it contains no cluster", NAME_ONE));
        }

        let context = self.context.as_ref().or(kubeconfig.current_context.as_ref()).filter(|name| !name.is_empty());
        let Some(context) = context.cloned() else {
            let hint = format!("{}; select one with --context", contexts(&kubeconfig));
            return Err(source.error("it has no current context", &hint));
        };
        let (cluster, user) = source.look_up(&kubeconfig, &context)?;
        self.check_safety(&source, &cluster, &user)?;

        let proxy = cluster.proxy_url.clone().filter(|url| !url.is_empty());
        let options = KubeConfigOptions { context: Some(context), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = config.map_err(|error| source.error(&plain(&error), NAME_ONE))?;
        // kube also reads a proxy from the environment; only the kubeconfig's counts.
        config.proxy_url = match proxy.map(|url| url.parse()).transpose() {
            Ok(proxy) => proxy,
            Err(_) => {
                return Err(source.error("its proxy-url is not a URL", "write it as http://proxy.example:3128"));
            }
        };

        trim_token(&mut config.auth_info);
        exec::run(&mut config.auth_info, deadline).await?;
        Ok(config)
    }

    /// A kubeconfig may come from elsewhere: this checks the program that it runs and the files that it reads.
    fn check_safety(&self, source: &ConfigFiles, cluster: &Cluster, user: &AuthInfo) -> Result<()> {
        if let Some(exec) = user.exec.as_ref().filter(|_| !self.allow_exec) {
            let program = clean(exec.command.as_deref().unwrap_or_default());
            let why = format!("its credentials come from the program '{program}'");
            return Err(source.error(&why, "add --allow-exec to run it"));
        }
        // portolan cannot limit such a program, and kubectl no longer supports it (Kubernetes 1.26).
        if user.auth_provider.as_ref().is_some_and(|provider| provider.config.contains_key("cmd-path")) {
            let why = "its credentials come from an auth-provider program, which portolan does not support";
            return Err(source.error(why, "recreate it with your cloud's tool, with an exec section"));
        }

        let inline = [
            (&cluster.certificate_authority, cluster.certificate_authority_data.is_some()),
            (&user.client_certificate, user.client_certificate_data.is_some()),
            (&user.client_key, user.client_key_data.is_some()),
            (&user.token_file, user.token.is_some()),
        ];

        let files = inline.into_iter().filter(|(_, inline)| !inline).filter_map(|(file, _)| file.as_ref());
        for file in files.map(Path::new) {
            check_file(file).map_err(|why| {
                source.error(&format!("its file '{}': {why}", clean(&file.to_string_lossy())), NAME_ONE)
            })?;
        }
        Ok(())
    }
}

/// Reads and merges files: the first to set a value wins; of several, missing files are skipped, as by kubectl.
fn read(files: &[PathBuf]) -> Result<Kubeconfig> {
    let mut merged: Option<Kubeconfig> = None;
    let mut missing = None;
    for file in files {
        let source = ConfigFiles::of(std::slice::from_ref(file));
        if !file.exists() && files.len() > 1 {
            missing = Some(source);
            continue;
        }

        check_file(file).map_err(|why| source.error(&why, NAME_ONE))?;
        let next = Kubeconfig::read_from(file)
            .map_err(|error| source.error(&plain(&error), "`kubectl config view` shows how kubectl reads it"))?;
        merged = Some(match merged {
            None => next,
            Some(first) => first.merge(next).map_err(|error| source.error(&plain(&error), NAME_ONE))?,
        });
    }

    match (merged, missing) {
        (Some(merged), _) => Ok(merged),
        (None, Some(source)) => Err(source.error("none of these files exists", NAME_ONE)),
        (None, None) => Ok(Kubeconfig::default()),
    }
}

/// Checks a file before it is opened: opening blocks on a FIFO, and has side effects on some devices.
fn check_file(file: &Path) -> Result<(), String> {
    let metadata = fs::metadata(file).map_err(|error| io_text(&error))?;
    if metadata.is_dir() {
        Err("it is a directory".to_owned())
    } else if !metadata.is_file() {
        Err("it is not a regular file".to_owned())
    } else if metadata.len() == 0 {
        Err("it is empty".to_owned())
    } else if metadata.len() > MAX_BYTES {
        Err("it is larger than 16 MiB".to_owned())
    } else {
        fs::File::open(file).map(drop).map_err(|error| io_text(&error))
    }
}

/// A token file often ends with a newline, which kube would send with the token; kubectl does not. The trimmed token is not
/// read again until a watch restarts.
fn trim_token(credentials: &mut AuthInfo) {
    let Some(file) = credentials.token_file.as_ref().filter(|_| credentials.token.is_none()) else { return };
    if let Ok(text) = fs::read_to_string(file)
        && text.trim() != text
    {
        credentials.token = Some(text.trim().into());
    }
}

/// The files of a kubeconfig, for error messages.
struct ConfigFiles(String);

impl ConfigFiles {
    fn of(files: &[PathBuf]) -> Self {
        let names: Vec<String> = files.iter().map(|file| clean(&file.to_string_lossy())).collect();
        Self(format!("kubeconfig '{}'", names.join(":")))
    }

    fn error(&self, why: &str, hint: &str) -> Error {
        Error::usage(&self.0, why, hint)
    }

    /// The cluster and the user of a context.
    fn look_up(&self, kubeconfig: &Kubeconfig, name: &str) -> Result<(Cluster, AuthInfo)> {
        let found = kubeconfig.contexts.iter().find(|context| context.name == name);
        let Some(context) = found.and_then(|context| context.context.as_ref()) else {
            let why = format!("there is no context '{}'", clean(name));
            return Err(self.error(&why, &suggestion(kubeconfig, name)));
        };

        let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster);
        let Some(cluster) = cluster.and_then(|cluster| cluster.cluster.clone()) else {
            let why = format!(
                "its context '{}' is in a cluster '{}' that does not exist",
                clean(name),
                clean(&context.cluster)
            );
            return Err(self.error(&why, &contexts(kubeconfig)));
        };

        // As for kubectl, a context without an existing user has no credentials.
        let user = context.user.as_ref().and_then(|name| kubeconfig.auth_infos.iter().find(|user| user.name == *name));
        Ok((cluster, user.and_then(|user| user.auth_info.clone()).unwrap_or_default()))
    }
}

fn contexts(kubeconfig: &Kubeconfig) -> String {
    let names: Vec<String> = kubeconfig.contexts.iter().map(|context| clean(&context.name)).collect();
    if names.is_empty() { "it has no contexts".to_owned() } else { format!("its contexts are {}", names.join(", ")) }
}

fn suggestion(kubeconfig: &Kubeconfig, name: &str) -> String {
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    match nearest(name, &names) {
        Some(near) => format!("did you mean '{}'? {}", clean(near), contexts(kubeconfig)),
        None => contexts(kubeconfig),
    }
}

/// The operating system's message without its number.
fn io_text(error: &std::io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}

/// The first line of kube's error: the rest is an excerpt of the file, which may hold secrets.
fn plain(error: &KubeconfigError) -> String {
    let text = error.to_string();
    clean(text.lines().next().unwrap_or_default())
}
