use super::*;

fn next(spec: &str, after: &str) -> String {
    let after: ZonedDateTime = after.parse().unwrap();
    Schedule::parse(spec, "app/cron")
        .unwrap()
        .next(&after)
        .map_or("never".to_owned(), |at| {
            at.strftime("%Y-%m-%d %H:%M %Z").to_string()
        })
}

#[test]
fn the_next_time_is_the_first_that_all_fields_allow() {
    let table = [
        (
            "*/15 * * * *",
            "2026-11-24T10:07[UTC]",
            "2026-11-24 10:15 UTC",
        ),
        (
            "*/15 * * * *",
            "2026-11-24T10:15[UTC]",
            "2026-11-24 10:30 UTC",
        ),
        ("0 3 * * *", "2026-11-24T10:07[UTC]", "2026-11-25 03:00 UTC"),
        (
            "0 0 1 jan *",
            "2026-11-24T10:07[UTC]",
            "2027-01-01 00:00 UTC",
        ),
        (
            "30 4 * * mon",
            "2026-11-24T10:07[UTC]",
            "2026-11-30 04:30 UTC",
        ),
        (
            "30 4 * * 7",
            "2026-11-24T10:07[UTC]",
            "2026-11-29 04:30 UTC",
        ),
        (
            "0 0 29 2 *",
            "2026-11-24T10:07[UTC]",
            "2028-02-29 00:00 UTC",
        ),
        ("0 0 31 2 *", "2026-11-24T10:07[UTC]", "never"),
        // Either kind of day will do when both are restricted.
        (
            "0 0 13 * fri",
            "2026-11-24T10:07[UTC]",
            "2026-11-27 00:00 UTC",
        ),
        (
            "59 23 31 12 *",
            "2026-12-31T23:59:30[UTC]",
            "2027-12-31 23:59 UTC",
        ),
    ];
    for (spec, after, expected) in table {
        assert_eq!(next(spec, after), expected, "{spec} after {after}");
    }
}

#[test]
fn a_time_that_the_clock_skips_runs_once_it_has_moved_on() {
    assert_eq!(
        next("30 2 * * *", "2026-03-28T12:00[Europe/Berlin]"),
        "2026-03-29 03:30 CEST"
    );
    assert_eq!(
        next("30 2 * * *", "2026-03-29T03:30[Europe/Berlin]"),
        "2026-03-30 02:30 CEST"
    );
}

#[test]
fn an_h_is_the_same_for_one_cron_and_stays_within_its_range() {
    for seed in 0..500 {
        let seed = seed.to_string();
        let schedule = Schedule::parse("H(10-19) H/6 H H H", &seed).unwrap();
        assert_eq!(
            schedule,
            Schedule::parse("H(10-19) H/6 H H H", &seed).unwrap()
        );
        assert_eq!(schedule.minutes().count(), 1);
        assert!(schedule.minutes().all(|minute| (10..20).contains(&minute)));
        assert_eq!(schedule.values[1].count_ones(), 4);
        assert!(schedule.values[2] & !0x1fff_fffe == 0, "day 29 or later");
    }
    let minutes: std::collections::BTreeSet<u32> = (0..500)
        .filter_map(|seed| {
            Schedule::parse("H * * * *", &seed.to_string())
                .unwrap()
                .minutes()
                .next()
        })
        .collect();
    assert!(minutes.len() > 50, "they are spread over the hour");
}

#[test]
fn a_resolved_spec_is_shown_without_h() {
    let schedule = Schedule::parse("0,30 9-17 */2 jan mon-fri", "x").unwrap();
    assert_eq!(schedule.to_string(), "0,30 9-17 */2 jan mon-fri");
    let text = Schedule::parse("H H(0-3) * * *", "x").unwrap().to_string();
    assert!(!text.contains('H'), "{text}");
    assert_eq!(
        Schedule::parse(&text, "y").unwrap().values,
        Schedule::parse("H H(0-3) * * *", "x").unwrap().values
    );
}

