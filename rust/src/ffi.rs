//! The C interface. `include/weft_text.h` is its contract; every `unsafe` here relies on the caller
//! keeping it. A panic, which would be a mistake of ours or of a library, becomes an error.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::slice;

use crate::grammar::Grammar;
use crate::special::Control;
use crate::template::Template;
use crate::tokenizer::Tokenizer;
use crate::tokenizer_json::Bounds;
use crate::vocabulary::{Kind, Vocabulary};

#[repr(C)]
pub struct Bytes {
    data: *const u8,
    size: usize,
}

/// A boxed slice handed to C, which gives it back to be freed.
#[repr(C)]
pub struct Owned<T> {
    data: *mut T,
    size: usize,
}

#[repr(C)]
pub struct CVocabulary {
    kind: u32,
    pre: Bytes,
    tokens: *const Bytes,
    n_tokens: usize,
    scores: *const f32,
    types: *const i32,
    merges: *const Bytes,
    n_merges: usize,
    unknown: u32,
    charsmap: Bytes,
    add_space_prefix: bool,
    remove_extra_spaces: bool,
    lowercase: bool,
    strip_accents: bool,
}

const NO_TOKEN: u32 = u32::MAX;

impl Bytes {
    unsafe fn get<'a>(&self) -> &'a [u8] {
        array(self.data, self.size)
    }

    fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), size: bytes.len() }
    }
}

/// C's arrays may be null where they are empty.
unsafe fn array<'a, T>(data: *const T, size: usize) -> &'a [T] {
    if data.is_null() {
        &[]
    } else {
        slice::from_raw_parts(data, size)
    }
}

impl<T> Owned<T> {
    fn of(values: Vec<T>) -> Self {
        let values = Box::leak(values.into_boxed_slice());
        Self { data: values.as_mut_ptr(), size: values.len() }
    }

    unsafe fn free(self) {
        if !self.data.is_null() {
            drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.data, self.size)));
        }
    }
}

/// The value of `call`, or nothing and its error in `error`.
unsafe fn guard<T>(error: *mut Owned<u8>, call: impl FnOnce() -> Result<T, String>) -> Option<T> {
    let sentence = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(sentence)) => sentence,
        Err(panic) => {
            let reason = panic.downcast_ref::<String>().map(String::as_str);
            let reason = reason.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason");
            format!("The text library stopped unexpectedly: {reason}.")
        }
    };
    error.write(Owned::of(sentence.into_bytes()));
    None
}

unsafe fn guard_handle<T>(
    error: *mut Owned<u8>,
    call: impl FnOnce() -> Result<T, String>,
) -> *mut T {
    guard(error, call).map_or(std::ptr::null_mut(), |value| Box::into_raw(Box::new(value)))
}

unsafe fn free_handle<T>(handle: *mut T) {
    if !handle.is_null() {
        drop(Box::from_raw(handle));
    }
}

#[no_mangle]
unsafe extern "C" fn weft_text_free(text: Owned<u8>) {
    text.free();
}

#[no_mangle]
unsafe extern "C" fn weft_ids_free(ids: Owned<u32>) {
    ids.free();
}

#[no_mangle]
unsafe extern "C" fn weft_tokenizer_from_vocabulary(
    vocabulary: *const CVocabulary,
    error: *mut Owned<u8>,
) -> *mut Tokenizer {
    guard_handle(error, || Tokenizer::from_vocabulary(&(*vocabulary).read()?))
}

impl CVocabulary {
    unsafe fn read<'a>(&self) -> Result<Vocabulary<'a>, String> {
        let c = self;
        let texts = |texts, size| array(texts, size).iter().map(|text: &Bytes| text.get());
        Ok(Vocabulary {
            kind: Kind::from_c(c.kind)
                .ok_or_else(|| format!("There is no kind of vocabulary {}.", c.kind))?,
            pre: c.pre.get(),
            tokens: texts(c.tokens, c.n_tokens).collect(),
            scores: array(c.scores, c.n_tokens),
            types: array(c.types, c.n_tokens),
            merges: texts(c.merges, c.n_merges).collect(),
            unknown: (c.unknown != NO_TOKEN).then_some(c.unknown),
            charsmap: c.charsmap.get(),
            add_space_prefix: c.add_space_prefix,
            remove_extra_spaces: c.remove_extra_spaces,
            lowercase: c.lowercase,
            strip_accents: c.strip_accents,
        })
    }
}

