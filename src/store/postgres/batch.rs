//! What a batch is in the tables.

use std::collections::BTreeMap;

use futures_util::future::{join, join3, join4};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::audit::AuditColumns;
use super::changes::signed;
use super::connect::{CHANNEL, Session};
use super::failure::PostgresFailure;
use super::statements::WriteStatements;
use crate::store::audit::AuditHead;
use crate::store::{Batch, StoredAudit, Write};

/// Sends the whole batch with its COMMIT at once. If a statement fails, those behind it do too, and the COMMIT is a rollback.
pub(super) async fn write(
    session: &Session,
    statements: &WriteStatements,
    batch: &Batch,
    (mut audit, max_events): (AuditHead, u64),
) -> Result<(), PostgresFailure> {
    let client = &session.client;
    let (puts, bodies, removed) = final_writes(batch);
    let numbers: Vec<i64> = batch.events.iter().map(|event| signed(event.index)).collect();
    let lines: Vec<&[u8]> = batch.events.iter().map(|event| event.body.as_slice()).collect();
    let replicas: Vec<&[u8]> = batch.events.iter().map(|event| event.replica.as_slice()).collect();
    let index = signed(batch.index());
    let pruned = index.saturating_sub(signed(max_events));
    let payload = index.to_string();
    let records: Vec<StoredAudit> = batch.audit.iter().map(|body| audit.seal(body.clone())).collect();
    let records = AuditColumns::of(&records);
    let forgotten = signed(batch.forget_audit);

    let has_events = !numbers.is_empty();
    let ((events, puts, removes), (index, prune, audit, forget), (notify, commit)) = join3(
        join3(
            run(client, &statements.insert_events, has_events, &[&numbers, &lines, &replicas]),
            run(client, &statements.put_records, !puts.is_empty(), &[&puts, &bodies]),
            run(client, &statements.remove_records, !removed.is_empty(), &[&removed]),
        ),
        join4(
            run(client, &statements.set_index, has_events, &[&index]),
            run(client, &statements.prune, has_events && pruned > 0, &[&pruned]),
            run(
                client,
                &statements.insert_audit,
                !records.numbers.is_empty(),
                &[&records.numbers, &records.previous, &records.hashes, &records.bodies],
            ),
            run(client, &statements.forget_audit, forgotten > 0, &[&forgotten]),
        ),
        join(
            // It wakes the other servers with the commit, unless they are woken in another way.
            run(client, &statements.notify, has_events && !batch.is_announced, &[&CHANNEL, &payload]),
            client.batch_execute("COMMIT"),
        ),
    )
    .await;
    for done in [events, puts, removes, index, prune, audit, forget, notify] {
        done?;
    }
    commit?;
    Ok(())
}

/// Sends a statement, if it has anything to do.
async fn run(
    client: &Client,
    statement: &Statement,
    is_needed: bool,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<u64, tokio_postgres::Error> {
    if is_needed { client.execute(statement, parameters).await } else { Ok(0) }
}

/// What becomes of each record in the end: a statement may touch a row only once. Returns the ids and bodies of those that
/// are stored, and the ids of those that are removed.
fn final_writes(batch: &Batch) -> (Vec<&str>, Vec<&[u8]>, Vec<&str>) {
    let mut last: BTreeMap<&str, Option<&[u8]>> = BTreeMap::new();
    for write in &batch.writes {
        match write {
            Write::Put { id, body } => last.insert(id, Some(body)),
            Write::Remove { id } => last.insert(id, None),
        };
    }

    let removed = last.iter().filter(|(_, body)| body.is_none()).map(|(id, _)| *id).collect();
    let (puts, bodies) = last.iter().filter_map(|(id, body)| Some((*id, (*body)?))).unzip();
    (puts, bodies, removed)
}
