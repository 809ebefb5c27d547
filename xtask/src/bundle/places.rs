//! Takes out of a linked module where in the source its panics are.
//!
//! Every place that may panic has a record of its file, line and column: 1,800 of them, which hardly pack, and code
//! that differs in nothing but which one it names. Here they become one that says nothing; a panic's own words, and
//! the browser's stack, stay. The splitter, which goes by symbols and relocations, then leaves the others out, and the
//! names of files with them.

use anyhow::{Context, Result, ensure};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Bytes of a record: address and length of the file's name, line, column.
const RECORD: usize = 16;
const CUSTOM: u8 = 0;
const CODE: u8 = 10;
const DATA: u8 = 11;
/// Subsection of `linking` with the symbols, and kinds of them.
const SYMBOL_TABLE: u8 = 8;
const DATA_SYMBOL: u8 = 1;
const SECTION_SYMBOL: u8 = 3;
/// Flags of a symbol.
const UNDEFINED: usize = 0x10;
const NAMED: usize = 0x40;
/// Types of relocation: an address in code as LEB128 of either kind, one in data, and all that have an addend.
const ADDRESS_LEB: u8 = 3;
const ADDRESS_SLEB: u8 = 4;
const ADDRESS_I32: u8 = 5;
const WITH_ADDEND: [u8; 6] = [ADDRESS_LEB, ADDRESS_SLEB, ADDRESS_I32, 8, 9, 11];

/// The module with one record, and how many there were.
///
/// # Errors
/// When the module is not one that the linker wrote with relocations.
pub(super) fn forget(module: &[u8]) -> Result<(Vec<u8>, usize)> {
    let mut module = Module::read(module)?;
    let records = module.records()?;
    let Some((first, rest)) = records.split_first() else { return Ok((module.bytes, 0)) };
    let gone: HashSet<usize> = rest.iter().copied().collect();
    module.point_at(*first, &gone)?;
    // It keeps the address of a name, of which it has no letter.
    let place = module.symbols[first].0.clone();
    module.bytes[place.start + 4..place.end].fill(0);
    Ok((module.written(), records.len()))
}

/// A number of LEB128; negative ones as far as their bits go.
fn leb(bytes: &[u8], at: &mut usize) -> Result<usize> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let byte = *bytes.get(*at).context("a module that ends early")?;
        *at += 1;
        value |= u64::from(byte & 127) << shift;
        shift += 7;
        if byte < 128 {
            return Ok(value as usize);
        }
        ensure!(shift < 64, "a number too long");
    }
}

fn put_leb(mut value: usize, out: &mut Vec<u8>) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

fn skip_name(bytes: &[u8], at: &mut usize) -> Result<()> {
    *at += leb(bytes, at)?;
    Ok(())
}

struct Relocation {
    kind: u8,
    /// From the start of its section's content.
    offset: usize,
    symbol: usize,
    /// As it is written; empty where the type has none.
    addend: Vec<u8>,
}

/// A `reloc.` section.
struct Relocations {
    /// Of the whole section, its content behind the name.
    section: Range<usize>,
    content: usize,
    /// Index of the section it is about.
    about: usize,
    list: Vec<Relocation>,
}

struct Module {
    bytes: Vec<u8>,
    code: usize,
    data: usize,
    /// Of each data segment: its first address, and where its bytes are.
    segments: Vec<(usize, Range<usize>)>,
    /// Of each symbol of data: where its bytes are, and its address.
    symbols: HashMap<usize, (Range<usize>, usize)>,
    of_code: Relocations,
    of_data: Relocations,
}

impl Module {
    fn read(bytes: &[u8]) -> Result<Module> {
        let (mut code, mut data, mut segments, mut symbols) = (None, None, Vec::new(), HashMap::new());
        let (mut of_code, mut of_data) = (None, None);
        let mut at = 8;
        while at < bytes.len() {
            let section = at;
            let id = bytes[at];
            at += 1;
            let end = leb(bytes, &mut at)? + at;
            ensure!(end <= bytes.len(), "a module that ends early");
            match id {
                CODE => code = Some(at),
                DATA => {
                    data = Some(at);
                    segments = read_segments(bytes, at)?;
                }
                CUSTOM => {
                    let mut content = at;
                    skip_name(bytes, &mut content)?;
                    let name = &bytes[at..content];
                    if name.ends_with(b"linking") {
                        symbols = read_symbols(bytes, content..end, &segments)?;
                    } else if name.ends_with(b"reloc.CODE") {
                        of_code = Some(read_relocations(bytes, section..end, content)?);
                    } else if name.ends_with(b"reloc.DATA") {
                        of_data = Some(read_relocations(bytes, section..end, content)?);
                    }
                }
                _ => {}
            }
            at = end;
        }
        Ok(Module {
            bytes: bytes.to_vec(),
            code: code.context("no code")?,
            data: data.context("no data")?,
            segments,
            symbols,
            of_code: of_code.context("no relocations of code")?,
            of_data: of_data.context("no relocations of data")?,
        })
    }

