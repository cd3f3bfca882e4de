#!/usr/bin/env python3
"""Proves that the tests can see: runs them against builds with a bug planted on purpose (src/base/planted_bug.h) and
prints which found which, after how many runs.

usage: planted.py [--bug N]... [--cuts N] [--rounds N] [--seed N]

Expects build/planted with the broker, the crash tests and the lab's programs (`./dev lab planted` builds them). Every
harness must pass without a bug first. Exits 1 when one does not, or when a bug was found by none.
"""
import argparse
import json
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


def crash_binaries():
    shown = subprocess.run(["ctest", "--test-dir", BUILD, "--show-only=json-v1", "-L", "^crash$"],
                           stdout=subprocess.PIPE, check=True)
    return sorted({test["command"][0] for test in json.loads(shown.stdout)["tests"]})


def crash_suite(bug, _):
    """After how many tests, and which one failed; None: all passed."""
    tests = 0
    for binary in crash_binaries():
        code, output = run([binary, "--gtest_fail_fast"], bug, CRASH_LIMIT_S)
        names = re.findall(r"^\[ RUN      \] (\S+)", output, re.M)
        tests += len(names)
        if code != 0:
            how = "does not end" if code is None else "test"
            return f"{how} {tests}: {names[-1] if names else os.path.basename(binary)}"
    return None


def lab(experiment, fs, *count):
    def harness(bug, options):
        words = ["tests/lab/run", experiment, "--fs", fs, "--until-found", "--binary", f"{BUILD}/weir", "--programs",
                 f"{BUILD}/tests/lab", "--keep", "build/results/lab/planted", *count]
        if options.seed:
            words += ["--seed", str(options.seed)]
        code, output = run(words, bug, LAB_LIMIT_S)
        if code == 0:
            return None
        if code == 77:
            return output.strip().splitlines()[-1]
        if found := re.search(r"^found after (\d+) \w+$", output, re.M):
            what = re.search(r"^(?:generation|round) .*?: (.*)$", output, re.M)
            text = what[1] if what and what[1] != "clean" else "the broker does not come back"
            return f"{found[1]}: {text}"
        return f"exit code {code}: {output.strip()[-300:]}"
    return harness


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bug", type=int, action="append", choices=BUGS)
    parser.add_argument("--cuts", default="60")
    parser.add_argument("--rounds", default="6")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    harnesses = {
        "crash suite": crash_suite,
        "power ext4, cuts": lab("power", "ext4", "--cuts", options.cuts),
        "power xfs, cuts": lab("power", "xfs", "--cuts", options.cuts),
        "eio ext4, rounds": lab("eio", "ext4", "--rounds", options.rounds),
    }
    failed = False
    for name, harness in harnesses.items():
        began = time.monotonic()
        found = harness(0, options)
        print(f"no bug, {name}: {found or 'clean'} ({time.monotonic() - began:.0f} s)", flush=True)
        failed = failed or (found is not None and not found.startswith("skipped"))
    found_count = 0
    bugs = options.bug or list(BUGS)
    for bug in bugs:
        print(f"B{bug} {BUGS[bug]}", flush=True)
        by = 0
        for name, harness in harnesses.items():
            began = time.monotonic()
            found = harness(bug, options)
            by += found is not None and not found.startswith("skipped")
            print(f"  {name:<18} {found or 'not found'} ({time.monotonic() - began:.0f} s)", flush=True)
        found_count += by > 0
    print(f"{found_count} of {len(bugs)} planted bugs found")
    return 1 if failed or found_count < len(bugs) else 0


if __name__ == "__main__":
    sys.exit(main())
