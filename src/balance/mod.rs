//! Which endpoint serves the next call. One file per strategy; README.md says what makes a good one.

mod backends;
mod consistent_hash;
mod cycle;
mod ip_hash;
mod key;
mod least_connections;
mod load;
mod maglev;
mod order;
mod p2c;
mod peak_ewma;
mod random;
mod round_robin;
mod thread_random;
mod weighted_round_robin;

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result, nearest};

pub use backends::{Backend, Backends, Slot};
pub use consistent_hash::ConsistentHash;
pub use ip_hash::IpHash;
pub use key::PickKey;
pub(crate) use key::hash as stable_hash;
pub use least_connections::LeastConnections;
pub use load::Load;
pub use p2c::P2c;
pub use peak_ewma::PeakEwma;
pub use random::Random;
pub use round_robin::RoundRobin;
pub use weighted_round_robin::WeightedRoundRobin;

/// A strategy: prepares a [`Picker`] for a set of backends.
///
/// A strategy of one's own:
///
/// ```
/// use portolan::balance::{Balancer, Backend, Backends, PickKey, Picker};
/// use portolan::engine::Clock;
///
/// /// Always the first one: the others only stand by.
/// #[derive(Debug)]
/// struct Primary;
///
/// impl Balancer for Primary {
///     fn name(&self) -> &str {
///         "primary"
///     }
///
///     fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
///         Box::new(First(backends.slots().first().map(|slot| slot.index)))
///     }
/// }
///
/// #[derive(Debug)]
/// struct First(Option<usize>);
///
/// impl Picker for First {
///     fn pick(&self, _key: PickKey<'_>) -> Option<usize> {
///         self.0
///     }
/// }
///
/// let backends = Backends::new(vec![Backend::new("a", 1), Backend::new("b", 1)], Clock::coarse());
/// let picker = Primary.picker(&backends);
/// assert_eq!(picker.pick(PickKey::None), Some(0));
/// ```
pub trait Balancer: fmt::Debug + Send + Sync {
    /// Its name, as in `round_robin`.
    fn name(&self) -> &str;

    /// Prepares a picker. Called when the set changes, never during a call: it may take time and memory.
    fn picker(&self, backends: &Backends) -> Box<dyn Picker>;

    /// Whether it uses the latency of calls, which then costs two exact clock readings per call.
    fn uses_latency(&self) -> bool {
        false
    }

    /// Whether it uses the number of calls in flight ([`Load`]), which then costs two atomic additions per call.
    fn uses_load(&self) -> bool {
        true
    }

    /// Whether it picks by the key of a call.
    fn uses_key(&self) -> bool {
        false
    }
}

/// Picks among the backends that it was made for. It never changes, takes no lock and allocates nothing.
pub trait Picker: fmt::Debug + Send + Sync {
    /// The index of the backend for the next call; `None` if and only if there are no backends.
    fn pick(&self, key: PickKey<'_>) -> Option<usize>;

    /// The backends in the order in which one call should try them: first the one that [`pick`](Self::pick) would give. It
    /// counts as one pick, and allocates. Backends that it leaves out come last, in any order.
    fn order(&self, key: PickKey<'_>) -> Vec<usize> {
        self.pick(key).into_iter().collect()
    }
}

impl<B: Balancer + ?Sized> Balancer for Arc<B> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        (**self).picker(backends)
    }

    fn uses_latency(&self) -> bool {
        (**self).uses_latency()
    }

    fn uses_load(&self) -> bool {
        (**self).uses_load()
    }

    fn uses_key(&self) -> bool {
        (**self).uses_key()
    }
}

/// A strategy that can be chosen by name.
struct NamedStrategy {
    name: &'static str,
    aliases: &'static [&'static str],
    new: fn() -> Arc<dyn Balancer>,
}

/// Registers strategies: the name, other names for it, and its type.
macro_rules! strategies {
    ($($name:literal $(or $alias:literal)* => $strategy:expr,)*) => {
        /// The strategies, in the order in which errors and help list them.
        const STRATEGIES: &[NamedStrategy] = &[
            $(NamedStrategy { name: $name, aliases: &[$($alias),*], new: || Arc::new($strategy) },)*
        ];
    };
}

strategies! {
    "round_robin" or "rr" => RoundRobin,
    "weighted_round_robin" or "weighted" or "weighted_rr" or "wrr" => WeightedRoundRobin,
    "random" => Random,
    "least_connections" or "least_conn" or "least_connection" => LeastConnections,
    "p2c" or "power_of_two_choices" => P2c,
    "peak_ewma" or "ewma" => PeakEwma,
    "consistent_hash" or "maglev" => ConsistentHash,
    "ip_hash" or "source_ip" => IpHash,
}

/// The names of all strategies, without aliases.
pub fn strategy_names() -> impl Iterator<Item = &'static str> {
    STRATEGIES.iter().map(|strategy| strategy.name)
}

/// The strategy with this name or alias. Case does not matter, and neither does `-`, `_` or a space between words, nor the
/// lack of one: `LeastConnections` and `least-connections` are the same.
///
/// # Errors
/// If there is none. The hint lists the names.
pub fn strategy(name: &str) -> Result<Arc<dyn Balancer>> {
    let wanted = plain(name);
    let found = STRATEGIES.iter().find(|strategy| {
        let mut names = std::iter::once(&strategy.name).chain(strategy.aliases);
        names.any(|known| plain(known) == wanted)
    });

    found.map(|strategy| (strategy.new)()).ok_or_else(|| unknown(name))
}

/// The letters and digits of a name, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

fn unknown(name: &str) -> Error {
    let names: Vec<&str> = strategy_names().collect();
    let why = match nearest(name, &names) {
        Some(near) => format!("there is no such strategy (did you mean {near}?)"),
        None => "there is no such strategy".to_owned(),
    };
    let name: String = name.chars().take(64).flat_map(char::escape_debug).collect();

    Error::usage(format!("load balancing '{name}'"), why, format!("the strategies are {}", names.join(", ")))
}

#[cfg(test)]
mod tests;