    fn u32_at(&self, at: usize) -> Result<usize> {
        let four = self.bytes.get(at..at + 4).context("a module that ends early")?;
        Ok(u32::from_le_bytes(four.try_into()?) as usize)
    }

    /// Symbols that are records of places.
    fn records(&self) -> Result<Vec<usize>> {
        // What is pointed into somewhere is no record.
        let inner: HashSet<usize> = (self.of_code.list.iter().chain(&self.of_data.list))
            .filter(|one| one.addend.iter().any(|byte| byte & 127 != 0))
            .map(|one| one.symbol)
            .collect();
        let mut addresses: HashMap<usize, usize> = HashMap::new();
        for one in self.of_data.list.iter().filter(|one| one.kind == ADDRESS_I32) {
            addresses.insert(self.data + one.offset, one.symbol);
        }
        let mut records = Vec::new();
        for (symbol, (place, _)) in &self.symbols {
            if place.len() != RECORD || inner.contains(symbol) || !addresses.contains_key(&place.start) {
                continue;
            }
            let (name, length) = (self.u32_at(place.start)?, self.u32_at(place.start + 4)?);
            let (line, column) = (self.u32_at(place.start + 8)?, self.u32_at(place.start + 12)?);
            let text = (self.segments.iter())
                .find(|(first, bytes)| *first <= name && name + length <= first + bytes.len())
                .and_then(|(first, bytes)| self.bytes.get(bytes.start + name - first..)?.get(..length));
            let is_file = text.is_some_and(|text| text.ends_with(b".rs") && text.contains(&b'/'));
            if is_file && (1..1_000_000).contains(&line) && (1..10_000).contains(&column) {
                records.push(*symbol);
            }
        }
        records.sort_by_key(|symbol| self.symbols[symbol].1);
        Ok(records)
    }

    /// Makes what points at one of `gone` point at `kept`.
    fn point_at(&mut self, kept: usize, gone: &HashSet<usize>) -> Result<()> {
        let address = self.symbols[&kept].1;
        let sections = [(self.code, &mut self.of_code), (self.data, &mut self.of_data)];
        for (start, relocations) in sections {
            for one in relocations.list.iter_mut().filter(|one| gone.contains(&one.symbol)) {
                let at = start + one.offset;
                match one.kind {
                    ADDRESS_LEB | ADDRESS_SLEB => {
                        for n in 0..5 {
                            let more = if n < 4 { 128 } else { 0 };
                            self.bytes[at + n] = (address >> (7 * n)) as u8 & 127 | more;
                        }
                    }
                    ADDRESS_I32 => self.bytes[at..at + 4].copy_from_slice(&(address as u32).to_le_bytes()),
                    kind => anyhow::bail!("a relocation of type {kind} to a record"),
                }
                one.symbol = kept;
            }
        }
        Ok(())
    }

    /// The module with its relocations as they are now.
    fn written(mut self) -> Vec<u8> {
        let mut both = [self.of_code, self.of_data];
        // From the back, so that places before stay.
        both.sort_by_key(|relocations| std::cmp::Reverse(relocations.section.start));
        for relocations in both {
            let section = relocations.section.clone();
            let mut at = section.start + 1;
            while self.bytes[at] > 127 {
                at += 1;
            }
            let mut content = self.bytes[at + 1..relocations.content].to_vec();
            put_leb(relocations.about, &mut content);
            put_leb(relocations.list.len(), &mut content);
            for one in &relocations.list {
                content.push(one.kind);
                put_leb(one.offset, &mut content);
                put_leb(one.symbol, &mut content);
                content.extend(&one.addend);
            }
            let mut whole = vec![CUSTOM];
            put_leb(content.len(), &mut whole);
            whole.extend(content);
            self.bytes.splice(section, whole);
        }
        self.bytes
    }
}

fn read_segments(bytes: &[u8], mut at: usize) -> Result<Vec<(usize, Range<usize>)>> {
    let mut segments = Vec::new();
    for _ in 0..leb(bytes, &mut at)? {
        // Active ones of the first memory alone: `i32.const` and its number, `end`.
        ensure!(leb(bytes, &mut at)? == 0 && bytes[at] == 0x41, "a data segment of another kind");
        at += 1;
        let first = leb(bytes, &mut at)?;
        at += 1;
        let length = leb(bytes, &mut at)?;
        segments.push((first, at..at + length));
        at += length;
    }
    Ok(segments)
}

