//! `portolan export`: the instances of services as configuration of a proxy.

mod envoy;
mod haproxy;
mod nginx;
mod reload;
mod servers;
mod target_file;
mod traefik;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use self::reload::Reload;
use self::servers::{ExportedService, exported};
use self::target_file::TargetFile;
use super::exit::Exit;
use super::registry::RegistryOptions;
use super::signals::Stop;
use super::{Global, stderr, stdout};
use crate::clean::clean;
use crate::client::{Registry, Resolver, ResolverBuilder};
use crate::error::{Error, Result};

const EXAMPLES: &str = "\
Examples:
  portolan export haproxy web cart --file /etc/haproxy/conf.d/services.cfg
  portolan export nginx web --file /etc/nginx/conf.d/web.conf --watch --reload 'nginx -s reload'
  portolan export envoy web --registry consul://127.0.0.1:8500 --file /etc/envoy/eds.json --watch
  portolan export traefik web --tag public";

/// Changes within this time are written together: a deployment is many events.
const SETTLE_TIME: Duration = Duration::from_millis(100);
/// The interval at which a failed file or reload is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Write the instances of services as a proxy configuration
///
/// Writes the instances that take calls, with their weights; keep the other settings of the proxy in files of their own.
/// With --file, portolan replaces the file in one step, and only if something changed. While the registry is unreachable,
/// the file stays as it is. docs/exports.md shows how each proxy reads it.
///
/// Without --registry, DISCOVERY_PROVIDER and the variables of that provider select the registry; if they are not set, it
/// is the one on this machine, at 127.0.0.1:7440. Exits with 1, and writes nothing, if a service has no instance that takes
/// calls; with --watch, such a service has no servers until it has one.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, disable_version_flag = true)]
pub(super) struct Export {
    /// Write for this proxy
    #[arg(value_enum, value_name = "PROXY")]
    proxy: Proxy,
    /// Names of services, or NAMESPACE/NAME
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Keep running, and replace the file whenever something changes
    #[arg(short, long, requires = "file")]
    watch: bool,
    /// Run this command after replacing the file, without a shell; quotes join words
    #[arg(long, value_name = "CMD", requires = "file", value_hint = ValueHint::CommandString)]
    reload: Option<Reload>,
    /// Use only instances of this version or range, as in 1.2.0, ^1.2 or '>=1.2, <2'
    #[arg(long = "version", id = "wanted_version", value_name = "VERSION", help_heading = "Filters")]
    version: Option<String>,
    /// Use only instances with this tag; can be repeated, and then all tags are required
    #[arg(long, value_name = "TAG", help_heading = "Filters")]
    tag: Vec<String>,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// A proxy that configuration is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Proxy {
    /// A backend for each service
    Haproxy,
    /// An upstream for each service
    Nginx,
    /// The HTTP services of a file provider, in YAML
    Traefik,
    /// The clusters' endpoints (EDS), in JSON
    Envoy,
}

impl Proxy {
    /// Whether a server may be a host name. Envoy has other cluster types for those.
    fn takes_names(self) -> bool {
        self != Self::Envoy
    }

    fn render(self, services: &[ExportedService]) -> String {
        match self {
            Self::Haproxy => haproxy::render(services),
            Self::Nginx => nginx::render(services),
            Self::Traefik => traefik::render(services),
            Self::Envoy => envoy::render(services),
        }
    }
}

impl Export {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        if global.json || global.output_on_line {
            let option = if global.json { "--json" } else { "--output" };
            let hint = "leave it out; --file FILE writes to a file";
            return Err(Error::usage(option, "the proxy determines the format", hint));
        }
        let reload = self.reload.as_ref().map(Reload::resolved).transpose()?;
        let mut file = self.file.as_deref().map(|path| TargetFile::new(path, reload)).transpose()?;

