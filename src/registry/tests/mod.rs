//! The rules, one by one; and the checker of histories itself.

mod expiry;
mod guard;
mod health;
mod history;
mod identity;
mod limits;
mod snapshots;
mod support;
