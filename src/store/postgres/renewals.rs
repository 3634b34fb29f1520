//! Renewals of leases: each server stores a portion a second, as one row, and every other server reads it once.
//!
//! The numbers of a server's portions only grow, and it stores one after another: a reader that knows the last number misses
//! none. A portion whose fate was unknown is sent again with the next one.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::changes::{signed, unsigned};
use super::failure::PostgresFailure;
use crate::store::{ClusterServer, RENEWALS_KEPT, RenewalMarks, Renewals, StoredLease};

pub(super) const STORE: &str = "
    INSERT INTO portolan.renewal (server, number, at, body) VALUES ($1, $2, clock_timestamp(), $3)";
/// Also those of servers that ended. Two servers that clean up at the same time do not wait for each other.
pub(super) const FORGET: &str = "
    DELETE FROM portolan.renewal WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM portolan.renewal WHERE at < clock_timestamp() - $1::float8 * interval '1 second'
        FOR UPDATE SKIP LOCKED))";
/// A server that has just ended is no member, and its last portions count all the same.
pub(super) const READ: &str = "
    SELECT r.server, r.number, date_part('epoch', clock_timestamp() - r.at), r.body
    FROM (
        SELECT id FROM portolan.member WHERE expires > clock_timestamp() UNION SELECT unnest($1::text[])
    ) AS s (id)
    LEFT JOIN unnest($1::text[], $2::bigint[]) AS known (id, number) ON known.id = s.id
    JOIN portolan.renewal AS r ON r.server = s.id AND r.number > coalesce(known.number, 0)
    WHERE s.id <> $3
    ORDER BY r.server, r.number";

/// Old portions are removed with each portion whose number is a multiple of this.
const FORGET_EVERY: u64 = 8;

/// Stores a portion of a server.
pub(super) async fn store(
    client: &Client,
    (store, forget): (&Statement, &Statement),
    server: &str,
    (number, leases): &(u64, Vec<StoredLease>),
) -> Result<(), PostgresFailure> {
    if leases.is_empty() {
        return Ok(());
    }
    client.execute(store, &[&server, &signed(*number), &encode(leases)]).await?;
    if number.is_multiple_of(FORGET_EVERY) {
        client.execute(forget, &[&RENEWALS_KEPT.as_secs_f64()]).await?;
    }
    Ok(())
}

/// The rows that a reader does not know.
pub(super) async fn rows(
    client: &Client,
    read: &Statement,
    marks: Option<&RenewalMarks>,
) -> Result<Vec<Row>, PostgresFailure> {
    let Some(marks) = marks else { return Ok(Vec::new()) };
    let servers: Vec<&str> = marks.read.keys().map(String::as_str).collect();
    let numbers: Vec<i64> = marks.read.values().map(|number| signed(*number)).collect();
    let parameters: [&(dyn ToSql + Sync); 3] = [&servers, &numbers, &marks.reader];
    Ok(client.query(read, &parameters).await?)
}

/// What these rows say. `members`: the servers that there were before they were read, if that is known; marks of others are
/// no longer needed.
pub(super) fn renewals(
    rows: &[Row],
    marks: RenewalMarks,
    clock: Duration,
    members: Option<&[ClusterServer]>,
) -> Result<Renewals, PostgresFailure> {
    let RenewalMarks { reader, mut read } = marks;
    let mut leases = Vec::new();
    if let Some(members) = members {
        read = keep(read, members, &reader);
    }

    for row in rows {
        let (server, number): (String, u64) = (row.try_get(0)?, unsigned(row.try_get(1)?));
        let age: f64 = row.try_get(2)?;
        // A clock that went back since would make the lease longer.
        let age = Duration::try_from_secs_f64(age).unwrap_or(Duration::ZERO);
        decode(row.try_get(3)?, age, &mut leases)?;

        if members.is_none_or(|members| members.iter().any(|member| member.id == server)) {
            read.insert(server, number);
        }
    }
    Ok(Renewals { leases, marks: RenewalMarks { reader, read }, clock })
}

