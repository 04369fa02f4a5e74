//! Methods of Python's strings that templates call and minijinja's own imitation of them lacks.

use minijinja::value::{from_args, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

/// For `Environment::set_unknown_method_callback`.
pub fn method(state: &mut State, of: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    if of.kind() == ValueKind::String {
        if let Some(text) = of.as_str() {
            if let Some(result) = string_method(text, name, args) {
                return result;
            }
        }
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, of, name, args)
}

fn string_method(text: &str, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    Some(match name {
        "rsplit" => rsplit(text, args),
        "partition" => parted(args, |by| text.split_once(by), [text, "", ""]),
        "rpartition" => parted(args, |by| text.rsplit_once(by), ["", "", text]),
        "removeprefix" => from_args(args)
            .map(|(part,): (&str,)| Value::from(text.strip_prefix(part).unwrap_or(text))),
        "removesuffix" => from_args(args)
            .map(|(part,): (&str,)| Value::from(text.strip_suffix(part).unwrap_or(text))),
        "index" => place(text, args, |part| text.find(part)),
        "rindex" => place(text, args, |part| text.rfind(part)),
        _ => return None,
    })
}

fn wrong(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail)
}

fn rsplit(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (by, most): (Option<&str>, Option<i64>) = from_args(args)?;
    let most = most.and_then(|most| usize::try_from(most).ok()); // below 0: all
    let Some(by) = by else {
        if most.is_none() {
            return Ok(Value::from_iter(text.split_whitespace()));
        }
        return Err(wrong("rsplit() at white space has no limit here"));
    };
    if by.is_empty() {
        return Err(wrong("empty separator"));
    }
    let mut parts: Vec<&str> = match most {
        Some(most) => text.rsplitn(most.saturating_add(1), by).collect(),
        None => text.rsplit(by).collect(),
    };
    parts.reverse();
    Ok(Value::from_iter(parts))
}

fn parted<'a>(
    args: &[Value],
    split: impl Fn(&str) -> Option<(&'a str, &'a str)>,
    otherwise: [&str; 3],
) -> Result<Value, Error> {
    let (by,): (&str,) = from_args(args)?;
    if by.is_empty() {
        return Err(wrong("empty separator"));
    }
    let [before, by, after] = split(by).map_or(otherwise, |(before, after)| [before, by, after]);
    Ok(Value::from((before, by, after)))
}

/// Counted in characters.
fn place(text: &str, args: &[Value], find: impl Fn(&str) -> Option<usize>) -> Result<Value, Error> {
    let (part,): (&str,) = from_args(args)?;
    let at = find(part).ok_or_else(|| wrong("substring not found"))?;
    Ok(Value::from(text[..at].chars().count()))
}

#[cfg(test)]
mod tests {
    use crate::template::Template;

    /// What CPython 3.11 answers, as json.dumps writes it.
    #[test]
    fn methods_are_those_of_python() {
        let shown = |call: &str| {
            let template = Template::compile(format!("{{{{ {call}|tojson }}}}").as_bytes())?;
            template.render(b"{}", None).map(|prompt| prompt.text)
        };
        for (call, python) in [
            ("'a-b-c'.rsplit('-', 1)", r#"["a-b", "c"]"#),
            ("'a-b-c'.rsplit('-')", r#"["a", "b", "c"]"#),
            ("'a--b'.rsplit('--', -1)", r#"["a", "b"]"#),
            ("'abc'.rsplit('x')", r#"["abc"]"#),
            ("''.rsplit('x')", r#"[""]"#),
            ("' a  b '.rsplit()", r#"["a", "b"]"#),
            ("'a.b.c'.partition('.')", r#"["a", ".", "b.c"]"#),
            ("'abc'.partition('.')", r#"["abc", "", ""]"#),
            ("'a.b.c'.rpartition('.')", r#"["a.b", ".", "c"]"#),
            ("'abc'.rpartition('.')", r#"["", "", "abc"]"#),
            ("('~' ~ 'abc'.partition('b'))", r#""~('a', 'b', 'c')""#),
            ("'aab'.removeprefix('a')", r#""ab""#),
            ("'abb'.removesuffix('b')", r#""ab""#),
            ("'abb'.removesuffix('x')", r#""abb""#),
            ("'éabab'.index('b')", "2"),
            ("'éabab'.rindex('b')", "4"),
            ("'ABC'.lower()", r#""abc""#),
        ] {
            assert_eq!(shown(call).unwrap(), python, "{call}");
        }
        for (call, error) in [
            ("'abc'.index('x')", "substring not found"),
            ("'abc'.rsplit('')", "empty separator"),
            ("'abc'.partition('')", "empty separator"),
            ("'a b'.rsplit(none, 1)", "no limit"),
            ("'abc'.strange()", "strange"),
        ] {
            assert!(shown(call).unwrap_err().contains(error), "{call}");
        }
    }
}