fn read_symbols(
    bytes: &[u8],
    content: Range<usize>,
    segments: &[(usize, Range<usize>)],
) -> Result<HashMap<usize, (Range<usize>, usize)>> {
    let mut symbols = HashMap::new();
    let mut at = content.start;
    leb(bytes, &mut at)?;
    while at < content.end {
        let kind = bytes[at];
        at += 1;
        let end = leb(bytes, &mut at)? + at;
        if kind == SYMBOL_TABLE {
            for index in 0..leb(bytes, &mut at)? {
                let kind = bytes[at];
                at += 1;
                let flags = leb(bytes, &mut at)?;
                if kind == DATA_SYMBOL {
                    skip_name(bytes, &mut at)?;
                    if flags & UNDEFINED == 0 {
                        let segment = leb(bytes, &mut at)?;
                        let (offset, size) = (leb(bytes, &mut at)?, leb(bytes, &mut at)?);
                        let (first, place) = segments.get(segment).context("a symbol of no segment")?;
                        let start = place.start + offset;
                        if start + size <= place.end {
                            symbols.insert(index, (start..start + size, first + offset));
                        }
                    }
                } else {
                    leb(bytes, &mut at)?;
                    if kind != SECTION_SYMBOL && (flags & UNDEFINED == 0 || flags & NAMED != 0) {
                        skip_name(bytes, &mut at)?;
                    }
                }
            }
        }
        at = end;
    }
    Ok(symbols)
}

fn read_relocations(bytes: &[u8], section: Range<usize>, content: usize) -> Result<Relocations> {
    let mut at = content;
    let about = leb(bytes, &mut at)?;
    let mut list = Vec::new();
    for _ in 0..leb(bytes, &mut at)? {
        let kind = bytes[at];
        at += 1;
        let (offset, symbol) = (leb(bytes, &mut at)?, leb(bytes, &mut at)?);
        let start = at;
        if WITH_ADDEND.contains(&kind) {
            leb(bytes, &mut at)?;
        }
        list.push(Relocation { kind, offset, symbol, addend: bytes[start..at].to_vec() });
    }
    Ok(Relocations { section, content, about, list })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![id];
        put_leb(content.len(), &mut out);
        out.extend(content);
        out
    }

    fn custom(name: &str, content: &[u8]) -> Vec<u8> {
        section(CUSTOM, &[&[name.len() as u8], name.as_bytes(), content].concat())
    }

    /// Two records of one file and a pair of numbers that looks like one, at 1024; code names all of them.
    fn linked() -> Vec<u8> {
        let record = |name: u32, line: u32| [name, 8, line, 5].map(u32::to_le_bytes).concat();
        let bytes = [b"src/a.rs".to_vec(), record(1_024, 7), record(1_024, 9), record(1_024, 0)].concat();
        let data = [&[1, 0, 0x41, 0x80, 8, 0x0b, bytes.len() as u8][..], &bytes].concat();
        let code =
            [&[1, 17, 0][..], &[0x41, 0x88, 0x88, 0x80, 0x80, 0][..], &[0x41, 0x98, 0x88, 0x80, 0x80, 0]]
                .concat();
        let symbol = |offset: u8, size: u8| [&[DATA_SYMBOL, 2, 1, b'x', 0][..], &[offset, size]].concat();
        let symbols = [symbol(0, 8), symbol(8, 16), symbol(24, 16), symbol(40, 16)].concat();
        let table = [&[4_u8][..], &symbols].concat();
        let linking = [&[2, SYMBOL_TABLE, table.len() as u8][..], &table].concat();
        let of_code = [0, 2, ADDRESS_SLEB, 4, 1, 0, ADDRESS_SLEB, 10, 2, 0];
        let of_data: Vec<u8> =
            [&[1_u8, 3][..], &[15, 31, 47].map(|at| [ADDRESS_I32, at, 0, 0]).concat()].concat();
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(CODE, &code),
            section(DATA, &data),
            custom("linking", &linking),
            custom("reloc.CODE", &of_code),
            custom("reloc.DATA", &of_data),
        ]
        .concat()
    }

    #[test]
    fn records_of_places_become_one_that_says_nothing() {
        let (forgotten, count) = forget(&linked()).unwrap();
        assert_eq!(count, 2);
        let module = Module::read(&forgotten).unwrap();
        let symbols: Vec<usize> = module.of_code.list.iter().map(|one| one.symbol).collect();
        assert_eq!(symbols, [1, 1]);
        let code = &forgotten[module.code..][..16];
        assert_eq!(code[4..9], code[10..15], "both name the first");
        let (kept, _) = &module.symbols[&1];
        assert_eq!(forgotten[kept.start + 4..kept.end], [0; 12]);
        assert_eq!(module.of_data.list.len(), 3, "what is left out goes with its symbol");
        assert_eq!(forget(&forgotten).unwrap().1, 1, "the second alone, which nothing names now");
        assert!(forget(b"\0asm\x01\0\0\0").is_err());
    }
}
