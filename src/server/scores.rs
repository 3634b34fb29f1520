//! Scores as they are written in answers.

use serde_json::{Map, Value, json};

use super::checks::CheckScore;
use super::shared::App;
use super::view::ServiceView;
use crate::model::Grade;

/// The score of a service: the mean of its instances by weight.
pub(super) fn service_score(app: &App, service: &ServiceView) -> CheckScore {
    let instances = service.list().iter().map(|one| (&*one.instance.id, one.instance.weight));
    app.checks.board.service_score(instances)
}

/// The grade of a score; with a `?` if a check behind it could not run.
pub(super) fn grade(scored: CheckScore) -> Option<&'static str> {
    scored.score.map(|score| Grade::of(score).as_str(scored.complete))
}

/// Adds a score as it is written everywhere: the number, its grade, and whether every check behind it could run.
pub(super) fn add_score(fields: &mut Map<String, Value>, scored: Option<CheckScore>) {
    fields.insert("score".to_owned(), json!(scored.and_then(|scored| scored.score)));
    fields.insert("grade".to_owned(), json!(scored.and_then(grade)));
    fields.insert("complete".to_owned(), json!(scored.is_none_or(|scored| scored.complete)));
}
