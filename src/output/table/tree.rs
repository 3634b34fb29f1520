//! `--tree`: listeners below the processes that hold them, processes below those that started them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::TableLine;
use crate::clean::clean;
use crate::model::{ConnectionDetail, LocalDetail, Process, Service};

/// The processes of a listing, and the rows of each.
#[derive(Default)]
pub(in crate::output) struct ProcessTree {
    nodes: BTreeMap<u32, ProcessNode>,
    /// Rows without a process, by the reason.
    unknown: BTreeMap<String, Vec<usize>>,
    rows: usize,
}

#[derive(Default)]
struct ProcessNode {
    name: String,
    parent: Option<u32>,
    rows: Vec<usize>,
}

/// A walk through the tree, which visits each process once: two reads of /proc may disagree about who started whom.
struct TreeWalk<'t> {
    nodes: &'t BTreeMap<u32, ProcessNode>,
    children: BTreeMap<u32, Vec<u32>>,
    visited: BTreeSet<u32>,
    lines: Vec<TableLine>,
}

/// The depth from which on branches are no longer indented.
const MAX_INDENTS: usize = 24;

impl ProcessTree {
    /// Adds the next row.
    pub(in crate::output) fn add(&mut self, service: &Service) {
        let row = self.rows;
        self.rows += 1;
        let Some((process, count)) = holders(service) else {
            self.unknown.entry(missing(service).to_owned()).or_default().push(row);
            return;
        };

        let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        let node = self.nodes.entry(process.pid).or_default();
        node.name = format!("{} ({}{more})", clean(process.name.as_raw()), process.pid);
        node.parent = process.parents.first().map(|parent| parent.pid);
        node.rows.push(row);

        // The parents come from the inside to the outside.
        for (at, ancestor) in process.parents.iter().enumerate() {
            let node = self.nodes.entry(ancestor.pid).or_default();
            if node.name.is_empty() {
                node.name = format!("{} ({})", clean(ancestor.name.as_raw()), ancestor.pid);
            }
            node.parent = node.parent.or(process.parents.get(at + 1).map(|parent| parent.pid));
        }
    }

    /// A line for each process and each row, in the order of the tree.
    pub(in crate::output) fn lines(&self) -> Vec<TableLine> {
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut roots = Vec::new();
        for (&pid, node) in &self.nodes {
            match node.parent.filter(|parent| self.nodes.contains_key(parent)) {
                Some(parent) => children.entry(parent).or_default().push(pid),
                None => roots.push(pid),
            }
        }

        let mut walk = TreeWalk { nodes: &self.nodes, children, visited: BTreeSet::new(), lines: Vec::new() };
        // Whatever no root leads to is a root too.
        for pid in roots.into_iter().chain(self.nodes.keys().copied()) {
            walk.process(pid, "", "", 0);
        }

        let mut lines = walk.lines;
        for (reason, rows) in &self.unknown {
            lines.push(TableLine { lead: reason.clone(), row: None });
            lines.extend(rows.iter().map(|&row| TableLine { lead: super::INDENT.to_owned(), row: Some(row) }));
        }
        lines
    }
}

/// The main process of a listener or of a connection's own end, and how many hold it.
fn holders(service: &Service) -> Option<(&Arc<Process>, usize)> {
    if let Some(connection) = service.detail.downcast_ref::<ConnectionDetail>() {
        return Some((connection.end.main_process()?, connection.end.processes.len()));
    }
    let detail: &LocalDetail = service.detail.downcast_ref()?;
    Some((detail.main_process()?, detail.processes.len()))
}

/// Why there is no process.
fn missing(service: &Service) -> &'static str {
    let connection = service.detail.downcast_ref::<ConnectionDetail>().map(|connection| connection.end.owner);
    let owner = connection.or_else(|| service.detail.downcast_ref::<LocalDetail>().map(|detail| detail.owner));
    owner.map_or("no process", |owner| owner.as_str())
}

impl TreeWalk<'_> {
    /// A process, its rows and its children. `own`: what stands before its line; `below`: before those of its children.
    fn process(&mut self, pid: u32, own: &str, below: &str, depth: usize) {
        let Some(node) = self.nodes.get(&pid).filter(|_| self.visited.insert(pid)) else { return };
        self.lines.push(TableLine { lead: format!("{own}{}", node.name), row: None });

        let children = self.children.get(&pid).cloned().unwrap_or_default();
        let bar = if children.is_empty() { "" } else { "│" };
        for &row in &node.rows {
            self.lines.push(TableLine { lead: format!("{below}{bar}"), row: Some(row) });
        }

        let last = children.len().saturating_sub(1);
        for (at, child) in children.into_iter().enumerate() {
            let (branch, bar) = if at < last { ("├─ ", "│  ") } else { ("└─ ", "   ") };
            let bar = if depth < MAX_INDENTS { bar } else { "" };
            self.process(child, &format!("{below}{branch}"), &format!("{below}{bar}"), depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, parent: Option<u32>, rows: &[usize]) -> ProcessNode {
        ProcessNode { name: name.to_owned(), parent, rows: rows.to_vec() }
    }

    fn drawn(nodes: Vec<(u32, ProcessNode)>) -> Vec<(String, Option<usize>)> {
        let tree = ProcessTree { nodes: nodes.into_iter().collect(), ..ProcessTree::default() };
        tree.lines().into_iter().map(|line| (line.lead, line.row)).collect()
    }

    #[test]
    fn processes_stand_below_those_that_started_them() {
        let lines = drawn(vec![
            (1, node("init (1)", None, &[])),
            (5, node("web (5)", Some(1), &[0])),
            (6, node("worker (6)", Some(5), &[1])),
            (7, node("db (7)", Some(1), &[2])),
        ]);
        let lines: Vec<(&str, Option<usize>)> = lines.iter().map(|(lead, row)| (lead.as_str(), *row)).collect();

        assert_eq!(
            lines,
            [
                ("init (1)", None),
                ("├─ web (5)", None),
                ("│  │", Some(0)),
                ("│  └─ worker (6)", None),
                ("│     ", Some(1)),
                ("└─ db (7)", None),
                ("   ", Some(2)),
            ]
        );
    }

    /// Two processes that seem to have started each other, after a process id was reused between two reads.
    #[test]
    fn no_row_is_lost_in_a_circle() {
        let lines = drawn(vec![(2, node("a (2)", Some(3), &[0])), (3, node("b (3)", Some(2), &[1]))]);
        let mut rows: Vec<usize> = lines.iter().filter_map(|(_, row)| *row).collect();
        rows.sort_unstable();
        assert_eq!(rows, [0, 1]);
    }
}
