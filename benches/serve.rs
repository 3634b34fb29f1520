//! A registry under load: `portolan serve` beside Consul, etcd and an HTTP server that only sends the same bytes.
//!
//! `cargo bench --bench serve` builds and runs it (`-- --help` tells the options); benches/README.md says more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::exit, unreachable_pub)]
#![allow(clippy::cast_precision_loss, missing_docs)]

#[path = "serve/bare.rs"]
mod bare;
#[path = "serve/consul.rs"]
mod consul;
#[path = "serve/hostile.rs"]
mod hostile;
#[path = "serve/json_http.rs"]
mod json_http;
#[path = "serve/load.rs"]
mod load;
#[path = "local/machine.rs"]
mod machine;
#[path = "serve/price.rs"]
mod price;
#[path = "serve/reads.rs"]
mod reads;
#[path = "serve/servers.rs"]
mod servers;
#[path = "serve/size.rs"]
mod size;
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "serve/waiting.rs"]
mod waiting;
#[path = "serve/writes.rs"]
mod writes;

use std::path::Path;

const HELP: &str = "cargo bench --bench serve -- [--runs N] [--seconds N] [--cases LETTERS] [--save]

  --runs N         rounds of each comparison; a ratio is the median of the rounds' ratios (default 3)
  --seconds N      how long each load lasts (default 5)
  --cases LETTERS  only these:
                     D discover 1 and 10 instances, as fast as possible, beside Consul, etcd and a bare server
                     C Consul's health/service of 1 and 10 instances, as fast as possible, beside Consul
                     P discover with authentication, audit log, metrics and limits, beside the same without them
                     O latency at 70 % of that, alone and during 1,000 writes/s
                     R durable registrations: at 5,000/s, as fast as possible, and with 100,000 instances
                     H heartbeats at 10,000/s, and what they cost the server
                     W from a write to a watcher, and to the last of 1,000
                     Q 10,000 waiting streams, and a change that wakes one
                     B 10,000 blocking queries of Consul's API: what each costs, and how soon 1,000 of them wake
                     M memory with 10,000 and 100,000 instances, and 1,000 watchers
                     S start with 100,000 instances
                     A honest reads beside 5,000 slow clients, and beside 5,000 connections a second
  --save           also write benches/runs/DATE-serve.txt
";

/// What the options say.
pub struct Options {
    pub runs: usize,
    pub seconds: u32,
}

/// A case: its letter, its title, and what measures it.
type Case = (char, &'static str, fn(&Options) -> String);

const CASES: [Case; 12] = [
    ('D', "discover, closed loop (wrk, 64 connections)", reads::throughput),
    ('C', "Consul's health/service, closed loop (wrk, 64 connections)", consul::health),
    ('P', "the price of authentication, audit log, metrics and limits", price::of_everything),
    ('O', "discover, open loop at 70 % of the maximum", reads::latency),
    ('R', "durable registrations", writes::registrations),
    ('H', "heartbeats", writes::heartbeats),
    ('W', "from a write to a watcher", waiting::watchers),
    ('Q', "10,000 waiting streams", waiting::one_wakes),
    ('B', "10,000 blocking queries", consul::blocking),
    ('M', "memory", size::memory),
    ('S', "start", size::start),
    ('A', "honest reads during an attack", hostile::honest_clients),
];

fn main() {
    let mut words = std::env::args().skip(1);
    let mut options = Options { runs: 3, seconds: 5 };
    let (mut letters, mut save) = ("DCPORHWQBMSA".to_owned(), false);
    while let Some(word) = words.next() {
        match word.as_str() {
            // How this program starts itself as the bare server.
            "--bare" => return bare::serve(&words.next().expect("a file")),
            // Cargo passes this to every bench.
            "--bench" => {}
            "--runs" => options.runs = number(words.next()).expect("--runs N") as usize,
            "--seconds" => options.seconds = number(words.next()).expect("--seconds N"),
            "--cases" => letters = words.next().expect("--cases LETTERS"),
            "--save" => save = true,
            _ => {
                print!("{HELP}");
                return;
            }
        }
    }

    let mut text = machine::describe("A registry under load", &[("wrk", "--version"), ("etcd", "--version")]);
    text.push_str(&servers::consul_version());
    print!("{text}");
    for (letter, title, measure) in CASES.iter().filter(|(letter, ..)| letters.contains(*letter)) {
        let part = format!("\n{letter}: {title}\n{}", measure(&options));
        print!("{part}");
        text.push_str(&part);
    }
    if save {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/runs/{}-serve.txt", machine::today()));
        std::fs::write(&file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
        println!("\nwritten to {}", file.display());
    }
}

fn number(word: Option<String>) -> Option<u32> {
    word.and_then(|word| word.parse().ok()).filter(|number| *number > 0)
}
