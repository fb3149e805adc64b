use proptest::prelude::*;

use super::*;

/// Tests of containers by their numbers; each container is a group of its own.
fn queue(containers: &[Option<usize>], engines: usize) -> Queue {
    let count = containers.iter().flatten().max().map_or(0, |most| most + 1);
    let tests = containers.iter().map(|container| Queued {
        container: *container,
        group: container.unwrap_or(usize::MAX),
    });
    Queue::new(tests.collect(), (0..count).collect(), engines)
}

#[test]
fn one_engine_runs_the_tests_in_their_order() {
    use Next::{BringUp, Done, Test};

    let mut queue = queue(&[Some(0), None, Some(1), Some(0)], 1);
    let mut seen = Vec::new();
    loop {
        let next = queue.next(0);
        seen.push(next);
        match next {
            Next::BringUp(container) => queue.came_up(0, container, true),
            Next::Test(number) => queue.done(number),
            _ => break,
        }
    }
    let expected = [
        BringUp(0),
        Test(0),
        Test(1),
        BringUp(1),
        Test(2),
        Test(3),
        Done,
    ];
    assert_eq!(seen, expected);
}

#[test]
fn tests_of_a_group_never_run_side_by_side_on_one_engine() {
    let mut queue = queue(&[Some(0), Some(0), Some(1)], 1);
    assert_eq!(queue.next(0), Next::BringUp(0));
    assert_eq!(queue.next(0), Next::BringUp(1));
    assert_eq!(queue.next(0), Next::Wait);
    queue.came_up(0, 0, true);
    assert_eq!(queue.next(0), Next::Test(0));
    assert_eq!(queue.next(0), Next::Wait);
    queue.done(0);
    assert_eq!(queue.next(0), Next::Test(1));
}

#[test]
fn engines_share_a_container_only_if_there_is_no_other() {
    let mut queue = queue(&[Some(0), Some(0), Some(1), Some(1)], 2);
    assert_eq!(queue.next(0), Next::BringUp(0));
    assert_eq!(queue.next(1), Next::BringUp(1));
    queue.came_up(0, 0, true);
    queue.came_up(1, 1, true);
    for number in [0, 1] {
        assert_eq!(queue.next(0), Next::Test(number));
        queue.done(number);
    }
    assert_eq!(queue.next(1), Next::Test(2));
    // The first engine has nothing else to do, and does not hold the last test while its container comes up.
    assert_eq!(queue.next(0), Next::BringUp(1));
    queue.done(2);
    assert_eq!(queue.next(1), Next::Test(3));
    queue.came_up(0, 1, true);
    assert_eq!(queue.next(0), Next::Wait);
    queue.done(3);
    assert_eq!(queue.next(0), Next::Done);
}

#[test]
fn the_tests_of_a_lost_engine_go_to_the_others() {
    let mut queue = queue(&[Some(0), Some(0)], 2);
    for engine in [0, 1] {
        assert_eq!(queue.next(engine), Next::BringUp(0));
        queue.came_up(engine, 0, true);
        assert_eq!(queue.next(engine), Next::Test(engine));
    }
    assert_eq!(queue.lose(0), 1);
    assert_eq!(queue.next(0), Next::Done);
    queue.done(1);
    assert_eq!(queue.next(1), Next::Test(0));
    queue.done(0);
    assert_eq!(queue.next(1), Next::Done);
}

#[test]
fn a_container_that_fails_on_one_engine_is_tested_by_the_other() {
    let mut queue = queue(&[Some(0), Some(0)], 2);
    assert_eq!(queue.next(0), Next::BringUp(0));
    queue.came_up(0, 0, false);
    assert_eq!(queue.next(0), Next::Wait);
    assert_eq!(queue.next(1), Next::BringUp(0));
    queue.came_up(1, 0, true);
    assert_eq!(queue.next(1), Next::Test(0));
    // It is spoiled there too, and then no engine is left for it.
    queue.done(0);
    queue.spoil(1, 0);
    assert_eq!(queue.next(0), Next::Hopeless(1));
    queue.done(1);
    assert!(queue.is_done());
}

proptest! {
    #[test]
    fn every_test_gets_one_verdict_as_long_as_an_engine_is_left(
        containers in prop::collection::vec(prop::option::of(0..3_usize), 0..30),
        engines in 1..4_usize,
        steps in prop::collection::vec((0..4_usize, 0..10_u8), 0..400),
    ) {
        let mut queue = queue(&containers, engines);
        let mut lost = vec![false; engines];
        let mut verdicts = vec![0; containers.len()];
        let mut begun: Vec<(usize, Next)> = Vec::new();
        // Any order of what can happen, and in the end everybody works until nothing is left.
        let end = (0..10_000).map(|step| (step, 9_u8));
        for (engine, what) in steps.into_iter().chain(end) {
            let engine = engine % engines;
            if what == 0 && lost.iter().filter(|is_lost| !**is_lost).count() > 1 && !lost[engine] {
                lost[engine] = true;
                queue.lose(engine);
                begun.retain(|(of, _)| *of != engine);
            } else if what < 5 {
                let next = queue.next(engine);
                if !matches!(next, Next::Wait | Next::Done) {
                    let group = |next: &Next| match next {
                        Next::BringUp(container) => Some(*container),
                        Next::Test(number) => containers[*number],
                        _ => None,
                    };
                    let own = begun.iter().filter(|(of, _)| *of == engine);
                    let is_free = own.filter_map(|(_, next)| group(next)).all(|of| Some(of) != group(&next));
                    prop_assert!(is_free, "{:?} beside {:?}", next, begun);
                    begun.push((engine, next));
                }
            } else if let Some(at) = begun.iter().position(|(of, _)| *of == engine) {
                match begun.remove(at).1 {
                    Next::BringUp(container) => queue.came_up(engine, container, what != 5),
                    Next::Test(number) if what == 6 => queue.give_back(number),
                    Next::Test(number) | Next::Hopeless(number) => {
                        verdicts[number] += 1;
                        queue.done(number);
                    }
                    Next::Wait | Next::Done => {}
                }
            } else if what == 9 {
                let next = queue.next(engine);
                if !matches!(next, Next::Wait | Next::Done) {
                    begun.push((engine, next));
                }
            }
        }
        prop_assert!(queue.is_done());
        prop_assert!(verdicts.iter().all(|count| *count == 1), "{:?}", verdicts);
    }
}
