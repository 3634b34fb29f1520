//! The rules, one by one; against a naive model; in a simulated world; and the checker of histories itself.

mod catalog;
mod config;
mod drift;
mod expiry;
mod guard;
mod health;
mod history;
mod identity;
mod limits;
mod model;
mod naive;
mod replicate;
mod shift_simulator;
mod simulator;
mod snapshots;
mod support;
mod traffic;
