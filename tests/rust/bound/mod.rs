//! The bound: its theorem, on tasks of every day and on hostile ones.

mod hostile;
mod population;
mod theorem;
