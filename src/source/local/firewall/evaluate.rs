//! What the rules may do with packets: every way through them is followed, so what does not come out cannot happen.

use super::expression::Expression;
use super::packet::Packet;
use super::registers::Registers;
use super::ruleset::{Chain, Ruleset};
use super::translate::{Translation, translations};
use super::value::{Data, Holds, RuleVerdict, Value};

/// Chains may jump this deep; the kernel's own limit.
const MAX_DEPTH: usize = 16;
/// Maximum number of rules that are followed for one kind of packet. Beyond it, everything may happen.
const MAX_STEPS: usize = 200_000;
pub(super) const NFPROTO_INET: u8 = 1;

/// What may become of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) accepted: bool,
    pub(super) dropped: bool,
    /// They come to the end of a chain.
    pub(super) continues: bool,
}

/// Follows one kind of packet through the rules.
pub(super) struct Evaluation<'r> {
    ruleset: &'r Ruleset,
    packet: &'r Packet,
    steps: usize,
    /// The destinations that they may get on the way,
    pub(super) translations: Vec<Translation>,
    /// and whether they may get unknown ones too.
    pub(super) may_get_unknown: bool,
    /// Drops what gets another destination, to see what is left.
    drops_translated: bool,
}

/// What a rule does with the packets for which it holds.
struct ChainOutcome {
    holds: Holds,
    verdict: Option<RuleVerdict>,
}

const ANYTHING: Fate = Fate { accepted: true, dropped: true, continues: true };

impl<'r> Evaluation<'r> {
    pub(super) fn new(ruleset: &'r Ruleset, packet: &'r Packet) -> Self {
        let (translations, may_get_unknown, drops_translated) = (Vec::new(), false, false);
        Self { ruleset, packet, steps: 0, translations, may_get_unknown, drops_translated }
    }

    /// What the chains at a hook may do. A packet comes through if each of them accepts it.
    pub(super) fn hook(&mut self, families: &[u8], hook: u32) -> Fate {
        let mut fate = Fate { accepted: true, ..Fate::default() };
        for (chain, base) in self.ruleset.at_hook(families, hook) {
            let through = self.chain(chain, 0);
            let ends_well = through.continues && base.accepts;
            fate.accepted &= through.accepted || ends_well;
            fate.dropped |= through.dropped || (through.continues && !base.accepts);
        }
        fate
    }

    /// The chains for the packet's own family and those for both.
    pub(super) fn ip_hook(&mut self, hook: u32) -> Fate {
        self.hook(&[self.packet.family(), NFPROTO_INET], hook)
    }

    /// Follows only the chains that translate destinations.
    pub(super) fn translate(&mut self, hook: u32) {
        for (chain, base) in self.ruleset.at_hook(&[self.packet.family(), NFPROTO_INET], hook) {
            if base.is_nat {
                self.chain(chain, 0);
            }
        }
    }

    /// Whether some packets may keep their destination.
    pub(super) fn may_keep_destination(mut self, hook: u32) -> bool {
        self.drops_translated = true;
        let chains = self.ruleset.at_hook(&[self.packet.family(), NFPROTO_INET], hook);
        chains.into_iter().filter(|(_, base)| base.is_nat).all(|(chain, base)| {
            let through = self.chain(chain, 0);
            through.accepted || (through.continues && base.accepts)
        })
    }

    /// How many rules were followed.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// Whether more rules would have to be followed: then everything may happen, another destination included.
    pub(super) fn is_exhausted(&self) -> bool {
        self.steps > MAX_STEPS
    }

    fn chain(&mut self, chain: &'r Chain, depth: usize) -> Fate {
        if depth > MAX_DEPTH {
            return ANYTHING;
        }

        let mut fate = Fate::default();
        for rule in &chain.rules {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return ANYTHING;
            }
            for outcome in self.rule(chain, rule) {
                if outcome.holds == Holds::Never {
                    continue;
                }
                let goes_on = self.carry_out(chain, &outcome, depth, &mut fate);
                if outcome.holds == Holds::Always && !goes_on {
                    return fate;
                }
            }
        }