#[test]
fn what_is_no_time_is_refused_in_words() {
    for (spec, why) in [
        ("61 * * * *", "the minute is 61, and it goes from 0 to 59"),
        ("* * * *", "it has 4 fields"),
        ("@daily", "`@daily` is a shorthand that Upsun does not have"),
        ("*/0 * * * *", "`0` is not a step of the minute"),
        ("Hx * * * *", "`Hx` is not a minute"),
        ("0 24 * * *", "the hour is 24, and it goes from 0 to 23"),
        (
            "0 0 0 * *",
            "the day of the month is 0, and it goes from 1 to 31",
        ),
        (
            "10-5 * * * *",
            "the range `10-5` of the minute runs backwards",
        ),
        ("+5 * * * *", "`+5` is not a minute"),
        ("1, * * * *", "a number of the minute is missing"),
    ] {
        assert_eq!(Schedule::parse(spec, ""), Err(why.to_owned()), "{spec}");
    }
}

#[test]
fn a_week_may_end_with_its_sunday() {
    assert_eq!(
        next("0 3 * * sat-sun", "2026-11-28T12:00[UTC]"),
        "2026-11-29 03:00 UTC"
    );
}

#[test]
fn a_cron_runs_too_often_where_most_runs_are_too_near_to_each_other() {
    let close = |first: &str, second: &str, minutes| {
        Pace::Close(Close {
            first: first.to_owned(),
            second: second.to_owned(),
            minutes,
        })
    };
    for (spec, expected) in [
        ("*/5 * * * *", Pace::Fine),
        ("H * * * *", Pace::Fine),
        ("H/15 2 * * *", Pace::Fine),
        ("H(0-29)/10 2 * * *", Pace::Fine),
        ("0,30 9-17 1 jan mon-fri", Pace::Fine),
        ("H,30 * * * *", Pace::Fine),
        ("58,2 3 * * *", Pace::Fine),
        ("* * * * *", Pace::TooOften),
        ("*/4 * * * *", Pace::TooOften),
        ("*/2 H * * *", Pace::TooOften),
        ("H/3 * * * *", Pace::TooOften),
        ("0,4,8 * * * *", Pace::TooOften),
        ("0-59/2 0 1 1 *", Pace::TooOften),
        ("*/19 * * * *", close(":57", ":00", 3)),
        ("*/7 * * * *", close(":56", ":00", 4)),
        ("0,2 * * * *", close(":00", ":02", 2)),
        ("58,2 * * * *", close(":58", ":02", 4)),
        ("*/19 8-9 * * *", close("08:57", "09:00", 3)),
        ("59,1 0,23 * * *", close("23:59", "00:01", 2)),
        ("0,30,31 5 * * *", close("05:30", "05:31", 1)),
        ("0,2 H * * *", close(":00", ":02", 2)),
    ] {
        let schedule = Schedule::certain(spec).unwrap();
        assert_eq!(schedule.pace(), expected, "{spec}");
    }
}

#[test]
fn the_slower_times_are_slow_enough_and_no_more_than_there_were() {
    for (spec, expected) in [
        ("* * * * *", "*/5 * * * *"),
        ("*/4 3 * * mon", "*/5 3 * * mon"),
        ("H/3 * * * *", "H/5 * * * *"),
        ("0,4,8 * * * *", "0,8 * * * *"),
        ("0-10 * * * *", "0,5,10 * * * *"),
        ("0-11 4 * * *", "0,5,10 4 * * *"),
        ("0,1,2,58,59 * * * *", "0 * * * *"),
    ] {
        let slower = Schedule::certain(spec).unwrap().slower(spec);
        assert_eq!(slower, expected, "{spec}");
    }
    let mut bits: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..2_000 {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        let minutes: Vec<String> = (0..60)
            .filter(|minute| bits & (bits >> 1) & (1 << minute) != 0 || *minute == bits % 60)
            .map(|minute| minute.to_string())
            .collect();
        let spec = format!("{} * * * *", minutes.join(","));
        let schedule = Schedule::certain(&spec).unwrap();
        let slower = Schedule::certain(&schedule.slower(&spec)).unwrap();
        assert_eq!(slower.pace(), Pace::Fine, "{spec}: {slower}");
        assert!(
            slower.minutes().count() <= minutes.len(),
            "{spec}: {slower}"
        );
    }
}