/// The marks of these servers, but the reader: also of one that has stored nothing yet.
fn keep(mut read: BTreeMap<String, u64>, members: &[ClusterServer], reader: &str) -> BTreeMap<String, u64> {
    let others = members.iter().filter(|member| member.id != reader);
    others.map(|member| (member.id.clone(), read.remove(&member.id).unwrap_or(0))).collect()
}

/// A portion: of each lease the length of its id, the id, the slot, the generation, and the milliseconds that it lasts.
pub(crate) fn encode(leases: &[StoredLease]) -> Vec<u8> {
    let mut body = Vec::with_capacity(leases.iter().map(|lease| lease.id.len() + 20).sum());
    for lease in leases {
        // An id is at most some hundred bytes long.
        body.extend(u16::try_from(lease.id.len()).unwrap_or(u16::MAX).to_be_bytes());
        body.extend(lease.id.as_bytes());
        body.extend(lease.slot.to_be_bytes());
        body.extend(lease.generation.to_be_bytes());
        body.extend(u64::try_from(lease.lasts.as_millis()).unwrap_or(u64::MAX).to_be_bytes());
    }
    body
}

/// Reads a portion that was stored some time ago.
fn decode(mut body: &[u8], age: Duration, leases: &mut Vec<StoredLease>) -> Result<(), PostgresFailure> {
    while !body.is_empty() {
        let lease = next(&mut body).ok_or_else(|| PostgresFailure::broken("it has renewals that cannot be read"))?;
        leases.push(StoredLease { lasts: lease.lasts.saturating_sub(age), ..lease });
    }
    Ok(())
}

fn next(body: &mut &[u8]) -> Option<StoredLease> {
    let length = u16::from_be_bytes(take(body)?);
    let (id, rest) = body.split_at_checked(usize::from(length))?;
    *body = rest;

    Some(StoredLease {
        id: std::str::from_utf8(id).ok()?.into(),
        slot: i16::from_be_bytes(take(body)?),
        generation: u64::from_be_bytes(take(body)?),
        lasts: Duration::from_millis(u64::from_be_bytes(take(body)?)),
    })
}

fn take<const N: usize>(body: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = body.split_first_chunk()?;
    *body = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(id: &str, slot: i16, seconds: u64) -> StoredLease {
        StoredLease { id: id.into(), slot, generation: u64::MAX - 1, lasts: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_portion_is_read_as_it_was_stored_less_its_age() {
        let stored = [lease("a", 0, 25), lease("é", 3, 2), lease("", -1, 1_000_000_000)];
        let mut leases = Vec::new();
        decode(&encode(&stored), Duration::from_secs(5), &mut leases).unwrap();
        assert_eq!(leases, [lease("a", 0, 20), lease("é", 3, 0), lease("", -1, 999_999_995)]);
    }

    #[test]
    fn what_is_cut_off_or_no_text_is_refused() {
        let body = encode(&[lease("abc", 0, 25)]);
        for end in 1..body.len() {
            assert!(decode(&body[..end], Duration::ZERO, &mut Vec::new()).is_err(), "{end}");
        }
        let mut wrong = body;
        wrong[2] = 0xff;
        assert!(decode(&wrong, Duration::ZERO, &mut Vec::new()).is_err());
    }

    #[test]
    fn marks_are_kept_of_the_other_servers_that_there_are() {
        let read = [("a", 1), ("b", 2), ("gone", 3)].map(|(id, number)| (id.to_owned(), number));
        let members = ["a", "b", "new"].map(|id| ClusterServer {
            id: id.to_owned(),
            name: String::new(),
            index: 0,
            checks: None,
        });
        let kept = keep(read.into(), &members, "a");
        assert_eq!(kept, BTreeMap::from([("b".to_owned(), 2), ("new".to_owned(), 0)]));
    }
}
