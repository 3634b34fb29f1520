//! Registrations and registered instances as JSON, and what is wrong with those that are refused.

mod answers;
mod reading;
mod round_trips;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The body of the registration that the manual shows.
const SAMPLE: &str = r#"{
  "name": "user-service",
  "version": "1.2.0",
  "address": "192.168.1.100",
  "port": 8080,
  "protocol": "http",
  "weight": 100,
  "ttl": 30,
  "health_check": {
    "check_type": "http",
    "interval": 30,
    "timeout": 5,
    "failure_threshold": 3,
    "success_threshold": 2,
    "config": {
      "type": "http",
      "path": "/health",
      "method": "GET",
      "expected_status": 200
    }
  },
  "metadata": {
    "environment": "production",
    "region": "us-west-2"
  }
}"#;

fn read(value: &Value) -> Result<Registration, Problem> {
    Registration::from_json(value.to_string().as_bytes())
}

/// The sample with a field set or, with null, left out.
fn sample_with(field: &str, value: Value) -> Value {
    let mut sample: Value = serde_json::from_str(SAMPLE).unwrap();
    sample[field] = value;
    sample
}
