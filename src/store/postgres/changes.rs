//! What was written after a position: the events since, or everything.

use std::time::Duration;

use tokio_postgres::{Client, Row};

use super::failure::PostgresFailure;
use crate::store::{ClusterServer, Contents, Position, StoreChanges, StoredEvent};

/// Reads the row that orders all changes.
pub(super) const META: &str = "SELECT last_index, epoch, date_part('epoch', clock_timestamp()) FROM portolan.meta";
/// The most events that are read at once: the next ones are on their way while these are taken over.
pub(super) const MAX_READ: usize = 5_000;

/// The row that orders all changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) last_index: u64,
    pub(super) epoch: String,
    /// The time of the database, since the beginning of 1970.
    pub(super) clock: Duration,
}

impl Meta {
    pub(super) fn of(row: &Row) -> Result<Self, PostgresFailure> {
        let clock = Duration::try_from_secs_f64(row.try_get(2)?).unwrap_or(Duration::ZERO);
        Ok(Self { last_index: unsigned(row.try_get(0)?), epoch: row.try_get(1)?, clock })
    }
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The events, if they follow the position without a gap and reach the last change, or are as many as are read at once.
pub(super) fn changes_since(position: &Position, meta: &Meta, events: Vec<StoredEvent>) -> Option<StoreChanges> {
    let is_dense = events.iter().zip(position.index + 1..).all(|(event, index)| event.index == index);
    let last = events.last().map_or(position.index, |event| event.index);
    let is_same = position.epoch == meta.epoch && position.index <= meta.last_index;
    let is_all = last >= meta.last_index || events.len() >= MAX_READ;

    (is_same && is_dense && is_all).then_some(StoreChanges::Events(events))
}

/// Whether the database has lost changes that a server knows: a standby without them was promoted.
pub(super) fn is_loss(position: &Position, meta: &Meta) -> bool {
    position.epoch == meta.epoch && position.index > meta.last_index
}

/// Begins a new history after a loss, unless another server has done so: indexes are given a second time from now on.
pub(super) async fn begin_history(client: &Client, position: &Position) -> Result<(), PostgresFailure> {
    let sql = "UPDATE portolan.meta SET epoch = gen_random_uuid()::text WHERE epoch = $1 AND last_index < $2";
    client.execute(sql, &[&position.epoch, &signed(position.index)]).await?;
    Ok(())
}

/// Events from rows of number, body and replica.
pub(super) fn events(rows: &[Row]) -> Result<Vec<StoredEvent>, PostgresFailure> {
    let event = |row: &Row| {
        Ok(StoredEvent { index: unsigned(row.try_get(0)?), body: row.try_get(1)?, replica: row.try_get(2)? })
    };
    rows.iter().map(event).collect()
}

/// Members from rows of id, name, index and the number of checks.
pub(super) fn members(rows: &[Row]) -> Result<Vec<ClusterServer>, PostgresFailure> {
    rows.iter().map(member).collect()
}

fn member(row: &Row) -> Result<ClusterServer, PostgresFailure> {
    let checks: Option<i32> = row.try_get(3)?;
    Ok(ClusterServer {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        index: unsigned(row.try_get(2)?),
        checks: checks.map(|count| u32::try_from(count).unwrap_or(0)),
    })
}

/// Everything that is stored. To be called in a transaction that sees one moment.
pub(super) async fn contents(client: &Client) -> Result<Contents, PostgresFailure> {
    let meta = Meta::of(&client.query_one(META, &[]).await?)?;
    let records = client.query(r#"SELECT id, body FROM portolan.record ORDER BY id COLLATE "C""#, &[]).await?;
    let rows = client.query("SELECT number, body, replica FROM portolan.event ORDER BY number", &[]).await?;

    let record = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
    let records: Result<Vec<(String, Vec<u8>)>, PostgresFailure> = records.iter().map(record).collect();
    Ok(Contents { index: meta.last_index, epoch: meta.epoch, records: records?, events: events(&rows)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(last_index: u64, epoch: &str) -> Meta {
        Meta { last_index, epoch: epoch.to_owned(), clock: Duration::ZERO }
    }

    #[test]
    fn news_are_events_only_without_a_gap_in_the_same_history() {
        let position = Position { epoch: "a".to_owned(), index: 5 };
        let of = |indexes: &[u64]| -> Vec<StoredEvent> {
            indexes.iter().map(|index| StoredEvent::new(*index, Vec::new())).collect()
        };

        assert_eq!(changes_since(&position, &meta(5, "a"), of(&[])), Some(StoreChanges::Events(of(&[]))));
        assert_eq!(changes_since(&position, &meta(7, "a"), of(&[6, 7])), Some(StoreChanges::Events(of(&[6, 7]))));
        assert_eq!(
            changes_since(&position, &meta(6, "a"), of(&[6, 7])),
            Some(StoreChanges::Events(of(&[6, 7]))),
            "written meanwhile"
        );
        assert_eq!(changes_since(&position, &meta(7, "b"), of(&[6, 7])), None, "another history");
        assert_eq!(
            changes_since(&position, &meta(4, "a"), of(&[])),
            None,
            "the history is shorter: something was lost"
        );
        assert_eq!(
            changes_since(&position, &meta(8, "a"), of(&[7, 8])),
            None,
            "the events after it are no longer kept"
        );
        assert_eq!(changes_since(&position, &meta(8, "a"), of(&[6, 7])), None, "one is missing");

        let first: Vec<u64> = (6..).take(MAX_READ).collect();
        let read = changes_since(&position, &meta(1_000_000, "a"), of(&first));
        assert_eq!(read, Some(StoreChanges::Events(of(&first))), "the rest is read afterwards");
    }
}
