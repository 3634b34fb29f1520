//! A picture in SVG: one file, without scripts, links or fonts of others.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::place::{Area, BOX, ChartLayout, place};
use super::{Chart, ChartCaption, ChartGraph};
use crate::output::RenderOptions;
use crate::output::table::truncated;
use crate::output::xml::XmlWriter;

pub(in crate::output) struct Svg;

impl Svg {
    pub(in crate::output) fn begin(out: &mut (dyn Write + Send), page: RenderOptions) -> io::Result<Chart<'_>> {
        Ok(Chart::of(out, page, draw))
    }
}

const STYLE: &str = "
text { font: 12px ui-monospace, monospace; fill: #1b1f24; }
.group { fill: #f4f5f7; stroke: #c8ccd1; } .title { font-weight: 600; fill: #57606a; }
.owner { fill: #ffffff; stroke: #1b1f24; stroke-width: 1.5; }
.plain { fill: #ffffff; stroke: #57606a; } .good { fill: #dff3e3; stroke: #1a6b2f; }
.doubtful { fill: #fbefcf; stroke: #7a5200; } .bad { fill: #fbdcdc; stroke: #a3121f; }
path { fill: none; stroke: #8a929b; } .route { stroke: #57606a; stroke-dasharray: 5 4; }
.paper { fill: #ffffff; }
";

/// The width of a character of the font, in tenths of a pixel.
const CHAR_TENTHS: usize = 73;
/// The longest texts of the boxes, in characters; the whole text is their title.
const MAX_OWNER_CHARS: usize = 32;
const MAX_LEAF_CHARS: usize = 52;
/// From the edge of a box to its text.
const TEXT_INSET: usize = 8;
/// From the upper edge of a box to the base line of its text.
const BASE_LINE: usize = 16;
/// The room for the caption below.
const CAPTION: usize = 28;

fn draw(graph: &ChartGraph, caption: &ChartCaption, out: &mut (dyn Write + Send)) -> io::Result<()> {
    let owner_chars = graph.owners.iter().map(|owner| owner.label.width());
    let leaf_chars = graph.owners.iter().flat_map(|owner| &owner.leaves).map(|leaf| leaf.label.width());
    let owner_width = box_width(owner_chars, MAX_OWNER_CHARS);
    let leaf_width = box_width(leaf_chars, MAX_LEAF_CHARS);
    let placed = place(graph, owner_width, leaf_width);

    let text = caption.text();
    let width = placed.width.max(text.width() * CHAR_TENTHS / 10 + 2 * TEXT_INSET + 24).to_string();
    let height = (placed.height + CAPTION).to_string();
    let mut xml = XmlWriter::indented(out)?;
    xml.open(
        "svg",
        &[
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("viewBox", &format!("0 0 {width} {height}")),
            ("width", &width),
            ("height", &height),
            ("role", "img"),
            ("aria-label", &format!("chart of {text}")),
        ],
    )?;
    xml.open("style", &[])?;
    xml.text(STYLE)?;
    xml.close("style")?;
    xml.empty("rect", &[("class", "paper"), ("width", &width), ("height", &height)])?;

    for frame in &placed.frames {
        let name = &graph.groups[frame.group];
        if !name.is_empty() {
            rectangle(&mut xml, "group", frame.area)?;
            let room = frame.area.width.saturating_sub(2 * TEXT_INSET) * 10 / CHAR_TENTHS;
            label(&mut xml, "title", frame.area.x + TEXT_INSET, frame.area.y + BASE_LINE + 2, &truncated(name, room))?;
        }
    }
    edges(&mut xml, graph, &placed)?;
    for (number, owner) in graph.owners.iter().enumerate() {
        boxed(&mut xml, "owner", placed.owners[number], &owner.label, MAX_OWNER_CHARS)?;
        for (leaf, &area) in owner.leaves.iter().zip(&placed.leaves[number]) {
            boxed(&mut xml, leaf.state.as_str(), area, &leaf.label, MAX_LEAF_CHARS)?;
        }
    }

    label(&mut xml, "title", 24, placed.height + BASE_LINE, &text)?;
    xml.close("svg")?;
    xml.end_line()
}

fn box_width(chars: impl Iterator<Item = usize>, most: usize) -> usize {
    chars.max().unwrap_or_default().clamp(8, most) * CHAR_TENTHS / 10 + 2 * TEXT_INSET
}

/// From owners to their endpoints, and from routes to services.
fn edges(xml: &mut XmlWriter<'_>, graph: &ChartGraph, placed: &ChartLayout) -> io::Result<()> {
    for (owner, leaves) in placed.owners.iter().zip(&placed.leaves) {
        for leaf in leaves {
            let from = (owner.x + owner.width, owner.y + BOX / 2);
            let to = (leaf.x, leaf.y + BOX / 2);
            xml.empty("path", &[("d", &curve(from, to))])?;
        }
    }
    for &(from, to) in &graph.links {
        let (from, to) = (placed.owners[from], placed.owners[to]);
        let start = (from.x, from.y + BOX / 2);
        let end = (to.x, to.y + BOX / 2);
        xml.empty("path", &[("class", "route"), ("d", &curve(start, end))])?;
    }

    Ok(())
}

/// A curve that leaves and arrives level.
fn curve((x, y): (usize, usize), (to_x, to_y): (usize, usize)) -> String {
    let middle = usize::midpoint(x, to_x);
    format!("M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}")
}

fn rectangle(xml: &mut XmlWriter<'_>, class: &str, area: Area) -> io::Result<()> {
    let [x, y, width, height] = [area.x, area.y, area.width, area.height].map(|number| number.to_string());
    xml.empty("rect", &[("class", class), ("x", &x), ("y", &y), ("width", &width), ("height", &height), ("rx", "4")])
}

/// A box with its text, and the whole text as a title where it is cut.
fn boxed(xml: &mut XmlWriter<'_>, class: &str, area: Area, text: &str, most: usize) -> io::Result<()> {
    xml.open("g", &[])?;
    let shown = truncated(text, most);
    if shown != text {
        xml.open("title", &[])?;
        xml.text(text)?;
        xml.close("title")?;
    }
    rectangle(xml, class, area)?;
    label(xml, "label", area.x + TEXT_INSET, area.y + BASE_LINE, &shown)?;
    xml.close("g")
}

fn label(xml: &mut XmlWriter<'_>, class: &str, x: usize, y: usize, text: &str) -> io::Result<()> {
    xml.open("text", &[("class", class), ("x", &x.to_string()), ("y", &y.to_string())])?;
    xml.text(text)?;
    xml.close("text")
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;
    use quick_xml::events::Event;

    use super::*;
    use crate::output::chart::NodeState;
    use crate::output::chart::graph::{ChartOwner, Leaf};

    #[test]
    fn a_hostile_name_is_text_and_nothing_else() {
        let name = "</text><script>alert(1)</script>\u{1b}\"' onload='x";
        let states = [NodeState::Plain, NodeState::Good, NodeState::Doubtful, NodeState::Bad];
        let leaves = states.map(|state| Leaf { label: name.to_owned(), state });
        let owner = ChartOwner { group: 1, label: name.to_owned(), leaves: leaves.into() };
        let graph = ChartGraph::of(vec![String::new(), name.to_owned()], vec![owner]);
        let mut out = Vec::new();
        let caption = ChartCaption { services: 1, noun: "service", missing: Some(name.to_owned()) };
        draw(&graph, &caption, &mut out).unwrap();

        let text = String::from_utf8(out).unwrap();
        let mut reader = Reader::from_str(&text);
        let mut names = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(element) | Event::Empty(element) => {
                    names.push(String::from_utf8(element.name().as_ref().to_vec()).unwrap());
                    for attribute in element.attributes() {
                        assert!(!attribute.unwrap().key.as_ref().starts_with(b"on"));
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        names.sort();
        names.dedup();
        assert_eq!(names, ["g", "path", "rect", "style", "svg", "text", "title"]);
    }
}
