// How long the scheduler lets a thread wait for others. A broker's threads run for microseconds at a time, each request
// through several of them; behind one that computes they wait for a whole slice of it, 3 to 4 ms, every time.
#pragma once

namespace weir {

// Asks Linux for the shortest slices it gives, for the calling thread and those that it will start (unless its
// SCHED_RESET_ON_FORK is set): woken, they may be let run before the slice of another ends (6.12 and later; before,
// nothing changes), and get no larger share. Needs no rights. A thread under another policy than the usual one was
// given it on purpose, and keeps it. Errors are no matter: the slices stay as they are.
void ask_for_short_slices();

}  // namespace weir
