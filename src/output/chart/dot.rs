//! The language of Graphviz: `portolan local -o dot | dot -Tpng > chart.png`.

use std::io::{self, Write};

use super::{Chart, ChartCaption, ChartGraph, NodeState};
use crate::output::RenderOptions;

pub(in crate::output) struct Dot;

impl Dot {
    pub(in crate::output) fn begin(out: &mut (dyn Write + Send), page: RenderOptions) -> io::Result<Chart<'_>> {
        Ok(Chart::of(out, page, draw))
    }
}

const HEAD: &str = "digraph portolan {
  rankdir=LR;
  fontname=\"sans-serif\";
  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", fontname=\"sans-serif\", fontsize=11];
  edge [arrowsize=0.6, color=\"#57606a\"];
";

fn draw(graph: &ChartGraph, caption: &ChartCaption, out: &mut (dyn Write + Send)) -> io::Result<()> {
    out.write_all(HEAD.as_bytes())?;
    writeln!(out, "  label={};", quoted(&caption.text()))?;
    for (number, group) in graph.groups.iter().enumerate() {
        let owners: Vec<_> = graph.owners_of(number).collect();
        let is_frame = !group.is_empty() && !owners.is_empty();
        let indent = if is_frame { "    " } else { "  " };
        if is_frame {
            writeln!(out, "  subgraph cluster_{number} {{\n    label={};", quoted(group))?;
        }
        for (owner, node) in owners {
            writeln!(out, "{indent}o{owner} [label={}];", quoted(&node.label))?;
            for (at, leaf) in node.leaves.iter().enumerate() {
                let fill = fill(leaf.state);
                writeln!(out, "{indent}o{owner}e{at} [label={}, fillcolor=\"{fill}\"];", quoted(&leaf.label))?;
            }
        }
        if is_frame {
            out.write_all(b"  }\n")?;
        }
    }

    for (owner, node) in graph.owners.iter().enumerate() {
        for at in 0..node.leaves.len() {
            writeln!(out, "  o{owner} -> o{owner}e{at};")?;
        }
    }
    for (from, to) in &graph.links {
        writeln!(out, "  o{from} -> o{to} [style=dashed];")?;
    }
    out.write_all(b"}\n")
}

fn fill(state: NodeState) -> &'static str {
    match state {
        NodeState::Plain => "#ffffff",
        NodeState::Good => "#dff3e3",
        NodeState::Doubtful => "#fbefcf",
        NodeState::Bad => "#fbdcdc",
    }
}

/// A quoted string: labels read `\n` and the like as escapes, and `&amp;` as an entity of HTML.
fn quoted(text: &str) -> String {
    super::quoted(text, |quoted, c| match c {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '&' => quoted.push_str("&amp;"),
        c => quoted.push(c),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_string() {
        assert_eq!(quoted("a\"]; b"), "\"a\\\"]; b\"");
        assert_eq!(quoted("a\\"), "\"a\\\\\"", "a backslash does not escape the quote that ends the string");
        assert_eq!(quoted("a\nb\u{1b}"), "\"a\\\\nb\\\\u{1b}\"");
        assert_eq!(quoted("&lt;"), "\"&amp;lt;\"");
    }
}
