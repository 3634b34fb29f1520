//! What a caller may do: permissions, and the roles that group them.

use std::fmt;
use std::str::FromStr;

use crate::error::nearest;
use crate::model::ParseError;

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Read services, instances and events.
    Discover,
    /// Read the state of the server, and its metrics.
    ReadStatus,
    /// Renew leases and report health.
    Heartbeat,
    /// Register, change and remove instances.
    Register,
    /// Write configurations.
    Configure,
    /// Run checks at once, stop them and start them again.
    RunChecks,
    /// Set counters to zero.
    ResetCounters,
    /// Change the server itself.
    Administer,
    /// Report where a host and the registry disagree.
    ReportDrift,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 9] = [
        Self::Discover,
        Self::ReadStatus,
        Self::Heartbeat,
        Self::Register,
        Self::Configure,
        Self::RunChecks,
        Self::ResetCounters,
        Self::Administer,
        Self::ReportDrift,
    ];

    /// Its name in settings, keys and tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::ReadStatus => "read_status",
            Self::Heartbeat => "heartbeat",
            Self::Register => "register",
            Self::Configure => "configure",
            Self::RunChecks => "run_checks",
            Self::ResetCounters => "reset_counters",
            Self::Administer => "administer",
            Self::ReportDrift => "report_drift",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = ParseError;

    /// Case does not matter, and `-` is `_`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wanted = text.to_ascii_lowercase().replace('-', "_");
        Self::ALL.into_iter().find(|permission| permission.as_str() == wanted).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            let near = nearest(&wanted, &names).map_or_else(String::new, |near| format!("did you mean {near}? "));
            ParseError::new("there is no such permission", format!("{near}the permissions are {}", names.join(", ")))
        })
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// All of them.
    pub const ALL: Self = Self((1 << Permission::ALL.len()) - 1);

    /// Whether a permission is in the set.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u16) != 0
    }

    /// The permissions of the set.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<T: IntoIterator<Item = Permission>>(permissions: T) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | 1 << permission as u16))
    }
}

/// A named set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads services and the state of the server.
    Viewer,
    /// Also registers, renews and removes instances, and reports drift: for `portolan agent`, limited to its host.
    Agent,
    /// Also registers, renews, changes and removes instances, and runs checks.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role, the weakest first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Agent, Self::Operator, Self::Admin];

    /// Its name in settings, keys and tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Agent => "agent",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// What it permits.
    pub fn permissions(self) -> Permissions {
        match self {
            Self::Viewer => [Permission::Discover, Permission::ReadStatus].into_iter().collect(),
            Self::Agent => {
                let own = [Permission::Heartbeat, Permission::Register, Permission::ReportDrift];
                Self::Viewer.permissions().iter().chain(own).collect()
            }
            Self::Operator => {
                Permission::ALL.into_iter().filter(|permission| *permission != Permission::Administer).collect()
            }
            Self::Admin => Permissions::ALL,
        }
    }

    /// Whether a caller with this role must be limited to hosts: one host would otherwise write for all of them.
    pub const fn needs_hosts(self) -> bool {
        matches!(self, Self::Agent)
    }

    /// The weakest role with a permission, among those for people and programs of any kind.
    pub fn least_with(permission: Permission) -> Self {
        let mut roles = Self::ALL.into_iter().filter(|role| *role != Self::Agent);
        roles.find(|role| role.permissions().contains(permission)).unwrap_or(Self::Admin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wanted = text.to_ascii_lowercase();
        Self::ALL.into_iter().find(|role| role.as_str() == wanted).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            let near = nearest(&wanted, &names).map_or_else(String::new, |near| format!("did you mean {near}? "));
            ParseError::new("there is no such role", format!("{near}the roles are {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_permits_what_the_weaker_ones_permit_and_more() {
        let counts = Role::ALL.map(|role| role.permissions().iter().count());
        assert_eq!(counts, [2, 5, 8, 9]);
        let own = [Permission::Heartbeat, Permission::Register, Permission::ReportDrift];
        assert!(own.into_iter().all(|permission| Role::Agent.permissions().contains(permission)));
        for pair in Role::ALL.windows(2) {
            let stronger = pair[1].permissions();
            assert!(pair[0].permissions().iter().all(|permission| stronger.contains(permission)), "{pair:?}");
        }
        assert_eq!(Role::least_with(Permission::Discover), Role::Viewer);
        assert_eq!(Role::least_with(Permission::Register), Role::Operator);
        assert_eq!(Role::least_with(Permission::Administer), Role::Admin);
    }

    #[test]
    fn names_read_back_and_a_wrong_one_names_the_likely_one() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
        }
        for role in Role::ALL {
            assert_eq!(role.as_str().to_uppercase().parse(), Ok(role));
        }
        assert!("operater".parse::<Role>().unwrap_err().hint().contains("did you mean operator?"));
        assert!("read-statu".parse::<Permission>().unwrap_err().hint().contains("read_status"));
        assert_eq!("run-checks".parse(), Ok(Permission::RunChecks));
    }
}
