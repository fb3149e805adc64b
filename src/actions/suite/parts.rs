//! What tells a suite from any other, and the tests of one partition of it.

use std::num::NonZeroU32;

use serde_json::json;

use super::cases::Case;
use crate::settings::{Definition, Expected};
use crate::suite::partition::{Partition, Share, Timings, assign, split};
use crate::suite::{Identity, Part, identity};

/// The identity of a suite, which two jobs compare. It depends on what the tests are and on what they expect.
pub fn identity_of(cases: &[Case<'_>], commit: Option<String>) -> Identity {
    let parts: Vec<String> = cases.iter().map(description).collect();
    identity(&parts, commit)
}

/// The tests as far as an assignment to partitions depends on them.
pub fn shares<'c>(cases: &'c [Case<'_>], places: &'c [String]) -> Vec<Share<'c>> {
    let all = cases.iter().zip(places);
    all.map(|(case, container)| Share {
        name: &case.name,
        container,
        is_run: case.definition.expect != Expected::Denied && case.is_allowed(),
    })
    .collect()
}

/// The tests of one partition, and how the suite was split.
pub fn part_of<'a>(
    cases: Vec<Case<'a>>,
    partition: Partition,
    timings: &Timings,
) -> (Vec<Case<'a>>, Part) {
    let places: Vec<String> = cases.iter().map(Case::place).collect();
    let (assigned, split): (Vec<NonZeroU32>, String) = {
        let shares = shares(&cases, &places);
        let assigned = assign(&shares, timings, partition.count);
        let split = split(&shares, &assigned, partition.count);
        (assigned, split)
    };
    let own = cases
        .into_iter()
        .zip(assigned)
        .filter(|(_, number)| *number == partition.number)
        .map(|(case, _)| case)
        .collect();
    (own, Part::new(partition, split))
}

/// Everything that makes a test the same test on two machines. The values of variables may be secrets, so that only
/// their names count.
fn description(case: &Case<'_>) -> String {
    let Definition {
        operation,
        app: _,
        worker: _,
        role: _,
        user,
        expect,
        stdout,
        stderr,
        files,
        changed,
        timeout,
        idempotent,
        variables,
    } = &case.definition;
    let texts = |patterns: &[crate::settings::TextPattern]| -> Vec<String> {
        patterns.iter().map(ToString::to_string).collect()
    };
    let paths = |patterns: &[crate::settings::PathPattern]| -> Vec<String> {
        patterns.iter().map(ToString::to_string).collect()
    };
    let expected = match expect {
        Expected::ExitCode(code) => json!(code),
        Expected::Denied => json!("denied"),
    };
    let role = case.actor.as_ref().map(|actor| actor.role.name());
    json!([
        case.name,
        case.place(),
        operation,
        case.found.operation.role.name(),
        [user.as_deref(), role],
        expected,
        [texts(stdout), texts(stderr), paths(files), paths(changed)],
        timeout.map(|limit| limit.as_millis().to_string()),
        idempotent,
        variables.keys().collect::<Vec<_>>(),
    ])
    .to_string()
}
