//! `examples/worker`.

use std::time::{Duration, Instant};

use crate::example;
use crate::support::TestProject;

/// How long the worker may take for three orders.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits until nothing is to be done any more, and returns what `stats` says then.
#[track_caller]
fn settled(project: &TestProject) -> String {
    let began = Instant::now();
    loop {
        let stats = project.run(&["run", "stats"]).expect(0).stdout;
        if stats.starts_with("waiting: 0\nin work: 0\n") {
            return stats;
        }
        assert!(began.elapsed() < LIMIT, "{stats}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_operation_of_the_worker_has_the_failed_orders_done_again() {
    let project = example("worker");
    project.run(&["up"]).expect(0);
    project.run(&["run", "order"]).expect(0);
    assert_eq!(
        settled(&project),
        "waiting: 0\nin work: 0\nfailed: 1\ndone: 2\n"
    );
    let log = project.run(&["logs", "--worker", "writer"]).expect(0);
    assert!(log.shown().contains("invoice 2: no rate for SEK"));
    project
        .run(&["run", "set-rate", "--variable", "env:RATE=SEK=11.2"])
        .expect(0);
    let again = project.run(&["run", "retry-failed"]).expect(0);
    assert_eq!(again.stdout, "1 to do again\n");
    assert_eq!(
        settled(&project),
        "waiting: 0\nin work: 0\nfailed: 0\ndone: 3\n"
    );
    let page = project
        .run(&["exec", "--", "curl", "-s", "localhost:8888"])
        .expect(0);
    assert_eq!(page.stdout, "1: 25.00 EUR\n2: 280.00 SEK\n3: 25.00 EUR\n");
}
