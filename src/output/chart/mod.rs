//! Pictures of a listing: who serves what. Groups (containers, units, namespaces) hold owners (processes, services,
//! hosts), and owners hold endpoints; routes of a cluster lead to its services, and connections from clients to servers.

mod dot;
mod graph;
mod mermaid;
mod place;
mod svg;

use std::io::{self, Write};

pub(super) use self::dot::Dot;
use self::graph::{ChartGraph, NodeState};
pub(super) use self::mermaid::Mermaid;
pub(super) use self::svg::Svg;
use super::{Footer, Format, RenderOptions};
use crate::clean::escaped;
use crate::model::{Completeness, ConnectionDetail, Service};

/// Draws a whole graph.
type Draw = fn(&ChartGraph, &ChartCaption, &mut (dyn Write + Send)) -> io::Result<()>;

/// Collects the graph, and draws it at the end.
pub(super) struct Chart<'w> {
    out: &'w mut (dyn Write + Send),
    page: RenderOptions,
    graph: ChartGraph,
    services: usize,
    noun: &'static str,
    draw: Draw,
}

/// What stands below a picture.
struct ChartCaption {
    services: usize,
    /// What they are.
    noun: &'static str,
    /// Why something is missing, if it is.
    missing: Option<String>,
}

impl ChartCaption {
    fn text(&self) -> String {
        let plural = if self.services == 1 { "" } else { "s" };
        match &self.missing {
            Some(missing) => format!("{} {}{plural}; incomplete: {missing}", self.services, self.noun),
            None => format!("{} {}{plural}", self.services, self.noun),
        }
    }
}

/// A text in double quotes, safe to print. `push` writes each character as the language needs it.
fn quoted(text: &str, push: fn(&mut String, char)) -> String {
    let mut quoted = String::from("\"");
    for c in escaped(text).chars() {
        push(&mut quoted, c);
    }
    quoted.push('"');

    quoted
}

impl<'w> Chart<'w> {
    fn of(out: &'w mut (dyn Write + Send), page: RenderOptions, draw: Draw) -> Self {
        Self { out, page, graph: ChartGraph::default(), services: 0, noun: "service", draw }
    }
}

impl Format for Chart<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        self.services += 1;
        if service.detail.downcast_ref::<ConnectionDetail>().is_some() {
            self.noun = "connection";
        }
        self.graph.add(&self.page, service).map_err(io::Error::other)
    }

    fn end(&mut self, end: &Footer<'_>) -> io::Result<()> {
        let is_complete = end.completeness == Completeness::Complete;
        let missing = (!is_complete || !end.errors.is_empty()).then(|| match end.errors.first() {
            Some(error) => format!("cannot {}: {}", error.operation, error.cause),
            None => "the listing was stopped".to_owned(),
        });
        let caption = ChartCaption { services: self.services, noun: self.noun, missing };
        (self.draw)(&self.graph, &caption, self.out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
