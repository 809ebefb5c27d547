//! Who may paint in this frame: at most a few changed series, the rest in turn.

/// A set of up to 64 numbered things waiting for their turn, served round robin.
#[derive(Clone, Copy, Default, Debug)]
pub struct Turns {
    waiting: u64,
    next: u32,
}

impl Turns {
    /// Marks `id` (below 64) as waiting; others are ignored.
    pub fn mark(&mut self, id: usize) {
        if id < 64 {
            self.waiting |= 1 << id;
        }
    }

    pub fn clear(&mut self, id: usize) {
        if id < 64 {
            self.waiting &= !(1 << id);
        }
    }

    pub fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    /// The next one, starting after the last served, so that a busy one cannot starve the others.
    pub fn take(&mut self) -> Option<usize> {
        let offset = (0..64).find(|i| self.waiting & (1 << ((self.next + i) % 64)) != 0)?;
        let id = (self.next + offset) % 64;
        self.waiting &= !(1 << id);
        self.next = (id + 1) % 64;
        Some(id as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_one_does_not_starve_the_others() {
        let mut turns = Turns::default();
        (0..3).for_each(|id| turns.mark(id));
        let mut served = Vec::new();
        for _ in 0..4 {
            served.push(turns.take().unwrap());
            turns.mark(0);
        }
        assert_eq!(served, [0, 1, 2, 0]);
        assert_eq!(turns.take(), Some(0));
        assert!(turns.is_idle() && turns.take().is_none());
        turns.mark(63);
        turns.mark(70);
        turns.clear(63);
        assert!(turns.is_idle());
    }
}
