//! The rules, one by one; against a naive model; and the checker of histories itself.

mod expiry;
mod guard;
mod health;
mod history;
mod identity;
mod limits;
mod model;
mod naive;
mod snapshots;
mod support;
