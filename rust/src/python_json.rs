//! JSON as Python's `json.dumps` writes it, which chat templates rely on to the byte.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind};

use crate::marks;

pub struct Style {
    ensure_ascii: bool,
    sort_keys: bool,
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
}

const MAX_INDENT: usize = 64;
const MAX_DEPTH: usize = 500;

impl Style {
    /// The keyword arguments of `json.dumps` that Transformers' `tojson` takes.
    pub fn from_options(options: &Kwargs) -> Result<Self, Error> {
        let indent = match options.get::<Option<Value>>("indent")?.filter(|v| !v.is_none()) {
            None => None,
            Some(text) if text.as_str().is_some() => text.as_str().map(str::to_owned),
            Some(spaces) => Some(" ".repeat(usize::try_from(spaces)?.min(MAX_INDENT))),
        };
        let separators = options.get::<Option<Value>>("separators")?.filter(|v| !v.is_none());
        let (item_separator, key_separator) = match separators {
            Some(pair) => {
                (pair.get_item_by_index(0)?.to_string(), pair.get_item_by_index(1)?.to_string())
            }
            None if indent.is_some() => (",".into(), ": ".into()),
            None => (", ".into(), ": ".into()),
        };
        Ok(Self {
            ensure_ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
            sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
            indent,
            item_separator,
            key_separator,
        })
    }
}

pub fn dump(value: &Value, style: &Style) -> Result<String, Error> {
    let mut writer = Writer { style, output: String::new(), depth: 0 };
    writer.value(value)?;
    Ok(writer.output)
}

struct Writer<'a> {
    style: &'a Style,
    output: String,
    depth: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) -> Result<(), Error> {
        match value.kind() {
            ValueKind::None => self.output.push_str("null"),
            ValueKind::Bool => self.output.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.output.push_str(&number(value)?),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.group(['[', ']'], &items, |writer, item| writer.value(item))?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.style.sort_keys {
                    keys.sort();
                }
                self.group(['{', '}'], &keys, |writer, key| {
                    writer.key(key)?;
                    writer.value(&value.get_item(key)?)
                })?;
            }
            kind => {
                let detail = format!("tojson cannot write a value of kind {kind}");
                return Err(Error::new(ErrorKind::BadSerialization, detail));
            }
        }
        Ok(())
    }

    fn group(
        &mut self,
        [open, close]: [char; 2],
        items: &[Value],
        mut write: impl FnMut(&mut Self, &Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let detail = format!("tojson of a value deeper than {MAX_DEPTH}");
            return Err(Error::new(ErrorKind::BadSerialization, detail));
        }
        self.output.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.output.push_str(&self.style.item_separator);
            }
            self.new_line();
            write(self, item)?;
        }
        self.depth -= 1;
        if !items.is_empty() {
            self.new_line();
        }
        self.output.push(close);
        Ok(())
    }

    fn new_line(&mut self) {
        if let Some(indent) = &self.style.indent {
            self.output.push('\n');
            for _ in 0..self.depth {
                self.output.push_str(indent);
            }
        }
    }

    fn key(&mut self, key: &Value) -> Result<(), Error> {
        match key.kind() {
            ValueKind::String => self.value(key)?,
            ValueKind::None | ValueKind::Bool | ValueKind::Number => {
                self.output.push('"');
                self.value(key)?;
                self.output.push('"');
            }
            kind => {
                let detail = format!("tojson cannot write a key of kind {kind}");
                return Err(Error::new(ErrorKind::BadSerialization, detail));
            }
        }
        self.output.push_str(&self.style.key_separator);
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.output.push('"');
        for character in text.chars() {
            match character {
                marks::MARK => self.output.push(character),
                '"' => self.output.push_str("\\\""),
                '\\' => self.output.push_str("\\\\"),
                '\n' => self.output.push_str("\\n"),
                '\r' => self.output.push_str("\\r"),
                '\t' => self.output.push_str("\\t"),
                '\u{8}' => self.output.push_str("\\b"),
                '\u{c}' => self.output.push_str("\\f"),
                ' '..='\u{7e}' => self.output.push(character),
                '\u{7f}'.. if !self.style.ensure_ascii => self.output.push(character),
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        self.output.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
        self.output.push('"');
    }
}

/// Integers as they are, floats as Python's `repr`: the shortest digits that read back the same,
/// with an exponent below 1e-4 and from 1e16.
pub fn number(value: &Value) -> Result<String, Error> {
    if value.is_integer() {
        return Ok(value.to_string());
    }
    let float = f64::try_from(value.clone())?;
    if float.is_nan() {
        return Ok("NaN".into());
    }
    if float.is_infinite() {
        return Ok(if float > 0.0 { "Infinity" } else { "-Infinity" }.into());
    }
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return Ok(format!("{float:?}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    Ok(format!("{digits}e{sign}{:02}", exponent.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        // repr() of CPython 3.11.
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
            (123456789012345680.0, "1.2345678901234568e+17"),
        ];
        for (float, text) in cases {
            assert_eq!(number(&Value::from(float)).unwrap(), text);
        }
        assert_eq!(number(&Value::from(-7)).unwrap(), "-7");
    }
}
