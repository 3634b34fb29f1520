//! Where the API server is, and who asks: a kubeconfig, or the pod that this runs in.

use std::fs;
use std::path::{Path, PathBuf};

use kube::Config;
use kube::config::{AuthInfo, Cluster, KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::{K8s, exec, in_cluster};
use crate::clean::clean;
use crate::error::{Error, Result, nearest};
use crate::net::Deadline;

/// A kubeconfig of a few hundred clusters is far below that; what is larger is something else.
const LARGEST: u64 = 16 * 1024 * 1024;

const NAME_ONE: &str = "name a kubeconfig with --kubeconfig, or set KUBECONFIG";

impl K8s {
    /// The server and the credentials to ask with. A program that has them must say them before the deadline.
    pub(super) async fn config(&self, deadline: Deadline) -> Result<Config> {
        if self.in_cluster {
            return in_cluster::config(&self.environment);
        }
        if !self.kubeconfig.is_empty() {
            return self.of_files(&self.kubeconfig, deadline).await;
        }
        let usual = self.environment.home.as_ref().map(|home| home.join(".kube").join("config"));
        match usual.filter(|path| path.exists()) {
            Some(path) => self.of_files(&[path], deadline).await,
            None if in_cluster::is_pod() => in_cluster::config(&self.environment),
            None => Err(Error::usage("~/.kube/config", "it is not there, and this is no pod", NAME_ONE)),
        }
    }

    async fn of_files(&self, files: &[PathBuf], deadline: Deadline) -> Result<Config> {
        let place = ConfigFiles::of(files);
        let kubeconfig = read(files)?;
        if kubeconfig.contexts.is_empty() && kubeconfig.clusters.is_empty() {
            return Err(place.refuse("there is no cluster in it", NAME_ONE));
        }
        let chosen = self.context.as_ref().or(kubeconfig.current_context.as_ref()).filter(|name| !name.is_empty());
        let Some(chosen) = chosen.cloned() else {
            return Err(
                place.refuse("it chooses no context", &format!("{}; choose one with --context", contexts(&kubeconfig)))
            );
        };
        let (cluster, user) = place.look_up(&kubeconfig, &chosen)?;
        self.is_safe(&place, &cluster, &user)?;
        let proxy = cluster.proxy_url.clone().filter(|url| !url.is_empty());
        let options = KubeConfigOptions { context: Some(chosen), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = config.map_err(|error| place.refuse(&plain(&error), NAME_ONE))?;
        // What the library finds in its own environment is not what was asked for.
        config.proxy_url = match proxy.map(|url| url.parse()).transpose() {
            Ok(proxy) => proxy,
            Err(_) => return Err(place.refuse("its proxy-url is no URL", "write it as http://proxy.example:3128")),
        };
        trim_token(&mut config.auth_info);
        exec::run(&mut config.auth_info, deadline).await?;
        Ok(config)
    }

    /// A kubeconfig is a file from elsewhere: what it makes this program run or read is looked at first.
    fn is_safe(&self, place: &ConfigFiles, cluster: &Cluster, user: &AuthInfo) -> Result<()> {
        if let Some(exec) = user.exec.as_ref().filter(|_| !self.allow_exec) {
            let program = clean(exec.command.as_deref().unwrap_or_default());
            let why = format!("its credentials come from the program '{program}'");
            return Err(place.refuse(&why, "--allow-exec runs it"));
        }
        // Nothing could bound it, and kubectl knows it no more (Kubernetes 1.26).
        if user.auth_provider.as_ref().is_some_and(|provider| provider.config.contains_key("cmd-path")) {
            let hint = "have your cloud's tool write it anew, with an exec section";
            return Err(
                place.refuse("its credentials come from a program by auth-provider, which is no longer done", hint)
            );
        }
        let inline = [
            (&cluster.certificate_authority, cluster.certificate_authority_data.is_some()),
            (&user.client_certificate, user.client_certificate_data.is_some()),
            (&user.client_key, user.client_key_data.is_some()),
            (&user.token_file, user.token.is_some()),
        ];
        let files = inline.into_iter().filter(|(_, inline)| !inline).filter_map(|(file, _)| file.as_ref());
        files.map(Path::new).try_for_each(|file| {
            look_at(file).map_err(|why| {
                place.refuse(&format!("the file '{}' that it names: {why}", clean(&file.to_string_lossy())), NAME_ONE)
            })
        })
    }
}

/// Reads files, the first to say something counts; of several, those that are not there are passed over, as by kubectl.
fn read(files: &[PathBuf]) -> Result<Kubeconfig> {
    let mut merged: Option<Kubeconfig> = None;
    let mut missing = None;
    for file in files {
        let place = ConfigFiles::of(std::slice::from_ref(file));
        if !file.exists() && files.len() > 1 {
            missing = Some(place);
            continue;
        }
        look_at(file).map_err(|why| place.refuse(&why, NAME_ONE))?;
        let next = Kubeconfig::read_from(file)
            .map_err(|error| place.refuse(&plain(&error), "`kubectl config view` tells what kubectl makes of it"))?;
        merged = Some(match merged {
            None => next,
            Some(first) => first.merge(next).map_err(|error| place.refuse(&plain(&error), NAME_ONE))?,
        });
    }
    match (merged, missing) {
        (Some(merged), _) => Ok(merged),
        (None, Some(place)) => Err(place.refuse("none of these files is there", NAME_ONE)),
        (None, None) => Ok(Kubeconfig::default()),
    }
}

/// Looked at before it is opened: opening waits on a FIFO, and does things to some devices.
fn look_at(file: &Path) -> Result<(), String> {
    let metadata = fs::metadata(file)
        .map_err(|error| error.to_string().split(" (os error").next().unwrap_or_default().to_owned())?;
    if metadata.is_dir() {
        Err("it is a directory".to_owned())
    } else if !metadata.is_file() {
        Err("it is not a regular file".to_owned())
    } else if metadata.len() == 0 {
        Err("it is empty".to_owned())
    } else if metadata.len() > LARGEST {
        Err("it is larger than 16 MiB".to_owned())
    } else {
        fs::File::open(file)
            .map(drop)
            .map_err(|error| error.to_string().split(" (os error").next().unwrap_or_default().to_owned())
    }
}

/// A token file often ends in a line's end, which the library would send with the token; kubectl does not. What is taken
/// from the file here is not read again, but by a watch that begins anew.
fn trim_token(credentials: &mut AuthInfo) {
    let Some(file) = credentials.token_file.as_ref().filter(|_| credentials.token.is_none()) else { return };
    if let Ok(text) = fs::read_to_string(file)
        && text.trim() != text
    {
        credentials.token = Some(text.trim().into());
    }
}

/// Files, as an error names them.
struct ConfigFiles(String);

impl ConfigFiles {
    fn of(files: &[PathBuf]) -> Self {
        let names: Vec<String> = files.iter().map(|file| clean(&file.to_string_lossy())).collect();
        Self(format!("kubeconfig '{}'", names.join(":")))
    }

    fn refuse(&self, why: &str, hint: &str) -> Error {
        Error::usage(&self.0, why, hint)
    }

    /// The cluster and the user of a context.
    fn look_up(&self, kubeconfig: &Kubeconfig, chosen: &str) -> Result<(Cluster, AuthInfo)> {
        let found = kubeconfig.contexts.iter().find(|context| context.name == chosen);
        let Some(context) = found.and_then(|context| context.context.as_ref()) else {
            let why = format!("there is no context '{}'", clean(chosen));
            return Err(self.refuse(&why, &near(kubeconfig, chosen)));
        };
        let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster);
        let Some(cluster) = cluster.and_then(|cluster| cluster.cluster.clone()) else {
            let why = format!(
                "its context '{}' is in a cluster '{}' that is not there",
                clean(chosen),
                clean(&context.cluster)
            );
            return Err(self.refuse(&why, &contexts(kubeconfig)));
        };
        // As for kubectl, a context without a user, or with one that is not there, asks as nobody.
        let user = context.user.as_ref().and_then(|name| kubeconfig.auth_infos.iter().find(|user| user.name == *name));
        Ok((cluster, user.and_then(|user| user.auth_info.clone()).unwrap_or_default()))
    }
}

fn contexts(kubeconfig: &Kubeconfig) -> String {
    let names: Vec<String> = kubeconfig.contexts.iter().map(|context| clean(&context.name)).collect();
    if names.is_empty() { "it has no contexts".to_owned() } else { format!("its contexts are {}", names.join(", ")) }
}

fn near(kubeconfig: &Kubeconfig, chosen: &str) -> String {
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    match nearest(chosen, &names) {
        Some(name) => format!("did you mean '{}'? {}", clean(name), contexts(kubeconfig)),
        None => contexts(kubeconfig),
    }
}

/// The first line of what the library says: the rest is an excerpt of the file, which may hold secrets.
fn plain(error: &KubeconfigError) -> String {
    let text = error.to_string();
    clean(text.lines().next().unwrap_or_default())
}
