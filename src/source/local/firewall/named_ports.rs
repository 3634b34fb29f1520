//! The destination ports that rules name.

use std::collections::BTreeSet;

use super::expression::Expression;
use super::packet::PacketField;
use super::registers::Registers;
use super::ruleset::{Chain, Ruleset, Set};
use super::translate::number;

/// The destination ports that the rules of a chain name, at most `max` of them.
pub(super) fn named_ports(ruleset: &Ruleset, chain: &Chain, max: usize, out: &mut BTreeSet<u16>) {
    for rule in &chain.rules {
        let mut loaded: Vec<(u32, PacketField)> = Vec::new();
        let mut lower: Option<u16> = None;
        for expression in rule {
            match expression {
                Expression::Load { register, field } => loaded.push((*register, *field)),
                Expression::Match(condition) => condition.ports().iter().for_each(|range| add(*range, max, out)),
                Expression::Compare { register, operator, data } if is_port(&loaded, *register) => {
                    let Some(port) = number(data) else { continue };
                    match (operator, lower.take()) {
                        (4 | 5, _) => lower = Some(port),
                        (2 | 3, Some(first)) => add((first, port), max, out),
                        _ => add((port, port), max, out),
                    }
                }
                Expression::Range { register, first, last, .. } if is_port(&loaded, *register) => {
                    if let (Some(first), Some(last)) = (number(first), number(last)) {
                        add((first, last), max, out);
                    }
                }
                Expression::Lookup { set, register, .. } => {
                    if let Some(set) = ruleset.set(chain, set) {
                        keyed_ports(set, &loaded, *register, max, out);
                    }
                }
                _ => {}
            }
        }
    }
}

fn is_port(loaded: &[(u32, PacketField)], register: u32) -> bool {
    loaded.iter().rev().find(|(at, _)| *at == register).is_some_and(|(_, field)| *field == PacketField::PORT)
}

/// The ports in the keys of a set, whose parts were loaded into registers from `register` on.
fn keyed_ports(set: &Set, loaded: &[(u32, PacketField)], register: u32, max: usize, out: &mut BTreeSet<u16>) {
    let Some(at) = loaded.iter().rev().find(|(_, field)| *field == PacketField::PORT).map(|(at, _)| *at) else {
        return;
    };
    let offset = Registers::distance(register, at);
    let mut start: Option<u16> = None;
    for element in set.elements.iter().flatten() {
        let Some(port) = element.key.get(offset..).and_then(number) else { continue };
        let last = element.last.as_ref().and_then(|last| number(last.get(offset..)?));
        match (element.is_end, start.take(), last) {
            (_, _, Some(last)) => add((port, last), max, out),
            (true, Some(first), None) => add((first, port.saturating_sub(1)), max, out),
            (false, _, None) if set.is_interval => {
                add((port, port), max, out);
                start = Some(port);
            }
            (false, _, None) => add((port, port), max, out),
            (true, None, None) => {}
        }
    }
}

/// Adds a range; one of every port names none.
fn add((first, last): (u16, u16), max: usize, out: &mut BTreeSet<u16>) {
    if (first, last) != (0, u16::MAX) {
        out.extend((first..=last).take(max.saturating_sub(out.len())));
    }
}