#[no_mangle]
unsafe extern "C" fn weft_vocabulary_to_json(
    vocabulary: *const CVocabulary,
    first: u32,
    last: u32,
    json: *mut Owned<u8>,
    error: *mut Owned<u8>,
) -> bool {
    let token = |id: u32| (id != NO_TOKEN).then_some(id);
    let bounds = Bounds { first: token(first), last: token(last) };
    let written = guard(error, || (*vocabulary).read()?.to_json(bounds));
    written.map(|text| json.write(Owned::of(text.into_bytes()))).is_some()
}

#[no_mangle]
unsafe extern "C" fn weft_tokenizer_from_json(
    json: Bytes,
    error: *mut Owned<u8>,
) -> *mut Tokenizer {
    guard_handle(error, || Tokenizer::from_json(json.get()))
}

#[no_mangle]
unsafe extern "C" fn weft_tokenizer_free(tokenizer: *mut Tokenizer) {
    free_handle(tokenizer);
}

#[no_mangle]
unsafe extern "C" fn weft_tokenizer_encode(
    tokenizer: *const Tokenizer,
    text: Bytes,
    parse_special: bool,
    plain: *const u32,
    n_plain: usize,
    ids: *mut Owned<u32>,
    error: *mut Owned<u8>,
) -> bool {
    let control =
        if parse_special { Control::ButAt(array(plain, n_plain)) } else { Control::Nowhere };
    let encoded = guard(error, || (*tokenizer).encode(text.get(), control));
    encoded.map(|encoded| ids.write(Owned::of(encoded))).is_some()
}

#[no_mangle]
unsafe extern "C" fn weft_tokenizer_size(tokenizer: *const Tokenizer) -> usize {
    (*tokenizer).pieces.len()
}

#[no_mangle]
unsafe extern "C" fn weft_tokenizer_token_bytes(tokenizer: *const Tokenizer, id: u32) -> Bytes {
    Bytes::of((*tokenizer).pieces.bytes(id))
}

#[no_mangle]
unsafe extern "C" fn weft_tokenizer_token_type(tokenizer: *const Tokenizer, id: u32) -> i32 {
    (*tokenizer).pieces.kind(id) as i32
}

#[no_mangle]
unsafe extern "C" fn weft_tokenizer_find(tokenizer: *const Tokenizer, text: Bytes) -> u32 {
    let text = std::str::from_utf8(text.get()).unwrap_or_default();
    (*tokenizer).pieces.find(text).unwrap_or(NO_TOKEN)
}

#[no_mangle]
unsafe extern "C" fn weft_tokenizer_space_prefix(tokenizer: *const Tokenizer) -> u32 {
    (*tokenizer).space_prefix as u32
}

#[no_mangle]
unsafe extern "C" fn weft_template_compile(source: Bytes, error: *mut Owned<u8>) -> *mut Template {
    guard_handle(error, || Template::compile(source.get()))
}

#[no_mangle]
unsafe extern "C" fn weft_template_render(
    template: *const Template,
    variables: Bytes,
    tokenizer: *const Tokenizer,
    output: *mut Owned<u8>,
    plain: *mut Owned<u32>,
    error: *mut Owned<u8>,
) -> bool {
    let special = tokenizer.as_ref().map(|tokenizer| &tokenizer.special);
    let rendered = guard(error, || (*template).render(variables.get(), special));
    rendered
        .map(|prompt| {
            output.write(Owned::of(prompt.text.into_bytes()));
            plain.write(Owned::of(prompt.plain));
        })
        .is_some()
}

#[no_mangle]
unsafe extern "C" fn weft_template_free(template: *mut Template) {
    free_handle(template);
}

#[no_mangle]
unsafe extern "C" fn weft_grammar_compile(
    tokenizer: *const Tokenizer,
    ends: *const u32,
    n_ends: usize,
    kind: Bytes,
    source: Bytes,
    error: *mut Owned<u8>,
) -> *mut Grammar {
    guard_handle(error, || {
        Grammar::compile(&*tokenizer, array(ends, n_ends), kind.get(), source.get())
    })
}

#[no_mangle]
unsafe extern "C" fn weft_grammar_mask(
    grammar: *mut Grammar,
    mask: *mut u32,
    n_words: usize,
    error: *mut Owned<u8>,
) -> bool {
    guard(error, || (*grammar).mask(slice::from_raw_parts_mut(mask, n_words))).is_some()
}

#[no_mangle]
unsafe extern "C" fn weft_grammar_accept(
    grammar: *mut Grammar,
    id: u32,
    error: *mut Owned<u8>,
) -> bool {
    guard(error, || (*grammar).accept(id)).is_some()
}

#[no_mangle]
unsafe extern "C" fn weft_grammar_free(grammar: *mut Grammar) {
    free_handle(grammar);
}