        let stop = Stop::listen()?;
        self.registry.run(async |registry| {
            let exported = stop.cancel().run_until_cancelled(self.export(&registry, file.as_mut(), global.quiet)).await;
            exported.unwrap_or_else(|| Ok(self.ended(stop.requested())))
        })
    }

    /// Ctrl-C is the normal way to end a watch, not an interruption.
    fn ended(&self, stopped: Option<Exit>) -> Exit {
        match stopped {
            Some(Exit::Interrupted) | None if self.watch => Exit::Done,
            stopped => stopped.unwrap_or(Exit::Interrupted),
        }
    }

    async fn export(&self, registry: &Registry, file: Option<&mut TargetFile>, quiet: bool) -> Result<Exit> {
        let resolvers: Result<Vec<Resolver>> = self.names.iter().map(|name| self.resolver(registry, name)).collect();
        let resolvers = resolvers?;
        for resolver in &resolvers {
            self.until_ready(resolver).await?;
        }

        match file {
            Some(file) if self.watch => self.keep(&resolvers, file, quiet).await,
            file => self.once(&resolvers, file, quiet).await,
        }
    }

    fn resolver(&self, registry: &Registry, name: &str) -> Result<Resolver> {
        let mut builder = registry.resolve(name);
        if let Some(version) = &self.version {
            builder = builder.version(version);
        }
        self.tag.iter().fold(builder, ResolverBuilder::tag).start()
    }

    async fn until_ready(&self, resolver: &Resolver) -> Result<()> {
        let limit = self.registry.timeout;
        let ready = timeout(limit, resolver.ready()).await.map_err(|_| Error::TimedOut {
            what: format!("export {} within {} s", clean(resolver.service()), limit.as_secs_f64()),
            why: "the registry did not reply".to_owned(),
            hint: "check its address, or wait longer with --timeout".to_owned(),
        })?;
        Ok(ready?)
    }

    async fn once(&self, resolvers: &[Resolver], file: Option<&mut TargetFile>, quiet: bool) -> Result<Exit> {
        let (services, errors) = exported(resolvers, self.proxy.takes_names())?;
        errors.iter().for_each(stderr::fault);
        if let Some(empty) = services.iter().find(|service| service.servers.is_empty()) {
            let text = format!("no instance of {} takes calls; nothing was written", clean(&empty.name));
            stderr::failure(
                &text,
                "list the instances with `portolan services get NAME`, or loosen --version and --tag",
            );
            return Ok(Exit::ConditionFailed);
        }

        let text = self.proxy.render(&services);
        let exit = if errors.is_empty() { Exit::Done } else { Exit::Incomplete };
        match file {
            None => stdout::with_stdout(None, |out| out.write_all(text.as_bytes())).map(|_| exit),
            Some(file) => match file.replace(&text).await {
                Ok(_) => {
                    note(file, &services, quiet);
                    Ok(exit)
                }
                Err(error) => {
                    stderr::fault(&error);
                    Ok(Exit::ConditionFailed)
                }
            },
        }
    }

    /// Replaces the file whenever the endpoints change, until it is cancelled.
    async fn keep(&self, resolvers: &[Resolver], file: &mut TargetFile, quiet: bool) -> Result<Exit> {
        let changed = Arc::new(Notify::new());
        let guards: Result<Vec<_>> = resolvers
            .iter()
            .map(|resolver| {
                let changed = Arc::clone(&changed);
                resolver.on_change(move |_| changed.notify_one())
            })
            .collect();
        let _guards = guards?;

        let mut reported = Vec::new();
        loop {
            let (services, errors) = exported(resolvers, self.proxy.takes_names())?;
            if errors != reported {
                errors.iter().for_each(stderr::fault);
                reported = errors;
            }
            let mut retry = None;
            match file.replace(&self.proxy.render(&services)).await {
                Ok(true) => note(file, &services, quiet),
                Ok(false) => {}
                Err(error) => {
                    stderr::fault(&error);
                    retry = Some(RETRY_INTERVAL);
                }
            }

            tokio::select! {
                () = changed.notified() => sleep(SETTLE_TIME).await,
                () = async { sleep(retry.unwrap_or_default()).await }, if retry.is_some() => {}
            }
        }
    }
}

fn note(file: &TargetFile, services: &[ExportedService], quiet: bool) {
    if quiet {
        return;
    }
    let counts: Vec<String> =
        services.iter().map(|service| format!("{} {}", clean(&service.name), service.servers.len())).collect();
    stderr::note(&format!("wrote {}: {}", file.shown(), counts.join(", ")));
}
