//! Redirects as nginx writes them. Where a request's own words go into an answer, they go as the client wrote
//! them, or encoded anew: what nginx has decoded may hold line breaks.

use super::super::Writer;
use super::super::quoting::{group_names, literal, pattern, quote, template};
use crate::routes::{PathRedirect, Route, Target};

/// The variables that the target of a redirect by regular expression may have, besides `$1` to `$9`.
/// Source: <https://docs.upsun.com/define-routes/redirects.html#redirects-using-regular-expressions>
const VARIABLES: [&str; 3] = ["is_args", "args", "uri"];

/// The path of a request: as the client wrote it, and decoded, which is empty when that holds line breaks and the
/// like.
pub(super) fn write_maps(writer: &mut Writer) {
    writer.block("map $request_uri $route_path", |writer| {
        writer.line("default \"\"");
        writer.line(r#""~^(?<route_path_>[^?]*)" $route_path_"#);
    });
    writer.block("map $uri $route_plain", |writer| {
        writer.line("default $uri");
        writer.line(&format!("{} \"\"", quote(r"~[\x00-\x1f\x7f]")));
    });
}

/// A redirect of a whole route: what is below its path is carried over.
pub(super) fn write_whole(route: &Route, target: &Target, writer: &mut Writer) {
    let expression = format!(
        "^{}/?(?<rest>[^?]*)",
        encoded_pattern(route.path.trim_end_matches('/'))
    );
    let to = target.to.trim_end_matches('/');
    let to = format!("{}/${{rest}}$is_args$args", literal(to));
    returning("$request_uri", &expression, target, &to, writer);
}

pub(super) fn write_path(redirect: &PathRedirect, writer: &mut Writer) {
    if redirect.regexp {
        write_regexp(redirect, writer);
    } else {
        write_plain(redirect, writer);
    }
}

fn write_plain(redirect: &PathRedirect, writer: &mut Writer) {
    let target = &redirect.target;
    let path = encoded_pattern(redirect.path.trim_end_matches('/'));
    let to = target.to.trim_end_matches('/');
    let (expression, suffix) = match (redirect.prefix, redirect.append_suffix) {
        (false, _) => (format!("^{path}/?(?:\\?|$)"), ""),
        (true, false) => (format!("^{path}(?:[/?]|$)"), ""),
        (true, true) => (
            format!("^{path}(?<suffix>/[^?]*)?(?:\\?|$)"),
            "${suffix}$is_args$args",
        ),
    };
    let to = if suffix.is_empty() { &target.to } else { to };
    let to = if to.is_empty() && suffix.is_empty() {
        "/"
    } else {
        to
    };
    let to = format!("{}{suffix}", literal(to));
    returning("$request_uri", &expression, target, &to, writer);
}

fn write_regexp(redirect: &PathRedirect, writer: &mut Writer) {
    let (target, expression) = (&redirect.target, &redirect.path);
    let mut names: Vec<String> = (1..10).map(|group| group.to_string()).collect();
    names.extend(VARIABLES.map(str::to_owned));
    names.extend(arguments(&target.to));
    names.extend(group_names(expression));
    let to = template(&target.to, &names).replace("${uri}", "${route_path}");
    // `rewrite` encodes what it inserts, and knows but these two codes.
    let flag = match target.code {
        301 => "permanent",
        302 => "redirect",
        _ => return returning("$route_path", expression, target, &to, writer),
    };
    conditional("$route_plain", expression, target, writer, |writer| {
        // The question mark keeps the request's query out of it.
        let (expression, to) = (quote(expression), quote(&format!("{to}?")));
        writer.line(&format!("rewrite {expression} {to} {flag}"));
    });
}

/// The names of `$arg_…` in a target.
fn arguments(to: &str) -> Vec<String> {
    to.match_indices("arg_")
        .map(|(at, _)| {
            let rest = &to[at..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            rest[..end.unwrap_or(rest.len())].to_owned()
        })
        .collect()
}

/// A path as a part of a regular expression on what clients write: they encode what is no ASCII and some of what is.
fn encoded_pattern(path: &str) -> String {
    path.chars()
        .map(|c| {
            let bytes = c.to_string().into_bytes();
            let encoded: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
            let plain = pattern(&c.to_string());
            if c.is_ascii_alphanumeric() || "/-._~".contains(c) {
                plain
            } else {
                format!("(?:{plain}|(?i:{encoded}))")
            }
        })
        .collect()
}

fn returning(subject: &str, expression: &str, target: &Target, to: &str, writer: &mut Writer) {
    conditional(subject, expression, target, writer, |writer| {
        writer.line(&format!("return {} {}", target.code, quote(to)));
    });
}

fn conditional(
    subject: &str,
    expression: &str,
    target: &Target,
    writer: &mut Writer,
    write: impl FnOnce(&mut Writer),
) {
    let condition = format!("if ({subject} ~ {})", quote(expression));
    writer.block(&condition, |writer| {
        if let Some(expires) = &target.expires {
            writer.line(&format!("expires {expires}"));
        }
        write(writer);
    });
}
