//! Whatever goes wrong on the way up, wherever it does: it is told once, and the next `up` mends it all.

use super::*;
use crate::engine::Error as EngineError;
use crate::engine::fake::Fault;
use crate::event;

fn refused() -> EngineError {
    EngineError::Other("the tide is out".to_owned())
}

fn lost() -> EngineError {
    EngineError::Lost("connection reset by peer".to_owned())
}

/// An environment to bring up, in one step or in several.
struct Story {
    world: World,
    /// What is up before.
    before: Before,
}

#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    AnotherCommit,
    /// The same, and it is to be built again.
    TheSame,
    /// Nothing, and a database is needed.
    NothingNorDatabase,
}

impl Story {
    fn new(before: Before) -> Self {
        Self::of(SHOP, before)
    }

    fn of(config: &str, before: Before) -> Self {
        let mut world = World::new(config);
        world.database = before == Before::NothingNorDatabase;
        Story { world, before }
    }

    /// Starts over, up to just before what is to be disturbed.
    async fn rewind(&mut self) {
        self.world.engine = new_engine();
        self.world.rebuild = false;
        if self.before == Before::AnotherCommit {
            self.world.file("server.js", "listen()");
        }
        if matches!(self.before, Before::AnotherCommit | Before::TheSame) {
            self.world.up().await.unwrap();
        }
        if self.before == Before::AnotherCommit {
            self.world.file("server.js", "listen(8080)");
        }
        self.world.rebuild = self.before == Before::TheSame;
        self.world.engine.take_calls();
        self.world.take_told();
    }

    /// What it comes to undisturbed: the calls and the objects.
    async fn undisturbed(&mut self) -> (Vec<Call>, BTreeSet<String>) {
        self.rewind().await;
        self.world.up().await.unwrap();
        (self.world.engine.take_calls(), self.world.objects())
    }
}

/// Disturbs each call in turn with `fault`. `judge` looks at what came of it, and may say that the
/// disturbance went unnoticed; those calls are returned.
async fn disturb(
    mut story: Story,
    fault: Fault,
    judge: impl Fn(&str, &EngineError),
) -> BTreeSet<&'static str> {
    let (calls, objects) = story.undisturbed().await;
    assert!(calls.len() > 20, "{calls:?}");
    let mut unnoticed = BTreeSet::new();
    for (nth, call) in calls.iter().enumerate() {
        story.rewind().await;
        let world = &mut story.world;
        let place = format!(
            "{fault:?} at call {nth}, `{}` of `{}`",
            call.name, call.subject
        );
        world.engine.fault(nth, fault);
        match world.up().await {
            Err(Error::Engine(err)) => judge(&place, &err),
            Err(err) => panic!("{place}: {err:?}"),
            Ok(_) => {
                unnoticed.insert(call.name);
            }
        }
        let told = world.take_told();
        let warned = told
            .iter()
            .find(|event| matches!(event, Event::Notice(event::Notice::Warning { .. })));
        assert_eq!(warned, None, "{place}");
        world.engine.mend();
        world.rebuild = false;
        if let Err(err) = world.up().await {
            panic!("{place}: the next `up` fails: {err:?}");
        }
        same(&place, &world.objects(), &objects);
    }
    unnoticed
}

#[track_caller]
fn same(place: &str, found: &BTreeSet<String>, wanted: &BTreeSet<String>) {
    let extra: Vec<_> = found.difference(wanted).collect();
    let missing: Vec<_> = wanted.difference(found).collect();
    assert!(
        extra.is_empty() && missing.is_empty(),
        "{place}\nleft over: {extra:#?}\nmissing: {missing:#?}"
    );
}

fn is_refused(place: &str, err: &EngineError) {
    assert!(
        matches!(err, EngineError::Other(text) if text == "the tide is out"),
        "{place}: {err:?}"
    );
}

fn is_lost(place: &str, err: &EngineError) {
    assert!(matches!(err, EngineError::Lost(_)), "{place}: {err:?}");
}

