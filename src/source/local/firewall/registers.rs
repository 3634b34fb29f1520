//! The registers of a rule: sixteen slots of four bytes, in which longer values take several.

use super::value::Value;

const SLOT_BYTES: usize = 4;
/// The first of the registers with four bytes; those before it have sixteen.
const FIRST_SHORT: u32 = 8;
/// The longest register.
const LONG_BYTES: usize = 16;

/// What the registers hold: values with their first slots and their lengths in slots.
#[derive(Debug, Default)]
pub(super) struct Registers(Vec<(usize, Value, usize)>);

impl Registers {
    /// Stores a value.
    pub(super) fn set(&mut self, register: u32, value: &Value) {
        let slot = slot(register);
        let longest = match value {
            Value::Any => LONG_BYTES,
            Value::OneOf(alternatives) => alternatives.iter().map(Vec::len).max().unwrap_or(0),
        };
        let slots = longest.div_ceil(SLOT_BYTES).max(1);
        self.0.retain(|(start, _, count)| start + count <= slot || *start >= slot + slots);
        let padded = value.map(|bytes| {
            let mut bytes = bytes.to_vec();
            bytes.resize(slots * SLOT_BYTES, 0);
            Some(bytes)
        });
        if padded != Value::Any {
            self.0.push((slot, padded, slots));
        }
    }

    /// Some bytes from a register on.
    pub(super) fn get(&self, register: u32, length: usize) -> Value {
        let mut slot = slot(register);
        let mut value = Value::known(&[]);
        let mut read = 0;
        while read < length {
            let piece = self.0.iter().find(|(start, _, count)| (*start..start + count).contains(&slot));
            let Some((start, piece, count)) = piece else { return Value::Any };
            let bytes = (start + count - slot) * SLOT_BYTES;
            value = value.followed_by(&piece.part((slot - start) * SLOT_BYTES, bytes));
            (slot, read) = (start + count, read + bytes);
        }
        value.part(0, length)
    }

    /// The number of bytes from one register to another one after it.
    pub(super) fn distance(from: u32, to: u32) -> usize {
        slot(to).saturating_sub(slot(from)) * SLOT_BYTES
    }
}

fn slot(register: u32) -> usize {
    let slot = if register < FIRST_SHORT { register.saturating_sub(1) * 4 } else { register - FIRST_SHORT };
    slot as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_overlap_as_the_kernels_do() {
        let mut registers = Registers::default();
        registers.set(1, &Value::known(&[10, 0, 0, 1]));
        registers.set(9, &Value::known(&[0, 80]));
        assert_eq!(registers.get(1, 8), Value::known(&[10, 0, 0, 1, 0, 80, 0, 0]));
        assert_eq!(registers.get(8, 4), Value::known(&[10, 0, 0, 1]));
        registers.set(1, &Value::known(b"eth0\0\0\0\0\0\0\0\0\0\0\0\0"));
        assert_eq!(registers.get(1, 4), Value::known(b"eth0"));
        registers.set(9, &Value::Any);
        assert_eq!(registers.get(1, 4), Value::Any, "a part of it is gone");
    }
}
