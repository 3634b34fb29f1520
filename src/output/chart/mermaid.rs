//! Mermaid, which GitHub, GitLab and many wikis draw: `portolan local -o mermaid`.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Chart, ChartCaption, ChartGraph, NodeState};
use crate::clean::escaped;
use crate::output::RenderOptions;

pub(in crate::output) struct Mermaid;

impl Mermaid {
    pub(in crate::output) fn begin(out: &mut (dyn Write + Send), page: RenderOptions) -> io::Result<Chart<'_>> {
        Ok(Chart::of(out, page, draw))
    }
}

const CLASSES: &str = "  classDef good fill:#dff3e3,stroke:#1a6b2f,color:#1b1f24
  classDef doubtful fill:#fbefcf,stroke:#7a5200,color:#1b1f24
  classDef bad fill:#fbdcdc,stroke:#a3121f,color:#1b1f24
";

fn draw(graph: &ChartGraph, caption: &ChartCaption, out: &mut (dyn Write + Send)) -> io::Result<()> {
    // A comment ends with its line; `{` in it would begin a directive.
    writeln!(out, "flowchart LR\n  %% {}", escaped(&caption.text()).replace(['{', '}', '%'], " "))?;
    for (number, group) in graph.groups.iter().enumerate() {
        let owners: Vec<_> = graph.owners_of(number).collect();
        let is_frame = !group.is_empty() && !owners.is_empty();
        let indent = if is_frame { "    " } else { "  " };
        if is_frame {
            writeln!(out, "  subgraph g{number}[{}]", quoted(group))?;
        }
        for (owner, node) in owners {
            writeln!(out, "{indent}o{owner}[{}]", quoted(&node.label))?;
            for (at, leaf) in node.leaves.iter().enumerate() {
                let class = match leaf.state {
                    NodeState::Plain => String::new(),
                    state => format!(":::{}", state.as_str()),
                };
                writeln!(out, "{indent}o{owner} --> o{owner}e{at}({}){class}", quoted(&leaf.label))?;
            }
        }
        if is_frame {
            out.write_all(b"  end\n")?;
        }
    }
    for (from, to) in &graph.links {
        writeln!(out, "  o{from} -.-> o{to}")?;
    }

    out.write_all(CLASSES.as_bytes())
}

/// A quoted label. Mermaid writes characters with a meaning as entities: `#quot;`, or `#` and the number.
fn quoted(text: &str) -> String {
    super::quoted(text, |quoted, c| match c {
        '"' => quoted.push_str("#quot;"),
        // `<` begins HTML, a backquote Markdown, `#` an entity, `;` may end a statement.
        '#' | '&' | '<' | '>' | '`' | ';' | '\\' | '*' | '_' | '{' | '}' | '[' | ']' | '|' => {
            let _ = write!(quoted, "#{};", u32::from(c));
        }
        c => quoted.push(c),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_with_a_meaning_becomes_an_entity() {
        assert_eq!(quoted("web (5)"), "\"web (5)\"");
        assert_eq!(quoted("\"]; click a \"javascript:x\""), "\"#quot;#93;#59; click a #quot;javascript:x#quot;\"");
        assert_eq!(quoted("<script>"), "\"#60;script#62;\"");
        assert_eq!(quoted("`a`#b"), "\"#96;a#96;#35;b\"");
        assert_eq!(quoted("a\nend"), "\"a#92;nend\"");
    }
}