        fate.continues = true;
        fate
    }

    /// Adds what a verdict does; whether the next rule may follow where the verdict was reached.
    fn carry_out(&mut self, chain: &Chain, outcome: &ChainOutcome, depth: usize, fate: &mut Fate) -> bool {
        let called = match &outcome.verdict {
            None | Some(RuleVerdict::Continue) => return true,
            Some(RuleVerdict::Accept) => {
                fate.accepted = true;
                return false;
            }
            Some(RuleVerdict::Drop) => {
                fate.dropped = true;
                return false;
            }
            Some(RuleVerdict::Return) => {
                fate.continues = true;
                return false;
            }
            Some(RuleVerdict::Unknown) => ANYTHING,
            Some(RuleVerdict::Jump(name) | RuleVerdict::Goto(name)) => {
                match self.ruleset.chain(chain.family, &chain.table, name) {
                    Some(called) => self.chain(called, depth + 1),
                    None => ANYTHING,
                }
            }
        };

        fate.accepted |= called.accepted;
        fate.dropped |= called.dropped;
        let is_goto = matches!(outcome.verdict, Some(RuleVerdict::Goto(_)));
        fate.continues |= called.continues && is_goto;
        called.continues && !is_goto
    }

    /// The outcomes of a rule: several where a map of verdicts has several for the packets.
    fn rule(&mut self, chain: &Chain, rule: &[Expression]) -> Vec<ChainOutcome> {
        let mut registers = Registers::default();
        let mut holds = Holds::Always;
        let mut verdicts: Vec<RuleVerdict> = Vec::new();

        for expression in rule {
            let step = match expression {
                Expression::Immediate { register: 0, data: Data::Verdict(verdict) } => {
                    verdicts = vec![verdict.clone()];
                    Holds::Always
                }
                Expression::Lookup { set, register, target, is_negated } => {
                    let (found, step) = self.look_up(chain, set, &registers, *register);
                    if let Some(target) = target {
                        verdicts.extend(store(found.as_deref(), *target, &mut registers));
                    }
                    step.negated_if(*is_negated)
                }
                Expression::Translate { .. } | Expression::TranslateTo { .. } | Expression::Redirect { .. } => {
                    let (known, are_all) = translations(expression, &registers, self.packet.address_bytes());
                    self.translations.extend(known);
                    self.may_get_unknown |= !are_all;
                    verdicts = vec![if self.drops_translated { RuleVerdict::Drop } else { RuleVerdict::Accept }];
                    Holds::Always
                }
                Expression::Accept => {
                    verdicts = vec![RuleVerdict::Accept];
                    Holds::Always
                }
                Expression::Reject => {
                    verdicts = vec![RuleVerdict::Drop];
                    Holds::Always
                }
                Expression::Unknown => {
                    verdicts = vec![RuleVerdict::Unknown];
                    Holds::Always
                }
                other => condition(other, &mut registers, self.packet),
            };
            holds = holds.and(step);
            if holds == Holds::Never {
                return Vec::new();
            }
        }

        // One of several verdicts is reached for some of the packets only.
        let holds = if verdicts.len() > 1 { holds.and(Holds::Sometimes) } else { holds };
        let outcomes = verdicts.into_iter().map(|verdict| ChainOutcome { holds, verdict: Some(verdict) });
        outcomes.collect()
    }

    fn look_up(&self, chain: &Chain, set: &str, registers: &Registers, register: u32) -> (Option<Vec<Data>>, Holds) {
        let Some(set) = self.ruleset.set(chain, set) else { return (None, Holds::Sometimes) };
        let value = registers.get(register, set.key_length);
        match set.find(&value) {
            Some((found, holds)) => {
                (Some(found.into_iter().filter_map(|element| element.data.clone()).collect()), holds)
            }
            None => (None, Holds::Sometimes),
        }
    }
}

/// Puts what a map has for the packets into a register, or returns its verdicts.
fn store(found: Option<&[Data]>, target: u32, registers: &mut Registers) -> Vec<RuleVerdict> {
    let Some(found) = found else {
        registers.set(target, &Value::Any);
        return if target == 0 { vec![RuleVerdict::Unknown] } else { Vec::new() };
    };
    if target != 0 {
        registers.set(target, &Value::one_of(found.iter().filter_map(bytes)));
        return Vec::new();
    }

    let mut verdicts: Vec<RuleVerdict> = Vec::new();
    for data in found {
        if let Data::Verdict(verdict) = data
            && !verdicts.contains(verdict)
        {
            verdicts.push(verdict.clone());
        }
    }
    verdicts
}

fn bytes(data: &Data) -> Option<Vec<u8>> {
    match data {
        Data::Bytes(bytes) => Some(bytes.clone()),
        Data::Verdict(_) => None,
    }
}

/// For which packets an expression holds that decides nothing itself.
fn condition(expression: &Expression, registers: &mut Registers, packet: &Packet) -> Holds {
    match expression {
        Expression::Load { register, field } => {
            registers.set(*register, &packet.value(field));
            Holds::Always
        }
        Expression::Immediate { register, data: Data::Bytes(bytes) } => {
            registers.set(*register, &Value::known(bytes));
            Holds::Always
        }
        Expression::Compare { register, operator, data } => {
            compare(&registers.get(*register, data.len()), *operator, data)
        }
        Expression::Range { register, is_negated, first, last } => {
            let value = registers.get(*register, first.len());
            value.test(|bytes| (first.as_slice()..=last.as_slice()).contains(&bytes)).negated_if(*is_negated)
        }
        Expression::Mask { from, to, mask, flip } => {
            let value = registers.get(*from, mask.len());
            registers.set(*to, &value.map(|bytes| Some(masked(bytes, mask, flip))));
            Holds::Always
        }
        Expression::Match(condition) => condition.holds(packet),
        Expression::Sometimes | Expression::Proxy => Holds::Sometimes,
        _ => Holds::Always,
    }
}

fn masked(bytes: &[u8], mask: &[u8], flip: &[u8]) -> Vec<u8> {
    bytes.iter().zip(mask).zip(flip).map(|((byte, mask), flip)| (byte & mask) ^ flip).collect()
}

fn compare(value: &Value, operator: u32, data: &[u8]) -> Holds {
    match operator {
        0 => value.test(|bytes| bytes == data),
        1 => value.test(|bytes| bytes != data),
        2 => value.test(|bytes| bytes < data),
        3 => value.test(|bytes| bytes <= data),
        4 => value.test(|bytes| bytes > data),
        5 => value.test(|bytes| bytes >= data),
        _ => Holds::Sometimes,
    }
}
