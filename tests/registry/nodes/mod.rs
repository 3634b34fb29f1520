//! Several servers with one PostgreSQL: what is acknowledged stays, everyone reads the same history, and nothing expires
//! because the database was away.

mod agents;
mod audit;
mod checks;
mod clients;
mod contract;
mod database;
mod eureka;
mod faults;
mod history;
mod leases;
mod node;
mod partitions;
mod planted;
mod power;
mod promotion;
mod redis;
mod redis_server;
mod sample;
mod starts;
mod tls;
mod together;
mod transfer;
