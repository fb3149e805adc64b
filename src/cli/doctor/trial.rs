//! What `doctor` says of the trial of the engine.

use std::collections::BTreeMap;

use super::super::context::Context;
use upsun_local::failure::{CANNOT_MAKE, Failure};
use upsun_local::lifecycle::EngineTried;
use upsun_local::text::safe_line;

/// How far the text of a check is indented.
const INDENT: usize = 14;

/// Whether the ports that an engine publishes are those of this machine.
pub(super) fn is_local(address: &str) -> bool {
    let host = |scheme: &str| {
        let rest = address.strip_prefix(scheme)?;
        Some(
            rest.starts_with("127.") || rest.starts_with("localhost:") || rest.starts_with("[::1]"),
        )
    };
    let hosts = ["tcp://", "http://", "https://"].into_iter().find_map(host);
    hosts.unwrap_or_else(|| address.starts_with("unix://"))
}

/// Fails when the engine cannot do what operations need.
pub(super) fn verdict(tried: &EngineTried) -> Result<(), Failure> {
    let essential = tried.failed().filter(|(check, _)| check.essential).count();
    if essential == 0 {
        return Ok(());
    }
    Err(Failure::new(
        CANNOT_MAKE,
        format!(
            "the engine cannot do what operations need: {essential} of {} checks failed",
            tried.checks.len()
        ),
    )
    .hint("the lines under `trial` say which; `upsun-local doctor --engine <address>` tries another engine"))
}

/// The lines of the trial.
pub(super) fn text(context: &Context, tried: &EngineTried) -> String {
    let failed: Vec<_> = tried.failed().collect();
    let not_tried: Vec<_> = tried.not_tried().collect();
    let passed = tried.checks.len() - failed.len() - not_tried.len();
    let image = match &tried.image {
        Some(image) => format!("with the image `{}`, which was there", safe_line(image)),
        None => "with an empty image, since nothing was to be pulled".to_owned(),
    };
    let line = format!(
        "{} {passed} of {} checks passed in {:.1} s, {image}\n",
        context.out_style.strong("trial"),
        tried.checks.len(),
        tried.duration.as_secs_f64(),
    );
    let mut text = context.sentences(&line, 2);
    for (check, found) in failed {
        let kind = if check.essential { "fails" } else { "weaker" };
        let line = format!(
            "  {kind:<11} {}: {}; {}\n",
            check.name,
            safe_line(found),
            check.means
        );
        text.push_str(&context.sentences(&line, INDENT));
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (check, why) in not_tried {
        reasons.entry(why).or_default().push(check.name);
    }
    for (why, names) in reasons {
        let line = format!("  not tried   {}: {}\n", names.join(", "), safe_line(why));
        text.push_str(&context.sentences(&line, INDENT));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn ports_are_this_machine_s_where_the_engine_is() {
        for address in [
            "unix:///var/run/docker.sock",
            "tcp://127.0.0.1:2375",
            "https://localhost:2376",
        ] {
            assert!(is_local(address), "{address}");
        }
        for address in [
            "ssh://me@host",
            "tcp://192.0.2.1:2375",
            "tcp://127x.example:1",
        ] {
            assert!(!is_local(address), "{address}");
        }
    }
}
