#!/usr/bin/env python3
"""Runs the fuzz targets of preset fuzz and prints executions, findings and, without --quick, the coverage.

usage: run_fuzz.py [--quick] [--jobs N] [WORD]        WORD: only targets whose name holds it

A target starts from the seeds that it writes itself when WEIR_FUZZ_SEEDS names a folder, and keeps what it learns in
build/fuzz/corpus/TARGET. --quick shares 40 s among the targets; otherwise each must come to EXECUTIONS, and what stands
on its lines "decoded NAME: COUNT, refused COUNT" (a message in one version, a codec's batches) must have been both at
least TIMES_WANTED times. Coverage: the corpus is run once through preset coverage, and at least LINES_WANTED of the
lines of each module in MODULES must be reached.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
EXECUTIONS = 1_000_000
QUICK_SECONDS = 40
FULL_SECONDS_MAX = 3600
MODULES = ("protocol", "record")
LINES_WANTED = 0.90
TIMES_WANTED = 1000
# All that no client can send shares one target: 131 decoders, which come up as often as libFuzzer sees fit.
TIMES_WANTED_SHARED = {"fuzz_replies": 100}
COUNTED = re.compile(r"^decoded (.+): (\d+), refused (\d+)$", re.M)


def folders(target):
    """Corpus first: libFuzzer writes to the first and only reads the others."""
    corpus, seeds = (os.path.join(ROOT, "build/fuzz", kind, target) for kind in ("corpus", "seeds"))
    for folder in (corpus, seeds):
        os.makedirs(folder, exist_ok=True)
    return [corpus, seeds]


def write_seeds(target):
    binary, seeds = os.path.join(ROOT, "build/fuzz/fuzz", target), folders(target)[1]
    for name in os.listdir(seeds):  # those of an older layout of inputs
        os.remove(os.path.join(seeds, name))
    subprocess.run([binary], cwd=ROOT, check=True, env={**os.environ, "WEIR_FUZZ_SEEDS": seeds})


def run_target(target, seconds):
    findings = os.path.join(ROOT, "build/fuzz/findings")
    os.makedirs(findings, exist_ok=True)
    command = [os.path.join(ROOT, "build/fuzz/fuzz", target), *folders(target), f"-runs={EXECUTIONS}",
               f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={findings}/{target}-"]
    write_seeds(target)
    began = time.monotonic()
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    log = os.path.join(ROOT, "build/fuzz", f"{target}.log")
    with open(log, "w", encoding="utf-8") as file:
        file.write(run.stdout + run.stderr)
    executions = re.search(r"stat::number_of_executed_units:\s*(\d+)", run.stderr)
    return {"target": target, "ok": run.returncode == 0, "seconds": time.monotonic() - began, "log": log,
            "executions": int(executions[1]) if executions else 0,
            "counts": [(name, int(decoded), int(refused)) for name, decoded, refused in COUNTED.findall(run.stderr)],
            "input": re.search(r"Test unit written to (\S+)", run.stderr)}


def verdict(result, everything):
    """What is wrong with a run, None if nothing is."""
    if not result["ok"]:
        log = os.path.relpath(result["log"], ROOT)
        if not result["input"]:
            return f"no input was kept; log {log}"
        found = os.path.relpath(result["input"][1], ROOT)
        return f"{found}; log {log}; again: build/fuzz/fuzz/{result['target']} {found}"
    if not everything:
        return None
    if result["executions"] < EXECUTIONS:
        return f"{result['executions']:,} executions, wanted {EXECUTIONS:,}"
    if not result["counts"]:
        return "it counted nothing"
    wanted = TIMES_WANTED_SHARED.get(result["target"], TIMES_WANTED)
    for name, *times in result["counts"]:
        if min(times) < wanted:
            return f"{name} was decoded or refused less than {wanted:,} times"
    return None


def print_result(result, everything):
    """1 when the run failed."""
    rate = result["executions"] / max(result["seconds"], 1)
    print(f"{result['target']:32} {result['executions']:>10,} executions {result['seconds']:5.0f} s {rate:7,.0f}/s  "
          f"{'no finding' if result['ok'] else 'FINDING'}")
    for name, decoded, refused in result["counts"] if everything else []:
        print(f"    {name}: {decoded:,} decoded, {refused:,} refused")
    wrong = verdict(result, everything)
    if wrong:
        print(f"failed: {result['target']}: {wrong}")
    sys.stdout.flush()
    return 1 if wrong else 0


def run_all(targets, seconds, jobs, everything):
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        runs = pool.map(lambda target: run_target(target, seconds), targets)
        results, failed = [], 0
        for result in runs:
            failed += print_result(result, everything)
            results.append(result)
    print(f"{sum(result['executions'] for result in results):,} executions of {len(results)} targets")
    for kind in ("fuzz_request_", "fuzz_records_", "fuzz_replies"):
        counts = [row for result in results if result["target"].startswith(kind) for row in result["counts"]]
        if counts:
            print(f"{kind.strip('_')}: {len(counts)} decoders; least decoded: {{0}} {{1:,}}; "
                  .format(*min(counts, key=lambda row: row[1])) +
                  "least refused: {0} {2:,}".format(*min(counts, key=lambda row: row[2])))
    return failed


def consteval_lines(path):
    """The numbers of the lines on which consteval functions stand, from the name to the closing brace."""
    lines, depth, inside = set(), 0, False
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            code = text.split("//")[0]
            if not inside and re.search(r"\bconsteval\b", code):
                inside, depth = True, 0
            if inside:
                lines.add(number)
                depth += code.count("{") - code.count("}")
                inside = depth > 0 or "}" not in code
    return lines


def line_coverage(targets):
    """{file below src/: {line: times reached}} over all targets and their whole corpus."""
    profiles, binaries = [], []
    for target in targets:
        binary = os.path.join(ROOT, "build/coverage/fuzz", target)
        profile = os.path.join(ROOT, "build/coverage", f"{target}.profraw")
        subprocess.run([binary, "-runs=0", *folders(target)], cwd=ROOT, capture_output=True, check=True,
                       env={**os.environ, "LLVM_PROFILE_FILE": profile})
        profiles.append(profile)
        binaries += ["-object", binary]
    merged = os.path.join(ROOT, "build/coverage/fuzz.profdata")
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", *profiles, "-o", merged], check=True)
    exported = subprocess.run(["llvm-cov-19", "export", "-format=lcov", f"-instr-profile={merged}", *binaries[1:]],
                              capture_output=True, check=True, text=True).stdout
    files, lines = {}, {}
    for row in exported.splitlines():
        key, _, value = row.partition(":")
        if key == "SF":
            lines = files.setdefault(os.path.relpath(value, os.path.join(ROOT, "src")), {})
        elif key == "DA":
            number, times = map(int, value.split(",")[:2])
            lines[number] = max(times, lines.get(number, 0))
    return files


def print_coverage(targets):
    files, failed = line_coverage(targets), 0
    for module in MODULES:
        rows, compiled = [], 0
        for path, lines in sorted(files.items()):
            if not path.startswith(module + "/"):
                continue
            apart = consteval_lines(os.path.join(ROOT, "src", path)) & lines.keys()
            compiled += len(apart)
            left = [times for number, times in lines.items() if number not in apart]
            rows.append((path, len(left), sum(times > 0 for times in left)))
        count, reached = (sum(row[i] for row in rows) for i in (1, 2))
        share = reached / count if count else 0.0
        print(f"coverage of {module}: {share:.1%}, {reached} of {count} lines, besides {compiled} that only the compiler "
              "runs")
        for path, of_file, reached in rows:
            if reached < LINES_WANTED * of_file:
                print(f"    {path}: {reached} of {of_file}")
        if share < LINES_WANTED:
            failed += 1
            print(f"failed: coverage of {module}: {share:.1%}, wanted {LINES_WANTED:.0%}")
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("word", nargs="?", default="")
    arguments = parser.parse_args()
    built = os.path.join(ROOT, "build/fuzz/fuzz")
    every = sorted(name for name in os.listdir(built) if os.access(os.path.join(built, name), os.X_OK)) \
        if os.path.isdir(built) else []
    targets = [name for name in every if arguments.word in name]
    if not targets:
        print("fuzz: no target of that name")
        return 2
    seconds = max(1, QUICK_SECONDS * arguments.jobs // len(targets)) if arguments.quick else FULL_SECONDS_MAX
    failed = run_all(targets, seconds, arguments.jobs, everything=not arguments.quick)
    checked = len(targets)
    if not arguments.quick and targets == every:
        failed += print_coverage(targets)
        checked += len(MODULES)
    print(f"{checked - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
