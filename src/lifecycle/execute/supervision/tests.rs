//! What happens when, in milliseconds from the start, and what is to be done about it.

use super::*;

use Action::{Drop, End as Begin, Finish, Kill, Tell, Wait};
use Happening::{Alarm, Closed, Drained, Ended, Exited, Lost, Printed, Told, Wanted};

/// How long the script may run.
const LIMIT: u64 = 60_000;
const PATIENCE_MS: u64 = 2_000;
const DRAIN_MS: u64 = 200;

const CANCEL: Happening = Wanted(Urgency::Cancel);
const KILL: Happening = Wanted(Urgency::Kill);
const LEAVE: Happening = Wanted(Urgency::Leave);
const BY_USER: Action = Begin(Reason::User);
const BY_TIME: Action = Begin(Reason::Time);

/// One case: what it shows, and what happens.
type Case<'a> = (&'a str, &'a [(u64, Happening, Action)]);

fn check(cases: &[Case<'_>]) {
    for (title, course) in cases {
        let start = Instant::now();
        let mut state = Supervision::new(start, Some(Duration::from_millis(LIMIT)));
        for (at, happening, expected) in *course {
            let found = state.on(*happening, start + Duration::from_millis(*at));
            assert_eq!(found, *expected, "{title}: {happening:?} at {at} ms");
        }
        let is_over = matches!(course.last(), Some((_, _, Finish(_))));
        assert!(is_over, "{title}: it does not end");
    }
}

#[test]
fn a_script_that_ends_by_itself_ends_when_all_is_known_and_told() {
    check(&[
        (
            "its output ends first",
            &[
                (10, Printed, Tell),
                (11, Told, Wait),
                (20, Closed, Wait),
                (25, Exited(3), Finish(End::Exited(3))),
            ],
        ),
        (
            "its code is known first",
            &[(20, Exited(3), Wait), (25, Closed, Finish(End::Exited(3)))],
        ),
        (
            "its last words are told when it has ended already",
            &[
                (10, Exited(0), Wait),
                (20, Printed, Tell),
                (30, Told, Wait),
                (40, Closed, Finish(End::Exited(0))),
            ],
        ),
        (
            "something keeps its output open",
            &[
                (20, Exited(3), Wait),
                (220, Drained, Finish(End::Exited(3))),
            ],
        ),
    ]);
}

#[test]
fn what_the_user_wants_counts_more_each_time() {
    check(&[
        (
            "once",
            &[
                (1_000, CANCEL, BY_USER),
                (2_000, Exited(143), Wait),
                (2_001, Closed, Wait),
                (2_010, Ended, Finish(End::Cancelled)),
            ],
        ),
        (
            "twice",
            &[
                (1_000, CANCEL, BY_USER),
                (2_000, KILL, Kill),
                (2_010, Closed, Wait),
                (2_020, Ended, Finish(End::Cancelled)),
            ],
        ),
        (
            "three times",
            &[
                (1_000, CANCEL, BY_USER),
                (2_000, KILL, Kill),
                (3_000, LEAVE, Finish(End::Left)),
            ],
        ),
        ("all at once", &[(1_000, LEAVE, Finish(End::Left))]),
        (
            "after it closed its output, and before it ended",
            &[
                (1_000, Closed, Wait),
                (2_000, CANCEL, BY_USER),
                (2_010, Ended, Finish(End::Cancelled)),
            ],
        ),
    ]);
}

#[test]
fn a_script_whose_time_is_over_is_ended_once() {
    check(&[
        (
            "it ends",
            &[
                (LIMIT - 1, Alarm, Wait),
                (LIMIT, Alarm, BY_TIME),
                (LIMIT + 10, Closed, Wait),
                (LIMIT + 20, Ended, Finish(End::TimedOut)),
            ],
        ),
        (
            "the user wants it too, which gives it no more time and stops nothing twice",
            &[
                (LIMIT, Alarm, BY_TIME),
                (LIMIT + 5, CANCEL, Wait),
                (LIMIT + 6, KILL, Kill),
                (LIMIT + 10, Closed, Wait),
                (LIMIT + 20, Ended, Finish(End::TimedOut)),
            ],
        ),
        (
            "its container goes with it",
            &[
                (LIMIT, Alarm, BY_TIME),
                (LIMIT + 5, Lost, Wait),
                (LIMIT + 10, Closed, Wait),
                (LIMIT + 20, Ended, Finish(End::TimedOut)),
            ],
        ),
    ]);
}

#[test]
fn a_listener_that_takes_nothing_holds_up_no_end() {
    check(&[
        (
            "its output is dropped from then on",
            &[
                (1_000, Printed, Tell),
                (5_000, CANCEL, BY_USER),
                (1_000 + PATIENCE_MS, Alarm, Drop),
                (5_100, Printed, Drop),
                (5_200, Ended, Wait),
                (5_200 + DRAIN_MS, Drained, Finish(End::Cancelled)),
            ],
        ),
        (
            "one that takes it in time is told all",
            &[
                (1_000, CANCEL, BY_USER),
                (1_010, Printed, Tell),
                (1_020, Told, Wait),
                (1_030, Printed, Tell),
                (1_040, Ended, Wait),
                (1_050, Closed, Wait),
                (1_060, Told, Finish(End::Cancelled)),
            ],
        ),
    ]);
}

fn at(start: Instant, milliseconds: u64) -> Instant {
    start + Duration::from_millis(milliseconds)
}

#[test]
fn what_it_printed_is_told_before_anything_else_is_asked() {
    let start = Instant::now();
    let mut state = Supervision::new(start, None);
    for (happening, reads, awaits_exit) in [
        (Printed, false, false),
        (Told, true, true),
        (Closed, false, true),
        (Exited(0), false, false),
    ] {
        state.on(happening, start);
        let found = (state.reads(), state.awaits_exit());
        assert_eq!(found, (reads, awaits_exit), "{happening:?}");
    }
}

#[test]
fn what_comes_after_the_end_gives_the_rest_more_time() {
    let start = Instant::now();
    let mut state = Supervision::new(start, None);
    assert_eq!(state.drained(), None);
    state.on(Exited(0), at(start, 1_000));
    assert_eq!(state.drained(), Some(at(start, 1_000 + DRAIN_MS)));
    state.on(Printed, at(start, 1_100));
    // What is to be told may take as long as it likes.
    assert_eq!(state.drained(), None);
    state.on(Told, at(start, 9_000));
    assert_eq!(state.drained(), Some(at(start, 1_100 + DRAIN_MS)));
    // Only the first of all ends counts.
    state.on(Ended, at(start, 9_000));
    assert_eq!(state.drained(), Some(at(start, 1_100 + DRAIN_MS)));
}

#[test]
fn the_alarm_is_the_time_limit_and_then_the_end_of_patience() {
    let start = Instant::now();
    let mut state = Supervision::new(start, Some(Duration::from_millis(LIMIT)));
    assert_eq!(state.alarm(), Some(at(start, LIMIT)));
    state.on(Printed, at(start, 1_000));
    assert_eq!(state.alarm(), Some(at(start, LIMIT)));
    state.on(CANCEL, at(start, 1_500));
    assert_eq!(state.alarm(), Some(at(start, 1_000 + PATIENCE_MS)));
    state.on(Told, at(start, 1_600));
    assert_eq!(state.alarm(), None);
    assert_eq!(Supervision::new(start, None).alarm(), None);
}

#[test]
fn the_user_has_to_want_more_than_before() {
    let start = Instant::now();
    let mut state = Supervision::new(start, None);
    assert_eq!(state.next_urgency(), Urgency::Cancel);
    state.on(CANCEL, start);
    assert_eq!(state.next_urgency(), Urgency::Kill);
    state.on(KILL, start);
    assert_eq!(state.next_urgency(), Urgency::Leave);
}
