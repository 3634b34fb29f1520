//! Which operation a request calls: its method and its path.

use http::{Method, StatusCode};

use crate::clean::{clean, is_dangerous};
use crate::server::access::Permission;
use crate::server::api_error::{ApiError, ApiResult};
use crate::server::percent::percent_decoded;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) operation: Operation,
    /// The name of an application, in capitals, or the address of a virtual host; empty if the path has none.
    pub(super) app: String,
    /// The id of an instance; empty if the path has none.
    pub(super) instance: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Applications,
    Delta,
    Application,
    Instance,
    AnyInstance,
    Vip,
    SecureVip,
    Register,
    Cancel,
    Renew,
    OverrideStatus,
    ReleaseStatus,
    PutMetadata,
}

/// The paths of all operations.
pub(super) const PATHS: [&str; 9] = [
    "/eureka/apps",
    "/eureka/apps/delta",
    "/eureka/apps/{app}",
    "/eureka/apps/{app}/{instance}",
    "/eureka/apps/{app}/{instance}/status",
    "/eureka/apps/{app}/{instance}/metadata",
    "/eureka/instances/{instance}",
    "/eureka/vips/{vip}",
    "/eureka/svips/{vip}",
];

impl Operation {
    /// Its path in the metrics.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Applications => PATHS[0],
            Self::Delta => PATHS[1],
            Self::Application | Self::Register => PATHS[2],
            Self::Instance | Self::Cancel | Self::Renew => PATHS[3],
            Self::OverrideStatus | Self::ReleaseStatus => PATHS[4],
            Self::PutMetadata => PATHS[5],
            Self::AnyInstance => PATHS[6],
            Self::Vip => PATHS[7],
            Self::SecureVip => PATHS[8],
        }
    }

    /// What its caller must be permitted.
    pub(super) const fn permission(self) -> Permission {
        match self {
            Self::Renew => Permission::Heartbeat,
            Self::Register | Self::Cancel | Self::OverrideStatus | Self::ReleaseStatus | Self::PutMetadata => {
                Permission::Register
            }
            _ => Permission::Discover,
        }
    }
}

/// The operation of a request. Eureka's own server has the paths below `/eureka/v2`, that of Spring below `/eureka`.
///
/// # Errors
/// 404 for another path, 405 for another method.
pub(super) fn parse(method: &Method, path: &str) -> ApiResult<Call> {
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect::<ApiResult<_>>()?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (["eureka", "v2", below @ ..] | ["eureka", below @ ..]) = parts.as_slice() else {
        return Err(no_such_path(path));
    };

    let (operations, app, instance): (&[(Method, Operation)], &str, &str) = match below {
        ["apps"] => (&[(Method::GET, Operation::Applications)], "", ""),
        ["apps", "delta"] => (&[(Method::GET, Operation::Delta)], "", ""),
        ["apps", app] => (&[(Method::GET, Operation::Application), (Method::POST, Operation::Register)], app, ""),
        ["apps", app, instance] => (
            &[(Method::GET, Operation::Instance), (Method::PUT, Operation::Renew), (Method::DELETE, Operation::Cancel)],
            app,
            instance,
        ),
        ["apps", app, instance, "status"] => {
            (&[(Method::PUT, Operation::OverrideStatus), (Method::DELETE, Operation::ReleaseStatus)], app, instance)
        }
        ["apps", app, instance, "metadata"] => (&[(Method::PUT, Operation::PutMetadata)], app, instance),
        ["instances", instance] => (&[(Method::GET, Operation::AnyInstance)], "", instance),
        ["vips", vip] => (&[(Method::GET, Operation::Vip)], vip, ""),
        ["svips", vip] => (&[(Method::GET, Operation::SecureVip)], vip, ""),
        _ => return Err(no_such_path(path)),
    };
    let operation = operations.iter().find(|(known, _)| known == method).map(|(_, operation)| *operation);
    let operation = operation.ok_or_else(|| {
        let message = format!("{} has no method {}", clean(path), clean(method.as_str()));
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    })?;
    Ok(Call { operation, app: app.to_uppercase(), instance: instance.to_owned() })
}

fn no_such_path(path: &str) -> ApiError {
    ApiError::not_found(format!("there is no {}", clean(path))).hint("docs/eureka.md lists the paths")
}

/// A part of the path without its percent-encoding.
fn decoded(part: &str) -> ApiResult<String> {
    let decoded = String::from_utf8(percent_decoded(part)).ok().filter(|part| !part.contains(is_dangerous));
    decoded.ok_or_else(|| {
        let message = "the path holds bytes that cannot be shown";
        ApiError::bad_request("invalid_path", message).hint("percent-encode names in UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(method: &Method, path: &str) -> Result<(Operation, String, String), u16> {
        let call = parse(method, path).map_err(|error| error.status.as_u16())?;
        Ok((call.operation, call.app, call.instance))
    }

    #[test]
    fn every_path_has_its_operation() {
        let found = |operation, app: &str, instance: &str| Ok((operation, app.to_owned(), instance.to_owned()));
        assert_eq!(called(&Method::GET, "/eureka/apps/"), found(Operation::Applications, "", ""));
        assert_eq!(called(&Method::GET, "/eureka/v2/apps/delta"), found(Operation::Delta, "", ""));
        assert_eq!(called(&Method::POST, "/eureka/apps/web"), found(Operation::Register, "WEB", ""));
        assert_eq!(called(&Method::PUT, "/eureka/apps/web/h%3A8080"), found(Operation::Renew, "WEB", "h:8080"));
        assert_eq!(called(&Method::DELETE, "/eureka/apps/web/h/status"), found(Operation::ReleaseStatus, "WEB", "h"));
        assert_eq!(called(&Method::GET, "/eureka/svips/web"), found(Operation::SecureVip, "WEB", ""));
        for (method, path, status) in [
            (Method::GET, "/", 404),
            (Method::GET, "/eureka", 404),
            (Method::GET, "/eureka/apps/a/b/c/d", 404),
            (Method::PATCH, "/eureka/apps", 405),
            (Method::GET, "/eureka/apps/%1b", 400),
            (Method::GET, "/eureka/apps/%ff", 400),
        ] {
            assert_eq!(called(&method, path), Err(status), "{path}");
        }
    }
}
