//! Chat templates: Jinja as Transformers sets it up, for templates that nobody has vouched for.
//!
//! A template sees only the variables it is given. Bounded are its length, the instructions it
//! runs, how deep it recurses, all that it writes, and its memory: a few instructions that double a
//! text are enough to ask for more than there is. It runs on a thread with a stack that the deepest
//! value it can build within those bounds fits on.

use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::fmt::Write;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value, ValueKind, ValueOrKwargs};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State};

use crate::special::SpecialTokens;
use crate::{marks, memory, python_json, python_str};

const MAX_SOURCE_BYTES: usize = 1 << 20;
const MAX_OUTPUT_BYTES: usize = 64 << 20;
const FUEL: u64 = 5_000_000;
const STACK_BYTES: usize = 1 << 30;
/// Fuzzing has less: beside each small allocation an address sanitizer takes several times as much.
const MEMORY_BYTES: usize = if cfg!(fuzzing) { 32 << 20 } else { 256 << 20 };
const NAME: &str = "chat template";

pub struct Template {
    environment: Arc<Environment<'static>>,
    /// It needed more than MEMORY_BYTES or STACK_BYTES once. The thread that ran it is lost, and they with it: it is
    /// not run again.
    stopped: AtomicBool,
}

pub struct Prompt {
    pub text: String,
    /// Offsets at which no control token begins: what reads like one was said in a variable.
    pub plain: Vec<u32>,
}

/// Variables whose control tokens are meant.
const TOKEN_VARIABLES: [&str; 2] = ["bos_token", "eos_token"];

impl Template {
    pub fn compile(source: &[u8]) -> Result<Self, String> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(format!(
                "The chat template has {} bytes, and {MAX_SOURCE_BYTES} are allowed.",
                source.len()
            ));
        }
        let source = std::str::from_utf8(source)
            .map_err(|error| format!("The chat template is not UTF-8: {error}."))?;
        let mut environment = environment()?;
        environment.add_template_owned(NAME, scope_generation_blocks(source)).map_err(describe)?;
        Ok(Self { environment: Arc::new(environment), stopped: AtomicBool::new(false) })
    }

    /// `variables` is a JSON object; control tokens among `special` are text within it.
    pub fn render(
        &self,
        variables: &[u8],
        special: Option<&SpecialTokens>,
    ) -> Result<Prompt, String> {
        let mut variables: serde_json::Value = serde_json::from_slice(variables)
            .map_err(|error| format!("The chat template's variables are no JSON: {error}."))?;
        let Some(members) = variables.as_object_mut() else {
            return Err("The chat template's variables are no JSON object.".into());
        };
        if let Some(special) = special {
            let said = members.iter_mut().filter(|(name, _)| !TOKEN_VARIABLES.contains(&&***name));
            said.for_each(|(_, value)| marks::put(value, special));
        }
        let text = self.render_bounded(variables)?;
        let (text, plain) = if special.is_some() { marks::take(text) } else { (text, Vec::new()) };
        Ok(Prompt { text, plain })
    }

    fn render_bounded(&self, variables: serde_json::Value) -> Result<String, String> {
        let rendered = if self.stopped.load(Ordering::Relaxed) {
            None
        } else {
            let environment = Arc::clone(&self.environment);
            let work = move || render(&environment, &variables);
            memory::bounded(STACK_BYTES, MEMORY_BYTES, work).map_err(|error| {
                format!("No thread can be started for the chat template: {error}.")
            })?
        };
        rendered.unwrap_or_else(|| {
            self.stopped.store(true, Ordering::Relaxed);
            Err(format!(
                "The chat template needs more than {MEMORY_BYTES} bytes of memory, or a deeper \
                 stack than {STACK_BYTES} bytes: it is not run."
            ))
        })
    }
}

fn render(environment: &Environment, variables: &serde_json::Value) -> Result<String, String> {
    let template = environment.get_template(NAME).map_err(describe)?;
    let mut output = Limited(Vec::new());
    let context = Value::from(Serde(variables));
    let rendered = template.render_captured_to(context, &mut output).map(drop).map_err(describe);
    cut_cycles();
    rendered?;
    String::from_utf8(output.0)
        .map_err(|error| format!("The chat template wrote what is not UTF-8: {error}."))
}

fn environment() -> Result<Environment<'static>, String> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(describe)?);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(write_value);
    environment.set_unknown_method_callback(python_str::method);
    environment.add_filter("tojson", tojson);
    environment.add_filter("escape", escape);
    environment.add_filter("e", escape);
    environment.add_test("iterable", is_iterable);
    environment.add_test("sequence", is_sequence);
    environment.add_test("number", is_number);
    environment.add_function("namespace", namespace);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    Ok(environment)
}

