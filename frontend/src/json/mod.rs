//! JSON as the page reads and writes it: one reader and one writer that all types go through.
//!
//! What serde derives is a reader of its own for every type, and the largest part of a first visit would be these.

mod types;

pub(crate) use types::Known;

use std::borrow::Cow;
use std::fmt::Write as _;

/// How deep lists and objects may lie in each other.
const DEEPEST: u32 = 60;

/// A type that is read from JSON. A reader gives `None` where the value is not of this type, and is of no use then.
pub trait Read: Sized {
    fn read(json: &mut Json<'_>) -> Option<Self>;
}

/// A type that is written as JSON. A member of an object that writes nothing is left out.
pub trait Write {
    fn write(&self, out: &mut String);
}

/// A type that is a text in JSON, and may be a key.
pub trait Word: Sized {
    fn word(text: &str) -> Option<Self>;
}

/// The text is not what was expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unread {
    /// Bytes before the value that cannot be read.
    pub at: usize,
}

/// Reads all of a text.
///
/// # Errors
/// [`Unread`] for what is not JSON and for values that are none of `T`.
pub fn read<T: Read>(text: &str) -> Result<T, Unread> {
    let mut json = Json { text, at: 0, depth: 0 };
    let value = T::read(&mut json).filter(|_| json.peek() == END && json.at == text.len());
    value.ok_or(Unread { at: json.at })
}

/// A value as JSON.
pub fn written(value: &dyn Write) -> String {
    let mut out = String::new();
    value.write(&mut out);
    out
}

/// What [`Json::peek`] gives behind the text.
const END: u8 = 0;

