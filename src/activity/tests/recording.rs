//! What a listener hears of the activity that is recorded.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex};

use super::super::*;
use super::place;
use crate::event::{Cron, Envelope, Event};
use crate::mask::Secrets;
use crate::reporter::Reporter;

/// Keeps the number and the activity of what it is told.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Told>>>);

type Told = (u64, Option<String>);

impl Reporter for Kept {
    fn report(&mut self, envelope: Envelope) -> io::Result<()> {
        let told = (envelope.sequence, envelope.activity);
        self.0.lock().unwrap().push(told);
        Ok(())
    }
}

fn cron_events(role: Option<&str>) -> [Event; 2] {
    let (app, cron) = ("app".to_owned(), "tidy".to_owned());
    let role = role.map(str::to_owned);
    let started = Cron::Started {
        app: app.clone(),
        cron: cron.clone(),
        role: role.clone(),
        user: None,
        command: "true".to_owned(),
    };
    let finished = Cron::Finished {
        app,
        cron,
        role,
        exit_code: 0,
        result: Outcome::Success,
        duration: Duration::ZERO,
        read_only: None,
        not_started: None,
        known: None,
    };
    [started.into(), finished.into()]
}

#[test]
fn events_say_of_which_activity_they_are_from_its_first_to_its_last() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, recording) = (Kept::default(), Recording::default());
    let mut recorded = Recorded::new(kept.clone(), recording.clone());
    let mut tell = |event: Event| recorded.report(Envelope::now(event)).unwrap();
    tell(Event::warning("before anything is recorded", None));
    let mut recorder = Recorder::new(Store::of(dir.path()), place(), Secrets::default());
    recorder.expect(Draft::Push { apps: Vec::new() });
    recording.begin(recorder);
    tell(Event::warning("the first of it", None));
    tell(
        Cron::Planned {
            app: "app".to_owned(),
            cron: "tidy".to_owned(),
            next: None,
        }
        .into(),
    );
    // From now on crons run by themselves, each as an activity of its own.
    tell(Event::warning("in between", None));
    for event in cron_events(None).into_iter().chain(cron_events(None)) {
        tell(event);
    }
    let mut ids = Store::of(dir.path()).ids().unwrap();
    ids.reverse();
    let [up, one, other] = ids.try_into().unwrap();
    let expected = [
        None,
        Some(&up),
        Some(&up),
        None,
        Some(&one),
        Some(&one),
        Some(&other),
        Some(&other),
    ];
    let expected = expected.into_iter().map(Option::<&String>::cloned);
    let expected: Vec<_> = (1..).zip(expected).collect();
    assert_eq!(*kept.0.lock().unwrap(), expected);
}

#[test]
fn what_cannot_be_recorded_is_told_with_a_number_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let (kept, recording) = (Kept::default(), Recording::default());
    let mut recorder = Recorder::new(Store::of(&file), place(), Secrets::default());
    recorder.expect(Draft::Push { apps: Vec::new() });
    recording.begin(recorder);
    let mut recorded = Recorded::new(kept.clone(), recording);
    for event in cron_events(Some("admin")) {
        recorded.report(Envelope::now(event)).unwrap();
    }
    let expected: Vec<_> = (1..=3).map(|number| (number, None)).collect();
    assert_eq!(*kept.0.lock().unwrap(), expected);
}