/// Transformers marks what the assistant says with `{% generation %}` blocks, which render as they
/// are and, as every block there, keep the variables they set.
fn scope_generation_blocks(source: &str) -> String {
    let mut scoped = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(begin) = rest.find("{%") {
        let (before, tag) = rest.split_at(begin + 2);
        scoped.push_str(before);
        rest = tag;
        let Some(end) = tag.find("%}") else { continue };
        let is_sign = |c| c == '-' || c == '+';
        let word = tag[..end].trim_matches(is_sign).trim();
        let replacement = match word {
            "generation" => "with",
            "endgeneration" => "endwith",
            _ => continue,
        };
        scoped.push_str(&tag[..end].replacen(word, replacement, 1));
        rest = &tag[end..];
    }
    scoped + rest
}

fn describe(error: Error) -> String {
    let line = error.line().map(|line| format!("in line {line}: ")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    format!("The chat template fails {line}{}{detail}{source}.", error.kind())
}

/// What a template writes in the end.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT_BYTES {
            return Err(io::Error::other(format!("more than {MAX_OUTPUT_BYTES} bytes of output")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

thread_local! {
    /// Bytes that expressions of this thread's template wrote, also where a `set` block or a macro
    /// catches them.
    static WRITTEN: Cell<usize> = const { Cell::new(0) };
}

thread_local! {
    /// All that this thread's template made: the only values that can hold themselves.
    static NAMESPACES: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

fn namespace(defaults: Option<ValueOrKwargs>) -> Result<Value, Error> {
    let made = minijinja::functions::namespace(defaults)?;
    NAMESPACES.with_borrow_mut(|all| all.push(made.clone()));
    Ok(made)
}

/// A namespace that came to hold itself would never be freed. What it was given when it was made
/// cannot hold it; all that was set since then, by names, is taken from it.
fn cut_cycles() {
    let all = NAMESPACES.take();
    if all.is_empty() {
        return;
    }
    let environment = Environment::new();
    let is_name = |key: &Value| {
        let text = key.as_str().unwrap_or_default();
        text.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    for of in all {
        for key in of.try_iter().into_iter().flatten().filter(is_name) {
            // What cannot be set was not set.
            let cut = format!("{{% set of.{key} = none %}}");
            let _ = environment.render_str(&cut, minijinja::context! { of => of.clone() });
        }
    }
}

fn write_value(output: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    let is_finite =
        value.kind() == ValueKind::Number && f64::try_from(value.clone()).is_ok_and(f64::is_finite);
    let text = if is_finite { python_json::number(value)? } else { value.to_string() };
    let written = WRITTEN.get() + text.len();
    WRITTEN.set(written);
    if written > MAX_OUTPUT_BYTES {
        let detail = format!("more than {MAX_OUTPUT_BYTES} bytes written");
        return Err(Error::new(ErrorKind::WriteFailure, detail));
    }
    Ok(output.write_str(&text)?)
}

fn tojson(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let style = python_json::Style::from_options(&options)?;
    options.assert_all_used()?;
    python_json::dump(value, &style).map(Value::from)
}

/// Templates are text and not HTML, but those that ask for HTML's escapes get them.
fn escape(value: &Value) -> String {
    let mut escaped = String::new();
    for character in value.to_string().chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&#39;"),
            '"' => escaped.push_str("&#34;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

// Python's view of what these words mean; that of minijinja is another.

fn is_iterable(value: &Value) -> bool {
    use ValueKind::*;
    matches!(value.kind(), Undefined | String | Bytes | Seq | Map | Iterable)
}

fn is_sequence(value: &Value) -> bool {
    use ValueKind::*;
    matches!(value.kind(), Undefined | String | Bytes | Seq | Map)
}

fn is_number(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
}

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn strftime_now(format: &str) -> Result<String, Error> {
    let mut text = String::new();
    write!(text, "{}", chrono::Local::now().format(format)).map_err(|_| {
        Error::new(ErrorKind::InvalidOperation, format!("strftime_now has no format {format:?}"))
    })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(source: &str, variables: &str) -> Result<String, String> {
        let prompt = Template::compile(source.as_bytes())?.render(variables.as_bytes(), None)?;
        Ok(prompt.text)
    }

    #[test]
    fn generation_blocks_render_as_they_are() {
        let source = "{% for x in xs %}\n  {%- generation -%}\n<{{ x }}>\n{% endgeneration +%}\n{% endfor %}";
        assert_eq!(rendered(source, r#"{"xs": [1, 2]}"#).unwrap(), "<1>\n\n<2>\n\n");
    }

    #[test]
    fn generation_blocks_keep_their_variables() {
        let source = "{% set a = 1 %}{% generation %}{% set a = 2 %}{% endgeneration %}{{ a }}";
        assert_eq!(rendered(source, "{}").unwrap(), "1");
    }

    #[test]
    fn endless_work_ends() {
        let loops = "{% for a in range(9999) %}".repeat(3) + &"{% endfor %}".repeat(3);
        let error = rendered(&loops, "{}").unwrap_err();
        assert!(error.contains("fuel"), "{error}");
        let error = rendered("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{}").unwrap_err();
        assert!(error.contains("recursion"), "{error}");
    }

    #[test]
    fn endless_output_ends() {
        let variables = format!(r#"{{"x": "{}"}}"#, "x".repeat(100_000));
        let endless = "{% for a in range(9999) %}{{ x }}{% endfor %}";
        assert!(rendered(endless, &variables).unwrap_err().contains("67108864 bytes"));
        let caught = format!("{{% set y %}}{endless}{{% endset %}}");
        assert!(rendered(&caught, &variables).unwrap_err().contains("67108864 bytes"));
        let raw = format!("{{% for a in range(9999) %}}{}{{% endfor %}}", "x".repeat(10_000));
        assert!(rendered(&raw, "{}").unwrap_err().contains("67108864 bytes"));
    }

    #[test]
    fn endless_memory_ends() {
        let doubling = |step: &str| {
            let start = "{% set n = namespace(x='xxxxxxxx', l=[1, 2]) %}";
            format!("{start}{{% for a in range(60) %}}{{% set {step} %}}{{% endfor %}}")
        };
        for source in [
            &doubling("n.x = n.x ~ n.x"),
            &doubling("n.x = n.x + n.x"),
            &doubling("n.x = [n.x, n.x]|join(n.x)"),
            &doubling("n.l = (n.l + n.l)|list"),
            "{% set x = 'x' * 50000000 %}{{ x|replace('x', x)|length }}",
            "{% set x = [1] * 90000000 %}{{ x|list|length }}",
        ] {
            let template = Template::compile(source.as_bytes()).unwrap();
            for _ in 0..2 {
                let error = template.render(b"{}", None).err().unwrap_or_default();
                assert!(error.contains("268435456 bytes of memory"), "{source}: {error}");
            }
        }
        assert_eq!(rendered("{{ 'x' * 3 }}", "{}").unwrap(), "xxx");
    }

    #[test]
    fn deep_values_do_not_overflow_the_stack() {
        // As deep as the fuel lasts: five instructions a level.
        let levels = "{% set n.x = [n.x] %}".repeat(99);
        let nest = format!(
            "{{% set n = namespace(x=1) %}}{{% for a in range(9000) %}}{levels}{{% endfor %}}"
        );
        let render_with = |show| rendered(&format!("{nest}{show}"), "{}");
        assert_eq!(render_with("").unwrap(), "");
        assert_eq!(render_with("{{ n.x }}").unwrap().len(), 2 * 9000 * 99 + 1);
        assert!(render_with("{{ n.x|tojson }}").unwrap_err().contains("deeper than 500"));
    }

    #[test]
    fn values_that_hold_themselves_end() {
        let start = "{% set a = namespace(x=0) %}{% set a.x = [a] %}\
                     {% set b = namespace(x=0) %}{% set b.x = [b] %}";
        for endless in ["{{ a }}", "{{ a|string|length }}", "{{ a == b }}", "{{ [a]|join }}"] {
            let template = Template::compile(format!("{start}{endless}").as_bytes()).unwrap();
            let environment = Arc::clone(&template.environment);
            let work = move || render(&environment, &serde_json::json!({}));
            let ended = memory::bounded(16 << 20, MEMORY_BYTES, work).unwrap();
            assert!(ended.is_none(), "{endless}: {ended:?}");
        }
        let error = rendered(&format!("{start}{{{{ a|tojson }}}}"), "{}").unwrap_err();
        assert!(error.contains("deeper than 500"), "{error}");
    }

    #[test]
    fn values_that_hold_themselves_are_freed() {
        struct Witness(Arc<AtomicBool>);
        impl Drop for Witness {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        impl std::fmt::Debug for Witness {
            fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("witness")
            }
        }
        impl minijinja::value::Object for Witness {}

        let is_freed = Arc::new(AtomicBool::new(false));
        let mut environment = environment().unwrap();
        let of_object = Arc::clone(&is_freed);
        environment
            .add_function("witness", move || Value::from_object(Witness(Arc::clone(&of_object))));
        let cycle = "{% set a = namespace({'a b': 1, 'x': 0}) %}{% set b = namespace(y=a) %}\
                     {% set a.x = [b, witness()] %}done";
        environment.add_template(NAME, cycle).unwrap();
        assert_eq!(render(&environment, &serde_json::json!({})).unwrap(), "done");
        assert!(is_freed.load(Ordering::Relaxed));
    }

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let written = rendered("{{ 1e20 }} {{ 1e-7 }} {{ 1.0 }} {{ 1e300 * 1e300 }} {{ 7 }}", "{}");
        assert_eq!(written.unwrap(), "1e+20 1e-07 1.0 inf 7");
    }

    #[test]
    fn errors_name_the_line() {
        let error = rendered("a\nb{{ raise_exception('no system role') }}", "{}").unwrap_err();
        assert!(error.contains("line 2") && error.contains("no system role"), "{error}");
        let error = rendered("a\n\n{% if %}", "{}").unwrap_err();
        assert!(error.contains("line 3"), "{error}");
        assert!(rendered("{{ messages[0].content.x }}", r#"{"messages": []}"#).is_err());
    }

    #[test]
    fn strftime_now_writes_the_year_and_refuses_nonsense() {
        let year: i32 = rendered("{{ strftime_now('%Y') }}", "{}").unwrap().parse().unwrap();
        assert!(year > 2024);
        assert!(rendered("{{ strftime_now('%Q!') }}", "{}").is_err());
    }
}
