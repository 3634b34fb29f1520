//! The statements, prepared once for each connection.

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Statement};

use super::audit;
use super::changes::META;
use super::failure::PostgresFailure;
use super::renewals;

/// Reads and locks the index. The holder of this lock writes next.
const LOCK: &str = "
    SELECT last_index, epoch, date_part('epoch', clock_timestamp()) FROM portolan.meta FOR UPDATE";
const EVENTS: &str = "SELECT number, body, replica FROM portolan.event WHERE number > $1 ORDER BY number LIMIT $2";

const INSERT_EVENTS: &str = "
    INSERT INTO portolan.event (number, body, replica)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])";
const PUT_RECORDS: &str = "
    INSERT INTO portolan.record (id, body) SELECT * FROM unnest($1::text[], $2::bytea[])
    ON CONFLICT (id) DO UPDATE SET body = excluded.body";
const REMOVE_RECORDS: &str = "DELETE FROM portolan.record WHERE id = ANY ($1::text[])";
const SET_INDEX: &str = "UPDATE portolan.meta SET last_index = $1";
const PRUNE: &str = "DELETE FROM portolan.event WHERE number <= $1";
const JOIN: &str = "
    INSERT INTO portolan.member (id, name, last_index, checks, expires)
    VALUES ($1, $2, $3, $4, clock_timestamp() + $5::float8 * interval '1 second')
    ON CONFLICT (id) DO UPDATE SET last_index = excluded.last_index, checks = excluded.checks, expires = excluded.expires";
/// Takes those along that ended without leaving: they have not counted for long.
const LEAVE: &str = "DELETE FROM portolan.member WHERE id = $1 OR expires < clock_timestamp() - interval '1 minute'";
const MEMBERS: &str = "
    SELECT id, name, last_index, checks, date_part('epoch', expires - clock_timestamp())
    FROM portolan.member WHERE expires > clock_timestamp() ORDER BY id";
const NOTIFY: &str = "SELECT pg_notify($1, $2)";

/// The statements of the connection that writes.
#[derive(Debug)]
pub(super) struct WriteStatements {
    pub(super) lock: Statement,
    pub(super) events: Statement,
    pub(super) renewals: Statement,
    pub(super) insert_events: Statement,
    pub(super) put_records: Statement,
    pub(super) remove_records: Statement,
    pub(super) set_index: Statement,
    pub(super) prune: Statement,
    pub(super) notify: Statement,
    pub(super) audit_head: Statement,
    pub(super) insert_audit: Statement,
    pub(super) forget_audit: Statement,
}

impl WriteStatements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, PostgresFailure> {
        let [
            lock,
            events,
            renewals,
            insert_events,
            put_records,
            remove_records,
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
                renewals::READ,
                INSERT_EVENTS,
                PUT_RECORDS,
                REMOVE_RECORDS,
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
            renewals,
            insert_events,
            put_records,
            remove_records,
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
    pub(super) renewals: Statement,
    pub(super) store_renewals: Statement,
    pub(super) forget_renewals: Statement,
    pub(super) join: Statement,
    pub(super) leave: Statement,
    pub(super) members: Statement,
}

impl FollowStatements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, PostgresFailure> {
        let all = [META, EVENTS, renewals::READ, renewals::STORE, renewals::FORGET, JOIN, LEAVE, MEMBERS];
        let [meta, events, renewals, store_renewals, forget_renewals, join, leave, members] =
            prepare(client, all).await?;
        Ok(Self { meta, events, renewals, store_renewals, forget_renewals, join, leave, members })
    }
}

async fn prepare<const N: usize>(client: &Client, all: [&str; N]) -> Result<[Statement; N], PostgresFailure> {
    let statements = try_join_all(all.iter().map(|sql| client.prepare(sql))).await?;
    statements.try_into().map_err(|_| PostgresFailure::broken("it did not prepare every statement"))
}
