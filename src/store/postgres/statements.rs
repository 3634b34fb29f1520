//! The statements, prepared once for each connection.

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Statement};

use super::audit;
use super::fault::Fault;

/// Reads and locks the index. The holder of this lock writes next.
const LOCK: &str = "SELECT last_index, epoch FROM portolan.meta FOR UPDATE";
const META: &str = "SELECT last_index, epoch FROM portolan.meta";
const EVENTS: &str = "SELECT number, body, replica FROM portolan.event WHERE number > $1 ORDER BY number LIMIT $2";
const LEASES: &str = "
    SELECT l.id, l.slot, l.generation, date_part('epoch', l.expires - clock_timestamp())
    FROM unnest($1::text[], $2::smallint[]) AS asked (id, slot)
    JOIN portolan.lease AS l ON l.id = asked.id AND l.slot = asked.slot";
/// The same in a turn. A lease that is being renewed at this moment is left out, and one that is read cannot be renewed
/// until the turn ends.
const LOCKED_LEASES: &str = "
    SELECT l.id, l.slot, l.generation, date_part('epoch', l.expires - clock_timestamp())
    FROM unnest($1::text[], $2::smallint[]) AS asked (id, slot)
    JOIN portolan.lease AS l ON l.id = asked.id AND l.slot = asked.slot
    FOR UPDATE OF l SKIP LOCKED";

const INSERT_EVENTS: &str = "
    INSERT INTO portolan.event (number, body, replica)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])";
const PUT_RECORDS: &str = "
    INSERT INTO portolan.record (id, body) SELECT * FROM unnest($1::text[], $2::bytea[])
    ON CONFLICT (id) DO UPDATE SET body = excluded.body";
const REMOVE_RECORDS: &str = "DELETE FROM portolan.record WHERE id = ANY ($1::text[])";
const REMOVE_LEASES: &str = "
    DELETE FROM portolan.lease AS l USING unnest($1::text[]) AS removed (id) WHERE l.id = removed.id";
/// A server may know less of an instance than the one that got its last renewal: it never makes its lease shorter.
const GRANT_LEASES: &str = "
    INSERT INTO portolan.lease AS known (id, slot, generation, expires)
    SELECT id, slot, generation, clock_timestamp() + lasts * interval '1 second'
    FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::float8[]) AS granted (id, slot, generation, lasts)
    ON CONFLICT (id, slot) DO UPDATE SET generation = excluded.generation, expires = CASE
        WHEN known.generation = excluded.generation THEN greatest(known.expires, excluded.expires)
        ELSE excluded.expires END";
const SET_INDEX: &str = "UPDATE portolan.meta SET last_index = $1";
const PRUNE: &str = "DELETE FROM portolan.event WHERE number <= $1";
const JOIN: &str = "
    INSERT INTO portolan.member (id, name, last_index, checks, expires)
    VALUES ($1, $2, $3, $4, clock_timestamp() + $5::float8 * interval '1 second')
    ON CONFLICT (id) DO UPDATE SET last_index = excluded.last_index, checks = excluded.checks, expires = excluded.expires";
/// Takes those along that ended without leaving: they have not counted for long.
const LEAVE: &str = "DELETE FROM portolan.member WHERE id = $1 OR expires < clock_timestamp() - interval '1 minute'";
const MEMBERS: &str = "
    SELECT id, name, last_index, checks FROM portolan.member WHERE expires > clock_timestamp() ORDER BY id";
const NOTIFY: &str = "SELECT pg_notify($1, $2)";

/// The session's settings make PostgreSQL look the rows up one by one, in the order of the arrays, which are sorted: so two
/// servers never wait for each other. A renewal that would change nothing writes nothing.
const RENEW_LEASES: &str = "
    UPDATE portolan.lease AS l SET expires = clock_timestamp() + r.lasts * interval '1 second'
    FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::float8[]) AS r (id, slot, generation, lasts)
    WHERE l.id = r.id AND l.slot = r.slot AND l.generation = r.generation
        AND l.expires < clock_timestamp() + r.lasts * interval '1 second'";

/// The statements of the connection that writes.
#[derive(Debug)]
pub(super) struct WriteStatements {
    pub(super) lock: Statement,
    pub(super) events: Statement,
    pub(super) leases: Statement,
    pub(super) insert_events: Statement,
    pub(super) put_records: Statement,
    pub(super) remove_records: Statement,
    pub(super) remove_leases: Statement,
    pub(super) grant_leases: Statement,
    pub(super) set_index: Statement,
    pub(super) prune: Statement,
    pub(super) notify: Statement,
    pub(super) audit_head: Statement,
    pub(super) insert_audit: Statement,
    pub(super) forget_audit: Statement,
}

impl WriteStatements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, Fault> {
        let [
            lock,
            events,
            leases,
            insert_events,
            put_records,
            remove_records,
            remove_leases,
            grant_leases,
            set_index,
            prune,
            notify,
            audit_head,
            insert_audit,
            forget_audit,
        ] = prepare(
            client,
            [
                LOCK,
                EVENTS,
                LOCKED_LEASES,
                INSERT_EVENTS,
                PUT_RECORDS,
                REMOVE_RECORDS,
                REMOVE_LEASES,
                GRANT_LEASES,
                SET_INDEX,
                PRUNE,
                NOTIFY,
                audit::HEAD,
                audit::INSERT,
                audit::FORGET,
            ],
        )
        .await?;

        Ok(Self {
            lock,
            events,
            leases,
            insert_events,
            put_records,
            remove_records,
            remove_leases,
            grant_leases,
            set_index,
            prune,
            notify,
            audit_head,
            insert_audit,
            forget_audit,
        })
    }
}

/// The statements of the connection that follows.
#[derive(Debug)]
pub(super) struct FollowStatements {
    pub(super) meta: Statement,
    pub(super) events: Statement,
    pub(super) leases: Statement,
    pub(super) renew_leases: Statement,
    pub(super) join: Statement,
    pub(super) leave: Statement,
    pub(super) members: Statement,
}

impl FollowStatements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, Fault> {
        let all = [META, EVENTS, LEASES, RENEW_LEASES, JOIN, LEAVE, MEMBERS];
        let [meta, events, leases, renew_leases, join, leave, members] = prepare(client, all).await?;
        Ok(Self { meta, events, leases, renew_leases, join, leave, members })
    }
}

async fn prepare<const N: usize>(client: &Client, all: [&str; N]) -> Result<[Statement; N], Fault> {
    let statements = try_join_all(all.iter().map(|sql| client.prepare(sql))).await?;
    statements.try_into().map_err(|_| Fault::broken("it did not prepare every statement"))
}
