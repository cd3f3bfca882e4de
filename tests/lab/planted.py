#!/usr/bin/env python3
"""Proves that the tests can see: runs them against builds with a bug planted on purpose (src/base/planted_bug.h) and
prints which found which, after how many runs.

usage: planted.py [--bug N]... [--cuts N] [--rounds N] [--seed N]

Expects build/planted with the broker, the crash tests and the lab's programs (`./dev lab planted` builds them). Every
harness must pass without a bug first. Exits 1 when one does not, or when a bug was found by none.
"""
import argparse
import os
import re
import subprocess
import sys
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.path.join(ROOT, "build/planted")
CRASH_LIMIT_S = 900
LAB_LIMIT_S = 600

BUGS = {
    1: "ack before fdatasync",
    2: "high watermark before durable",
    3: "fsync tried again after an error",
    4: "no directory fsync on roll",
    5: "checkpoint without temp and rename",
    6: "tail accepted without CRC",
    7: "damage in mid-log cut off",
    8: "deduplication forgotten at restart",
    13: "error answered as offset 0",
    14: "short write ignored",
    15: "recovery served what is not durable",
}


def run(words, bug, limit_s):
    """Exit code (None: it did not end in time) and output."""
    environment = dict(os.environ, WEIR_PLANTED_BUG=str(bug), WEIR_TEST_SHARDS="1")
    try:
        done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=limit_s, check=False)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as expired:
        return None, (expired.stdout or b"").decode(errors="replace")


class Seen:
    """What a harness saw: `cell` is its entry in the table, empty when it saw nothing."""

    def __init__(self, cell="", what="", counts=True):
        self.cell = cell
        self.what = what
        self.is_found = counts and cell != ""

    def __str__(self):
        return f"{self.cell}: {self.what}" if self.cell else "nothing"


NOTHING = Seen()


def crash_tests(place, *binaries):
    """`place` matches, in a failure's text, which one it was of what the test tries one after the other."""
    def harness(bug, _):
        for binary in binaries:
            code, output = run([f"{BUILD}/tests/{binary}", "--gtest_fail_fast"], bug, CRASH_LIMIT_S)
            if code == 0:
                continue
            if code is None:
                return Seen("does not end", binary)
            test = re.search(r"^\[  FAILED  \] ([^\s,]+)", output, re.M)
            at = re.search(place, output)
            return Seen(at[0] if at else "failed", test[1] if test else binary)
        return NOTHING
    return harness


def lab(experiment, fs, *count):
    def harness(bug, options):
        words = ["tests/lab/run", experiment, "--fs", fs, "--until-found", "--binary", f"{BUILD}/weir", "--programs",
                 f"{BUILD}/tests/lab", "--keep", "build/results/lab/planted", *count]
        if options.seed:
            words += ["--seed", str(options.seed)]
        code, output = run(words, bug, LAB_LIMIT_S)
        if code == 0:
            return NOTHING
        if code == 77:
            return Seen("skipped", output.strip().splitlines()[-1], counts=False)
        if found := re.search(r"^found after (\d+) (\w+)s$", output, re.M):
            what = re.search(r"^(?:generation|round) .*?: (.*)$", output, re.M)
            text = what[1] if what and what[1] != "clean" else "the broker does not come back"
            return Seen(f"{found[2]} {found[1]}", text)
        return Seen(f"exit code {code}", output.strip()[-300:], counts=False)
    return harness


def print_table(harnesses, seen_by_bug):
    print("\n| planted | " + " | ".join(harnesses) + " |\n|---" + "|---" * len(harnesses) + "|")
    for bug, seen in seen_by_bug.items():
        print(f"| B{bug} {BUGS[bug]} | " + " | ".join(one.cell or "-" for one in seen) + " |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bug", type=int, action="append", choices=BUGS)
    parser.add_argument("--cuts", default="60")
    parser.add_argument("--rounds", default="6")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    harnesses = {
        "crash suite": crash_tests(r"(call|flip) \d+|cut at byte \d+", "crash_test", "broker_damage_test",
                                   "broker_crash_test"),
        "error loop": crash_tests(r"call \d+", "broker_error_test", "broker_interrupted_test"),
        "random lives": crash_tests(r"history \d+", "broker_history_test"),
        "power ext4": lab("power", "ext4", "--cuts", options.cuts),
        "power xfs": lab("power", "xfs", "--cuts", options.cuts),
        "eio ext4": lab("eio", "ext4", "--rounds", options.rounds),
    }
    failed = False
    seen_by_bug = {}
    for bug in [0] + (options.bug or list(BUGS)):
        print(f"B{bug} {BUGS[bug]}" if bug else "no bug", flush=True)
        seen_by_bug[bug] = []
        for name, harness in harnesses.items():
            began = time.monotonic()
            seen = harness(bug, options)
            seen_by_bug[bug].append(seen)
            print(f"  {name:<12} {seen} ({time.monotonic() - began:.0f} s)", flush=True)
            failed = failed or (seen.is_found and not bug) or seen.cell.startswith("exit code")
    seen_without = seen_by_bug.pop(0)
    print_table(harnesses, seen_by_bug)
    found_count = sum(any(one.is_found for one in seen) for seen in seen_by_bug.values())
    print(f"{found_count} of {len(seen_by_bug)} planted bugs found; without one: "
          + ", ".join(f"{name} {seen.cell or 'clean'}" for name, seen in zip(harnesses, seen_without)))
    return 1 if failed or found_count < len(seen_by_bug) else 0


if __name__ == "__main__":
    sys.exit(main())
