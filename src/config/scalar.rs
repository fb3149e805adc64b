//! What a plain scalar means: the core schema of YAML 1.2.
//!
//! `yes` and `on` are strings there, `1.10` is the number 1.1, `0o17` is 15 and `017` is 17.

use std::sync::Arc;

use super::node::Value;

/// The value that an unquoted text stands for.
pub(crate) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    number(text).unwrap_or_else(|| Value::Text(Arc::from(text)))
}

/// The number that a text is, if it is one.
pub(crate) fn number(text: &str) -> Option<Value> {
    let first = *text.as_bytes().first()?;
    if !first.is_ascii_digit() && !matches!(first, b'+' | b'-' | b'.') {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        let sign = if first == b'-' { -1.0 } else { 1.0 };
        return Some(Value::Float(f64::INFINITY * sign));
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(value) => Some(Value::Integer(value)),
            Err(_) => text.parse().ok().map(Value::Float),
        };
    }
    float(unsigned).then(|| text.parse().ok().map(Value::Float))?
}

fn radix(digits: &str, base: u32) -> Option<Value> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    i64::from_str_radix(digits, base).ok().map(Value::Integer)
}

/// `[0-9]+(\.[0-9]*)?` or `\.[0-9]+`, then perhaps an exponent.
fn float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    !(whole.is_empty() && fraction.is_empty()) && digits(whole) && digits(fraction) && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let table = [
            ("1.10", "Float(1.1)"),
            ("24", "Integer(24)"),
            ("-7", "Integer(-7)"),
            ("017", "Integer(17)"),
            ("0o17", "Integer(15)"),
            ("0x1F", "Integer(31)"),
            ("1e3", "Float(1000.0)"),
            (".5", "Float(0.5)"),
            ("1.", "Float(1.0)"),
            ("-.inf", "Float(-inf)"),
            ("99999999999999999999", "Float(1e20)"),
            ("~", "Null"),
            ("", "Null"),
            ("null", "Null"),
            ("True", "Bool(true)"),
            ("yes", "Text(\"yes\")"),
            ("off", "Text(\"off\")"),
            ("1_000", "Text(\"1_000\")"),
            ("12:30", "Text(\"12:30\")"),
            ("2026-01-01", "Text(\"2026-01-01\")"),
            ("1.2.3", "Text(\"1.2.3\")"),
            ("-", "Text(\"-\")"),
            (".", "Text(\".\")"),
            ("0o9", "Text(\"0o9\")"),
            ("e5", "Text(\"e5\")"),
            ("+", "Text(\"+\")"),
        ];
        for (text, expected) in table {
            assert_eq!(format!("{:?}", resolve(text)), expected, "{text:?}");
        }
    }
}