#[tokio::test(start_paused = true)]
async fn a_first_up_survives_each_refused_call() {
    let unnoticed = disturb(
        Story::new(Before::Nothing),
        Fault::Refuse(refused),
        is_refused,
    )
    .await;
    assert_eq!(unnoticed, BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn a_first_up_survives_each_lost_answer() {
    let unnoticed = disturb(
        Story::new(Before::Nothing),
        Fault::LoseAnswer(lost),
        is_lost,
    )
    .await;
    assert_eq!(unnoticed, BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn a_first_up_survives_the_loss_of_the_engine_at_each_call() {
    let unnoticed = disturb(Story::new(Before::Nothing), Fault::Gone, is_lost).await;
    assert_eq!(unnoticed, BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn another_commit_survives_each_refused_call() {
    let unnoticed = disturb(
        Story::new(Before::AnotherCommit),
        Fault::Refuse(refused),
        is_refused,
    )
    .await;
    assert_eq!(unnoticed, BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn another_commit_survives_each_lost_answer() {
    let unnoticed = disturb(
        Story::new(Before::AnotherCommit),
        Fault::LoseAnswer(lost),
        is_lost,
    )
    .await;
    assert_eq!(unnoticed, BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_survives_each_refused_call_and_each_lost_answer() {
    let story = || Story::new(Before::TheSame);
    let unnoticed = disturb(story(), Fault::Refuse(refused), is_refused).await;
    assert_eq!(unnoticed, BTreeSet::new());
    let unnoticed = disturb(story(), Fault::LoseAnswer(lost), is_lost).await;
    assert_eq!(unnoticed, BTreeSet::new());
}

/// Our process dies at each call in turn: before the call has any effect, or after it.
async fn die(mut story: Story, fault: Fault) {
    let (calls, objects) = story.undisturbed().await;
    for (nth, call) in calls.iter().enumerate() {
        story.rewind().await;
        let world = &mut story.world;
        let place = format!("dead at call {nth}, `{}` of `{}`", call.name, call.subject);
        world.engine.fault(nth, fault);
        tokio::select! {
            result = world.up() => panic!("{place}: {result:?}"),
            () = world.engine.hung() => {}
        }
        world.rebuild = false;
        if let Err(err) = world.up().await {
            panic!("{place}: the next `up` fails: {err:?}");
        }
        same(&place, &world.objects(), &objects);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_up_mends_what_a_death_before_each_call_left() {
    die(Story::new(Before::Nothing), Fault::Hang).await;
}

#[tokio::test(start_paused = true)]
async fn the_next_up_mends_what_a_death_after_each_call_left() {
    die(Story::new(Before::Nothing), Fault::HangAfter).await;
}

#[tokio::test(start_paused = true)]
async fn the_next_up_mends_what_a_death_on_the_way_to_another_commit_left() {
    die(Story::new(Before::AnotherCommit), Fault::Hang).await;
    die(Story::new(Before::AnotherCommit), Fault::HangAfter).await;
}

#[tokio::test(start_paused = true)]
async fn the_next_up_mends_what_a_death_in_a_rebuild_left() {
    die(Story::new(Before::TheSame), Fault::Hang).await;
    die(Story::new(Before::TheSame), Fault::HangAfter).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_up_with_a_database_survives_each_refused_call() {
    let story = Story::new(Before::NothingNorDatabase);
    let unnoticed = disturb(story, Fault::Refuse(refused), is_refused).await;
    // Whether the database answers is asked again.
    assert!(
        unnoticed.is_subset(&BTreeSet::from(["exec", "exit_code"])),
        "{unnoticed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_first_up_with_a_database_survives_each_lost_answer() {
    let story = Story::new(Before::NothingNorDatabase);
    let unnoticed = disturb(story, Fault::LoseAnswer(lost), is_lost).await;
    assert!(
        unnoticed.is_subset(&BTreeSet::from(["exec", "exit_code"])),
        "{unnoticed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_next_up_mends_what_a_death_with_a_database_left() {
    die(Story::new(Before::NothingNorDatabase), Fault::Hang).await;
    die(Story::new(Before::NothingNorDatabase), Fault::HangAfter).await;
}

/// Whether an object belongs to a finished build, which may stay for whoever goes back to its commit.
fn is_of_finished_build(object: &str, all: &BTreeSet<String>, build: &str) -> bool {
    let about = |object: &str, kind: &str| {
        object.starts_with("volume ") && object.contains(&format!("-{kind}-{} ", &build[..12]))
    };
    (about(object, "build") || about(object, "built"))
        && all.iter().any(|other| about(other, "built"))
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_given_up_at_any_call_leaves_at_most_its_finished_build() {
    for fault in [Fault::Hang, Fault::HangAfter] {
        let mut story = Story::new(Before::Nothing);
        story.world.file("server.js", "given up");
        let build = story.world.prepare().plans[0].build.id.clone();
        let (calls, _) = story.undisturbed().await;
        story.world.file("server.js", "kept");
        let (_, objects) = story.undisturbed().await;
        for (nth, call) in calls.iter().enumerate() {
            story.rewind().await;
            let world = &story.world;
            let place = format!(
                "given up at call {nth}, `{}` of `{}`",
                call.name, call.subject
            );
            world.file("server.js", "given up");
            world.engine.fault(nth, fault);
            tokio::select! {
                result = world.up() => panic!("{place}: {result:?}"),
                () = world.engine.hung() => {}
            }
            world.file("server.js", "kept");
            world.up().await.unwrap();
            let mut found = world.objects();
            let all = found.clone();
            found.retain(|object| !is_of_finished_build(object, &all, &build));
            same(&place, &found, &objects);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_with_a_web_server_survives_each_refused_call_and_each_lost_answer() {
    for before in [Before::Nothing, Before::AnotherCommit, Before::TheSame] {
        let story = || Story::of(WITH_FRONT, before);
        let unnoticed = disturb(story(), Fault::Refuse(refused), is_refused).await;
        assert_eq!(unnoticed, BTreeSet::new());
        let unnoticed = disturb(story(), Fault::LoseAnswer(lost), is_lost).await;
        assert_eq!(unnoticed, BTreeSet::new());
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_up_mends_what_a_death_left_of_an_app_and_its_web_server() {
    for before in [Before::Nothing, Before::AnotherCommit, Before::TheSame] {
        die(Story::of(WITH_FRONT, before), Fault::Hang).await;
        die(Story::of(WITH_FRONT, before), Fault::HangAfter).await;
    }
}
