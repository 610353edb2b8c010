//! Ruby's `Marshal` format, version 4.8: as much of it as RubyGems' clients are sent.
//!
//! Only written, never read. A symbol is written once and linked to afterwards, which readers insist on; an object is
//! written wherever it occurs, which they accept.

use std::collections::HashMap;

/// A value of Ruby.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Integer(i32),
    /// UTF-8.
    Text(String),
    Symbol(&'static str),
    Array(Vec<Value>),
    Hash(Vec<(Value, Value)>),
    /// An object with its instance variables.
    Object(&'static str, Vec<(&'static str, Value)>),
    /// An object as its class's `marshal_dump` gives it.
    Dumped(&'static str, Box<Value>),
    /// An object as its class's `_dump` packs it, and instance variables of the packed string.
    Packed(&'static str, Vec<u8>, Vec<(&'static str, Value)>),
}

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Text, or nil.
    pub(super) fn maybe(text: Option<&str>) -> Self {
        text.map_or(Self::Nil, Self::text)
    }

    /// What `Marshal.dump` gives.
    pub(super) fn dump(&self) -> Vec<u8> {
        let mut writer = Writer { bytes: vec![4, 8], symbols: HashMap::new() };
        writer.value(self);
        writer.bytes
    }
}

struct Writer {
    bytes: Vec<u8>,
    symbols: HashMap<&'static str, i32>,
}

impl Writer {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Nil => self.bytes.push(b'0'),
            Value::Bool(true) => self.bytes.push(b'T'),
            Value::Bool(false) => self.bytes.push(b'F'),
            Value::Integer(number) => {
                self.bytes.push(b'i');
                self.number(*number);
            }
            Value::Text(text) => {
                self.bytes.extend_from_slice(b"I\"");
                self.counted(text.as_bytes());
                // The variable `E` of a string: it is UTF-8.
                self.variables(&[("E", Value::Bool(true))]);
            }
            Value::Symbol(name) => self.symbol(name),
            Value::Array(items) => {
                self.bytes.push(b'[');
                self.length(items.len());
                for item in items {
                    self.value(item);
                }
            }
            Value::Hash(pairs) => {
                self.bytes.push(b'{');
                self.length(pairs.len());
                for (key, value) in pairs {
                    self.value(key);
                    self.value(value);
                }
            }
            Value::Object(class, variables) => {
                self.bytes.push(b'o');
                self.symbol(class);
                self.variables(variables);
            }
            Value::Dumped(class, value) => {
                self.bytes.push(b'U');
                self.symbol(class);
                self.value(value);
            }
            Value::Packed(class, packed, variables) => {
                if !variables.is_empty() {
                    self.bytes.push(b'I');
                }
                self.bytes.push(b'u');
                self.symbol(class);
                self.counted(packed);
                if !variables.is_empty() {
                    self.variables(variables);
                }
            }
        }
    }

    fn variables(&mut self, variables: &[(&'static str, Value)]) {
        self.length(variables.len());
        for (name, value) in variables {
            self.symbol(name);
            self.value(value);
        }
    }

    fn symbol(&mut self, name: &'static str) {
        if let Some(number) = self.symbols.get(name) {
            let number = *number;
            self.bytes.push(b';');
            self.number(number);
            return;
        }
        let number = i32::try_from(self.symbols.len()).expect("symbols are this file's few");
        self.symbols.insert(name, number);
        self.bytes.push(b':');
        self.counted(name.as_bytes());
    }

    fn counted(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    fn length(&mut self, length: usize) {
        self.number(i32::try_from(length).expect("metadata is bounded far below this"));
    }

    /// Small numbers are one byte, moved away from the counts; others are a count of bytes, negative for a negative
    /// number, and the bytes that say something, the lowest first.
    fn number(&mut self, number: i32) {
        match number {
            0 => self.bytes.push(0),
            1..=122 => self.bytes.extend((number + 5).to_le_bytes().first()),
            -123..=-1 => self.bytes.extend((number - 5).to_le_bytes().first()),
            _ => {
                let filling = if number < 0 { 0xff } else { 0 };
                let bytes = number.to_le_bytes();
                let count = 4 - bytes.iter().rev().take_while(|byte| **byte == filling).count();
                let count = count.max(1);
                let tag = i8::try_from(count).expect("a number has four bytes at most");
                self.bytes.extend((if number < 0 { -tag } else { tag }).to_le_bytes());
                self.bytes.extend_from_slice(&bytes[..count]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_ruby_writes_them() {
        // Each as `Marshal.dump(n).bytes.drop(3)` prints it.
        let cases: [(i32, &[u8]); 13] = [
            (0, &[0]),
            (1, &[6]),
            (122, &[127]),
            (123, &[1, 123]),
            (255, &[1, 255]),
            (256, &[2, 0, 1]),
            (65_535, &[2, 255, 255]),
            (65_536, &[3, 0, 0, 1]),
            (-1, &[250]),
            (-123, &[128]),
            (-124, &[255, 132]),
            (-256, &[255, 0]),
            (-257, &[254, 255, 254]),
        ];
        for (number, expected) in cases {
            assert_eq!(Value::Integer(number).dump()[3..], *expected, "{number}");
        }
    }

    #[test]
    fn an_answer_of_the_dependencies_api_is_what_ruby_dumps() {
        let answer = Value::Array(vec![Value::Hash(vec![
            (Value::Symbol("name"), Value::text("a")),
            (Value::Symbol("number"), Value::text("1")),
            (Value::Symbol("platform"), Value::text("ruby")),
            (
                Value::Symbol("dependencies"),
                Value::Array(vec![Value::Array(vec![Value::text("a"), Value::text(">= 0")])]),
            ),
        ])]);
        let dumped = b"\x04\x08[\x06{\t:\tnameI\"\x06a\x06:\x06ET:\x0bnumberI\"\x061\x06;\x06T:\rplatformI\"\truby\x06;\x06T:\x11dependencies[\x06[\x07I\"\x06a\x06;\x06TI\"\t>= 0\x06;\x06T";
        assert_eq!(answer.dump(), dumped);
    }

    #[test]
    fn objects_name_their_class_once() {
        let version = |number: &str| Value::Dumped("Gem::Version", Box::new(Value::Array(vec![Value::text(number)])));
        let dumped = b"\x04\x08[\x07U:\x11Gem::Version[\x06I\"\x061\x06:\x06ETU;\0[\x06I\"\x062\x06;\x06T";
        assert_eq!(Value::Array(vec![version("1"), version("2")]).dump(), dumped);
        let packed = Value::Packed("Time", vec![0; 8], vec![("zone", Value::Nil)]);
        assert_eq!(packed.dump(), b"\x04\x08Iu:\tTime\r\0\0\0\0\0\0\0\0\x06:\tzone0");
        let object = Value::Object("Gem::Platform", vec![("@os", Value::Bool(false))]);
        assert_eq!(object.dump(), b"\x04\x08o:\x12Gem::Platform\x06:\x08@osF");
    }
}
