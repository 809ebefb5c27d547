//! Tells the sections as this machine computes them: `== name`, then the lines of the section.

fn main() {
    for name in equal::sections().split(' ') {
        print!("== {name}\n{}", equal::section(name));
    }
}
