#!/usr/bin/env python3
"""Data directories handed from Apache Kafka to Weir and back (design decision 10, kafka-protocol 5).

usage: run.py [--binary PATH] [--only WORD] [--keep DIR] [--seed N]

  --binary PATH   the broker (build/release/weir)
  --only WORD     the scenarios whose name holds the word
  --keep DIR      work in DIR and leave directories and logs there
  --seed N        of all content (WEIR_SEED, else by chance)

Each scenario prints a line: pass, FAIL or skip. Exit code 0: none failed and one passed. A machine without Java, Maven
or Maven Central skips everything, and says so.
"""
import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import kafka_jars  # noqa: E402
from brokers import Failed  # noqa: E402
import scenarios  # noqa: E402

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))


def parse():
    parser = argparse.ArgumentParser(description="Data directories handed from Apache Kafka to Weir and back.")
    parser.add_argument("--binary", default=os.path.join(REPOSITORY, "build/release/weir"))
    parser.add_argument("--only", default="")
    parser.add_argument("--keep")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("WEIR_SEED") or random.randrange(1, 10**6)))
    return parser.parse_args()


def main():
    options = parse()
    wanted = [scenario for scenario in scenarios.ALL if options.only in scenario.name]
    try:
        jars = {version: kafka_jars.fetch(version) for version in kafka_jars.ARTIFACTS}
    except kafka_jars.Unavailable as why:
        for scenario in wanted:
            print(f"skip  {scenario.name}: {why}")
        print(f"disk: 0 passed, 0 failed, {len(wanted)} skipped")
        return 0
    if not os.path.exists(options.binary):
        print(f"no broker at {options.binary}", file=sys.stderr)
        return 2
    print(f"disk: seed {options.seed}, {options.binary}", flush=True)
    base = options.keep or tempfile.mkdtemp(prefix="weir-compat.")
    counts = {"pass": 0, "FAIL": 0, "skip": 0}
    try:
        lab = scenarios.Lab(base, jars, os.path.realpath(options.binary), options.seed)
        for scenario in wanted:
            began, verdict, notes = time.monotonic(), "pass", ""
            try:
                notes = scenario.run(lab.bench(scenario.name))
            except scenarios.Skipped as why:
                verdict, notes = "skip", str(why)
            except Failed as why:
                verdict, notes = "FAIL", str(why)
            except Exception:  # the suite's own mistake counts as a failure too
                verdict, notes = "FAIL", traceback.format_exc()
            finally:
                lab.end_processes()
            counts[verdict] += 1
            first, *rest = (notes or "").splitlines() or [""]
            took = time.monotonic() - began
            print(f"{verdict}  {scenario.name}: {first}" if verdict == "skip" else
                  f"{verdict}  {scenario.name:<34} {took:6.1f} s  {first}", flush=True)
            for line in rest:
                print(f"    {line}")
            if verdict == "FAIL":
                print(f"    repeat: ./dev compat disk --only {scenario.name} --seed {options.seed}", flush=True)
    finally:
        if not options.keep:
            shutil.rmtree(base, ignore_errors=True)
    print(f"disk: {counts['pass']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