/// A text that is read from front to back.
pub struct Json<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Json<'a> {
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(END)
    }

    /// The first byte of the next value or sign.
    pub(crate) fn peek(&mut self) -> u8 {
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
        self.byte()
    }

    fn take(&mut self, sign: u8) -> Option<()> {
        let is_next = self.peek() == sign;
        self.at += usize::from(is_next);
        is_next.then_some(())
    }

    /// A number, `true`, `false` or `null` as it is written.
    pub(crate) fn plain(&mut self) -> Option<&'a str> {
        self.peek();
        let start = self.at;
        while matches!(self.byte(), b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.') {
            self.at += 1;
        }
        self.text.get(start..self.at).filter(|plain| !plain.is_empty())
    }

    pub(crate) fn text(&mut self) -> Option<Cow<'a, str>> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            match self.byte() {
                b'"' => {
                    let text = self.text.get(start..self.at)?;
                    self.at += 1;
                    return Some(Cow::Borrowed(text));
                }
                b'\\' => return self.escaped(start).map(Cow::Owned),
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    /// The text from `start` on, which has escapes from here on.
    fn escaped(&mut self, mut start: usize) -> Option<String> {
        let mut out = String::new();
        loop {
            match self.byte() {
                sign @ (b'"' | b'\\') => {
                    out.push_str(self.text.get(start..self.at)?);
                    self.at += 1;
                    if sign == b'"' {
                        return Some(out);
                    }
                    out.push(self.escape()?);
                    start = self.at;
                }
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let sign = self.byte();
        self.at += 1;
        Some(match sign {
            b'"' | b'\\' | b'/' => char::from(sign),
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let mut code = self.hex()?;
                if code & 0xfc00 == 0xd800 {
                    self.take(b'\\')?;
                    self.take(b'u')?;
                    let low = self.hex()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    code = 0x10000 + ((code & 0x3ff) << 10) + low;
                }
                char::from_u32(code)?
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.chars().try_fold(0, |code, digit| Some(code * 16 + digit.to_digit(16)?))
    }

    /// Steps over a value.
    pub(crate) fn skip(&mut self) -> Option<()> {
        let mut depth = 0_u32;
        loop {
            match self.peek() {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                b',' | b':' if depth > 0 => {}
                b'"' => {
                    self.text()?;
                    self.at -= 1;
                }
                _ => {
                    self.plain()?;
                    self.at -= 1;
                }
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Calls `each` before each value of a list.
    pub(crate) fn list(&mut self, each: &mut dyn FnMut(&mut Json<'a>) -> Option<()>) -> Option<()> {
        self.several(b'[', b']', &mut |_, json| each(json))
    }

    /// Calls `each` with the key before each value of an object.
    pub(crate) fn object(&mut self, each: &mut dyn FnMut(&str, &mut Json<'a>) -> Option<()>) -> Option<()> {
        self.several(b'{', b'}', each)
    }

    fn several(
        &mut self,
        open: u8,
        close: u8,
        each: &mut dyn FnMut(&str, &mut Json<'a>) -> Option<()>,
    ) -> Option<()> {
        self.take(open)?;
        self.depth = Some(self.depth + 1).filter(|depth| *depth <= DEEPEST)?;
        if self.peek() != close {
            loop {
                let mut key = Cow::Borrowed("");
                if open == b'{' {
                    key = self.text()?;
                    self.take(b':')?;
                }
                each(&key, self)?;
                if self.peek() == close {
                    break;
                }
                self.take(b',')?;
            }
        }
        self.depth -= 1;
        self.take(close)
    }

    /// The place of a text in `names`.
    pub(crate) fn one_of(&mut self, names: &[&str]) -> Option<usize> {
        let text = self.text()?;
        names.iter().position(|name| *name == text)
    }
}

/// Writes a text with its quotes.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for sign in text.chars() {
        match sign {
            '"' | '\\' => out.extend(['\\', sign]),
            ' '.. => out.push(sign),
            _ => {
                let _ = write!(out, "\\u{:04x}", u32::from(sign));
            }
        }
    }
    out.push('"');
}

/// Writes an object. Keys are plain words.
pub(crate) fn write_object(members: &[(&str, &dyn Write)], out: &mut String) {
    out.push('{');
    let first = out.len();
    for (key, value) in members {
        let before = out.len();
        if before > first {
            out.push(',');
        }
        write_text(key, out);
        out.push(':');
        let start = out.len();
        value.write(out);
        if out.len() == start {
            out.truncate(before);
        }
    }
    out.push('}');
}

/// Writes a list.
pub(crate) fn write_list(values: &mut dyn Iterator<Item = &dyn Write>, out: &mut String) {
    out.push('[');
    for (n, value) in values.enumerate() {
        if n > 0 {
            out.push(',');
        }
        value.write(out);
    }
    out.push(']');
}

/// Defines a struct of JSON members, absent ones by default, under a name of their own where `=` gives one.
macro_rules! object {
    (
        $(#[$of_struct:meta])*
        pub struct $name:ident { $( $(#[$of_field:meta])* pub $field:ident: $type:ty $(= $key:literal)?, )* }
    ) => {
        $(#[$of_struct])*
        pub struct $name { $( $(#[$of_field])* pub $field: $type, )* }
        $crate::json::members! { $name { $($field $(= $key)?),* } }
    };
}

/// How a struct is read, absent members by default, from those of its members.
macro_rules! members {
    ($name:ty { $( $field:ident $(= $key:literal)? ),* $(,)? }) => {
        impl $crate::json::Read for $name {
            fn read(json: &mut $crate::json::Json<'_>) -> Option<Self> {
                let mut value = <$name>::default();
                json.object(&mut |key, json| {
                    match key {
                        $( $crate::json::key!($field $($key)?) => value.$field = $crate::json::Read::read(json)?, )*
                        _ => json.skip()?,
                    }
                    Some(())
                })?;
                Some(value)
            }
        }
    };
}

/// How a struct is read of which the members before the `;` have to be there.
macro_rules! needs {
    ($name:ident { $( $needed:ident ),* $(,)? ; $( $other:ident ),* $(,)? }) => {
        impl $crate::json::Read for $name {
            fn read(json: &mut $crate::json::Json<'_>) -> Option<Self> {
                $( let mut $needed = None; )*
                $( let mut $other = Default::default(); )*
                json.object(&mut |key, json| {
                    match key {
                        $( stringify!($needed) => $needed = Some($crate::json::Read::read(json)?), )*
                        $( stringify!($other) => $other = $crate::json::Read::read(json)?, )*
                        _ => json.skip()?,
                    }
                    Some(())
                })?;
                Some($name { $( $needed: $needed?, )* $( $other ),* })
            }
        }
    };
}

/// A member's name.
macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// How a struct is written, and in what order.
macro_rules! writes {
    ($name:ty { $( $field:ident ),* $(,)? }) => {
        impl $crate::json::Write for $name {
            fn write(&self, out: &mut String) {
                $crate::json::write_object(&[$( (stringify!($field), &self.$field) ),*], out);
            }
        }
    };
}

/// How an enum of plain variants is read and written.
macro_rules! words {
    ($( $name:ty { $( $variant:ident $word:literal ),* $(,)? } )*) => { $(
        impl $crate::json::Read for $name {
            fn read(json: &mut $crate::json::Json<'_>) -> Option<Self> {
                const ALL: &[$name] = &[$( <$name>::$variant ),*];
                ALL.get(json.one_of(&[$( $word ),*])?).copied()
            }
        }
        impl $crate::json::Write for $name {
            fn write(&self, out: &mut String) {
                $crate::json::write_text(match self { $( <$name>::$variant => $word ),* }, out);
            }
        }
    )* };
}
pub(crate) use {key, members, needs, object, words, writes};

#[cfg(test)]
mod tests;
