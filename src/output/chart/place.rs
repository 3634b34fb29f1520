//! Where the boxes of a picture stand: owners left of their endpoints, groups as frames around their owners, all in
//! columns of about the same height, so that a picture of 500 boxes is not one long list.

use super::ChartGraph;

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// A group's frame; a group that continues in the next column has one in each.
pub(super) struct Frame {
    pub(super) group: usize,
    pub(super) area: Area,
}

/// The areas of everything.
pub(super) struct ChartLayout {
    pub(super) frames: Vec<Frame>,
    /// By owner.
    pub(super) owners: Vec<Area>,
    /// By owner, and by leaf.
    pub(super) leaves: Vec<Vec<Area>>,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The height of a box.
pub(super) const BOX: usize = 24;
/// From one box to the next.
const STEP: usize = 32;
/// Between owners and endpoints.
const LEVEL_GAP: usize = 48;
/// Around a picture, and between columns.
const MARGIN: usize = 24;
/// Between the frame of a group and its boxes.
const PADDING: usize = 12;
/// The height of a group's name.
const TITLE: usize = 24;
/// Width over height of a picture that fits a screen.
const ASPECT: (usize, usize) = (16, 10);

/// Places everything. `owner_width`, `leaf_width`: of the boxes, in pixels.
pub(super) fn place(graph: &ChartGraph, owner_width: usize, leaf_width: usize) -> ChartLayout {
    let column_width = owner_width + LEVEL_GAP + leaf_width + 2 * PADDING + MARGIN;
    let mut placed = ChartLayout {
        frames: Vec::new(),
        owners: vec![Area { x: 0, y: 0, width: owner_width, height: BOX }; graph.owners.len()],
        leaves: vec![Vec::new(); graph.owners.len()],
        width: MARGIN,
        height: MARGIN,
    };

    let limit = column_height(graph, column_width);
    let mut column = 0;
    let mut y = MARGIN;
    for group in 0..graph.groups.len() {
        let mut frame: Option<Frame> = None;
        for (number, owner) in graph.owners_of(group) {
            let height = owner.leaves.len().max(1) * STEP;
            let x = MARGIN + column * column_width;
            // A column that is full ends before this owner, but never before its first one.
            let x = if y > MARGIN && y + height > limit {
                close(&mut frame, y, &mut placed);
                column += 1;
                y = MARGIN;
                MARGIN + column * column_width
            } else {
                x
            };
            if frame.is_none() {
                let width = column_width - MARGIN;
                frame = Some(Frame { group, area: Area { x, y, width, height: 0 } });
                y += if graph.groups[group].is_empty() { PADDING } else { TITLE + PADDING };
            }

            let left = x + PADDING;
            placed.owners[number].x = left;
            placed.owners[number].y = y + (height - STEP) / 2;
            for at in 0..owner.leaves.len() {
                let leaf_x = left + owner_width + LEVEL_GAP;
                placed.leaves[number].push(Area { x: leaf_x, y: y + at * STEP, width: leaf_width, height: BOX });
            }
            y += height;
            placed.width = placed.width.max(x + column_width);
        }
        if frame.is_some() {
            close(&mut frame, y, &mut placed);
            y += PADDING + MARGIN / 2;
        }
    }
    placed
}

/// Ends the frame of a group.
fn close(frame: &mut Option<Frame>, y: usize, placed: &mut ChartLayout) {
    if let Some(mut frame) = frame.take() {
        frame.area.height = y + PADDING - (STEP - BOX) - frame.area.y;
        placed.height = placed.height.max(frame.area.y + frame.area.height + MARGIN);
        placed.frames.push(frame);
    }
}

/// The height of a column with which the whole picture has about the shape of a screen.
fn column_height(graph: &ChartGraph, column_width: usize) -> usize {
    let rows: usize = graph.owners.iter().map(|owner| owner.leaves.len().max(1)).sum();
    let total = rows * STEP + graph.groups.len() * (TITLE + 2 * PADDING + MARGIN);
    // Of n columns, the width is n times that of one, and the height an n-th of the total.
    let columns = (total * ASPECT.0 / (column_width * ASPECT.1).max(1)).isqrt().max(1);
    MARGIN + total.div_ceil(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::chart::graph::{ChartOwner, Leaf, NodeState};

    /// A graph with these numbers of owners, leaves of each owner, and groups.
    fn graph(owners: usize, leaves: usize, groups: usize) -> ChartGraph {
        let leaf = || Leaf { label: "tcp 127.0.0.1:80".to_owned(), state: NodeState::Plain };
        let owner = |number: usize| ChartOwner {
            group: 1 + number * groups / owners,
            label: format!("owner {number}"),
            leaves: (0..leaves).map(|_| leaf()).collect(),
        };
        let name = |group: usize| if group == 0 { String::new() } else { format!("group {group}") };
        ChartGraph::of((0..=groups).map(name).collect(), (0..owners).map(owner).collect())
    }

    fn overlap(one: &Area, other: &Area) -> bool {
        one.x < other.x + other.width
            && other.x < one.x + one.width
            && one.y < other.y + other.height
            && other.y < one.y + one.height
    }

    #[test]
    fn no_boxes_overlap_and_all_are_in_the_picture() {
        for (owners, leaves, groups) in [(1, 4, 1), (10, 4, 3), (50, 9, 1), (250, 1, 20), (1, 500, 1), (500, 0, 7)] {
            let graph = graph(owners, leaves, groups);
            let placed = place(&graph, 160, 260);
            let boxes: Vec<&Area> = placed.owners.iter().chain(placed.leaves.iter().flatten()).collect();
            assert_eq!(boxes.len(), owners * (leaves + 1));
            for (at, one) in boxes.iter().enumerate() {
                assert!(one.x + one.width <= placed.width && one.y + one.height <= placed.height, "{one:?}");
                assert!(boxes[at + 1..].iter().all(|other| !overlap(one, other)), "{owners} {leaves} {groups}");
            }
            for (at, one) in placed.frames.iter().enumerate() {
                assert!(placed.frames[at + 1..].iter().all(|other| !overlap(&one.area, &other.area)));
            }
            for (number, owner) in placed.owners.iter().enumerate() {
                let group = graph.owners[number].group;
                let mut frames = placed.frames.iter().filter(|frame| frame.group == group);
                assert!(frames.any(|frame| overlap(&frame.area, owner)), "an owner is in a frame of its group");
            }
        }
    }

    #[test]
    fn a_large_picture_has_the_shape_of_a_screen() {
        for owners in [50, 500] {
            let placed = place(&graph(owners, 1, 4), 160, 260);
            assert!(
                placed.height <= placed.width * 2 && placed.width <= placed.height * 4,
                "{}x{}",
                placed.width,
                placed.height
            );
        }
    }
}
