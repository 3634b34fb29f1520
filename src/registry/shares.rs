//! The weights of instances while the traffic of their service is split: a pure function.

/// The sum of all weights in force while traffic is split, of services with few instances.
pub(super) const UNITS: u32 = 10_000;
/// The same for services with many, so that one percent still has a weight for each of them. A single weight has 16 bits.
const UNITS_OF_MANY: u32 = 60_000;
/// More instances than this are many.
const MAX_FINE_MEMBERS: usize = 100;

/// An instance of a service whose traffic is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SplitMember {
    /// The weight that it has without a split.
    pub(super) weight: u16,
    /// Whether it takes calls.
    pub(super) is_usable: bool,
    /// Whether a share of the traffic is moved to it.
    pub(super) is_target: bool,
    /// Whether it belongs to those that get the rest.
    pub(super) is_base: bool,
}

/// How the traffic is split at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Target,
    Rest,
    None,
}

/// The weights in force, in the order of the members. The targets have `percent` of the sum, those of the base that are no
/// targets the rest, each in proportion to their own weights.
///
/// Only instances that take calls have a weight. If no target does, the rest has all; if none of the rest does, the targets
/// have; and if none of the base does, the other instances take its place: calls are never sent nowhere because of a split.
pub(super) fn shares(members: &[SplitMember], percent: u8) -> Vec<u16> {
    let rest = |member: &SplitMember| member.is_usable && !member.is_target;
    let has_base = members.iter().any(|member| rest(member) && member.is_base);
    let group_of = |member: &SplitMember| match member {
        SplitMember { is_usable: true, is_target: true, .. } => Group::Target,
        member if rest(member) && (member.is_base || !has_base) => Group::Rest,
        _ => Group::None,
    };
    let groups: Vec<Group> = members.iter().map(group_of).collect();

    let units = if members.len() > MAX_FINE_MEMBERS { UNITS_OF_MANY } else { UNITS };
    let [has_targets, has_rest] = [Group::Target, Group::Rest].map(|group| groups.contains(&group));
    let moved = match (has_targets, has_rest) {
        (true, true) => units / 100 * u32::from(percent.min(100)),
        (true, false) => units,
        (false, _) => 0,
    };

    let mut weights = vec![0; members.len()];
    distribute(moved, members, &groups, Group::Target, &mut weights);
    distribute(units - moved, members, &groups, Group::Rest, &mut weights);
    weights
}

/// Distributes units among the members of a group in proportion to their weights. If all of these are 0, they count equally.
/// What is left over by rounding goes to the largest remainders.
fn distribute(units: u32, members: &[SplitMember], groups: &[Group], group: Group, weights: &mut [u16]) {
    let of_group: Vec<usize> = (0..members.len()).filter(|at| groups[*at] == group).collect();
    let are_all_zero = of_group.iter().all(|at| members[*at].weight == 0);
    let weight = |at: usize| if are_all_zero { 1 } else { u64::from(members[at].weight) };
    let total: u64 = of_group.iter().map(|at| weight(*at)).sum();
    if total == 0 {
        return;
    }

    let mut remainders = Vec::with_capacity(of_group.len());
    let mut left = u64::from(units);
    for at in of_group {
        let exact = u64::from(units) * weight(at);
        weights[at] = u16::try_from(exact / total).unwrap_or(u16::MAX);
        left -= exact / total;
        remainders.push((exact % total, at));
    }
    remainders.sort_by_key(|(remainder, at)| (std::cmp::Reverse(*remainder), *at));
    for (_, at) in remainders.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        weights[at] += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member(weight: u16, is_target: bool) -> SplitMember {
        SplitMember { weight, is_usable: true, is_target, is_base: true }
    }

    #[test]
    fn each_group_has_its_percentage_in_proportion_to_its_weights() {
        let members = [member(1, false), member(3, false), member(7, true)];
        assert_eq!(shares(&members, 10), [2_250, 6_750, 1_000]);
        assert_eq!(shares(&members, 0), [2_500, 7_500, 0]);
        assert_eq!(shares(&members, 100), [0, 0, 10_000]);
        assert_eq!(shares(&[member(1, false), member(1, false), member(1, false)], 50), [3_334, 3_333, 3_333]);
        assert_eq!(shares(&[member(0, true), member(0, true), member(0, false)], 50), [2_500, 2_500, 5_000]);
    }

    #[test]
    fn a_split_never_sends_calls_nowhere() {
        let down = |member| SplitMember { is_usable: false, ..member };
        let outside = |member| SplitMember { is_base: false, ..member };
        assert_eq!(shares(&[down(member(1, true)), member(1, false)], 100), [0, 10_000], "no target takes calls");
        assert_eq!(shares(&[member(1, true), down(member(1, false))], 10), [10_000, 0], "only targets take calls");
        assert_eq!(shares(&[member(1, true), member(1, false), outside(member(1, false))], 40), [4_000, 6_000, 0]);
        let without_base = [member(1, true), down(member(1, false)), outside(member(1, false))];
        assert_eq!(shares(&without_base, 40), [4_000, 0, 6_000]);
        assert_eq!(shares(&[down(member(1, true)), down(member(1, false))], 50), [0, 0]);
    }

    proptest! {
        #[test]
        fn the_shares_always_sum_up(
            members in prop::collection::vec((any::<u16>(), any::<bool>(), any::<bool>(), any::<bool>()), 1..300),
            percent in 0_u8..=100,
        ) {
            let members: Vec<SplitMember> = members
                .into_iter()
                .map(|(weight, is_usable, is_target, is_base)| SplitMember { weight, is_usable, is_target, is_base })
                .collect();
            let weights = shares(&members, percent);
            let units = if members.len() > MAX_FINE_MEMBERS { UNITS_OF_MANY } else { UNITS };
            let sum: u32 = weights.iter().map(|weight| u32::from(*weight)).sum();
            prop_assert_eq!(sum, if members.iter().any(|member| member.is_usable) { units } else { 0 });

            let usable = members.iter().zip(&weights).filter(|(member, _)| member.is_usable);
            let [targets, others]: [Vec<_>; 2] = [true, false]
                .map(|is_target| usable.clone().filter(|(member, _)| member.is_target == is_target).collect());
            if !targets.is_empty() && !others.is_empty() {
                let moved: u32 = targets.iter().map(|(_, weight)| u32::from(**weight)).sum();
                prop_assert_eq!(moved, units / 100 * u32::from(percent));
            }
            prop_assert!(members.iter().zip(&weights).all(|(member, weight)| member.is_usable || *weight == 0));
        }
    }
}
