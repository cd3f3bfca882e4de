#!/usr/bin/env python3
"""clang-format, clang-tidy and shellcheck on what changed since the last green commit.

usage: lint.py [--all] [--units N] [--since COMMIT]

Changed: since --since, else since the commit in GITDIR/ci-green, else since the merge base with origin/main; if none of
them is older than HEAD, everything, newest first. clang-tidy takes 5-10 s a unit, so at most --units of them are
examined in one run and the rest is named; a unit whose content passed before (WEIR_CHECK_CACHE) costs nothing.
--all takes every file and has no bound.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(ROOT, "tests/layering"))
import layering  # noqa: E402

UNITS_MAX = 30  # about two minutes on two cores


def run(*words):
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


def lines(*words):
    result = run(*words)
    return result.stdout.splitlines() if result.returncode == 0 else []


def commit_before(since):
    """The commit to compare with, or None for everything."""
    head = lines("git", "rev-parse", "HEAD")
    git_directory = lines("git", "rev-parse", "--absolute-git-dir")
    candidates = [since] if since else []
    if git_directory and not since:
        green = os.path.join(git_directory[0], "ci-green")
        if os.path.exists(green):
            with open(green, encoding="utf-8") as file:
                candidates.append(file.read().strip())
        candidates += lines("git", "merge-base", "HEAD", "origin/main")
    for commit in candidates:
        if run("git", "merge-base", "--is-ancestor", commit, "HEAD").returncode == 0 and lines("git", "rev-parse", commit) != head:
            return commit
    return None


def changed_files(before, tracked):
    """Tracked and new files that differ from `before`, the newest change first."""
    newest_first = [line[3:].split(" -> ")[-1] for line in lines("git", "status", "--porcelain", "-uall")]
    newest_first += lines("git", "log", "--format=", "--name-only", *([f"{before}..HEAD"] if before else []))
    if before is None:
        newest_first += tracked
    present = set(tracked)
    return [path for path in dict.fromkeys(newest_first) if path in present]


def units_of(files, tree, compiled):
    """The units to examine: changed ones, and for a changed header the unit of its name or the first that includes it."""
    closures = {unit: set(tree.closure(unit)) for unit in compiled}
    units = []
    for path in files:
        own = path[:-2] + ".cc"
        if path in closures:
            units.append(path)
        elif own in closures:
            units.append(own)
        else:
            units += [unit for unit in compiled if path in closures[unit]][:1]
    return list(dict.fromkeys(units))


def clang_format(files):
    sources = [path for path in files if path.endswith((".h", ".cc"))]
    if not sources:
        return []
    result = run("clang-format-19", "--dry-run", "-Werror", *sources)
    unformatted = dict.fromkeys(re.findall(r"^(.*?):\d+:\d+: error:", result.stderr, re.M))
    return [f"{path}: not as .clang-format says: ./dev fmt" for path in unformatted]


def shellcheck(files):
    scripts = []
    for path in files:
        with open(os.path.join(ROOT, path), "rb") as file:
            if re.match(rb"#!/(usr/)?bin/(env )?(bash|sh)\b", file.read(64)):
                scripts.append(path)
    return run("shellcheck", "-S", "warning", "-f", "gcc", *scripts).stdout.splitlines() if scripts else []


def clang_tidy(unit):
    result = run("clang-tidy-19", "--quiet", "-p", "build/dev", unit)
    if result.returncode == 0:
        return []
    found = re.findall(r"^(?:%s/)?(.*:\d+:\d+: error: .*)$" % re.escape(os.path.abspath(ROOT)), result.stdout, re.M)
    return [line.replace(",-warnings-as-errors", "") for line in found] or [f"{unit}: {result.stderr[-400:]}"]


def clang_tidy_all(units, tree, limit):
    cache = os.environ.get("WEIR_CHECK_CACHE") or os.path.join(ROOT, "build/check-cache")
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(ROOT, ".clang-tidy"), encoding="utf-8") as file:
        settings = file.read() + "".join(lines("clang-tidy-19", "--version"))
    stamps = {unit: os.path.join(cache, "tidy-" + tree.content_key(unit, settings)) for unit in units}
    fresh = [unit for unit in units if not os.path.exists(stamps[unit])]
    examined, left = fresh[:limit], fresh[limit:]
    findings = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        for unit, found in zip(examined, pool.map(clang_tidy, examined)):
            findings += [line for line in found if line not in findings]  # a header's come with every unit
            if not found:
                with open(stamps[unit], "w", encoding="utf-8"):
                    pass
    print(f"clang-tidy: {len(units)} units, {len(units) - len(fresh)} known to be clean, {len(examined)} examined"
          + (f", {len(left)} left for ./dev lint --all: {' '.join(left[:5])} ..." if left else ""))
    return findings


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--units", type=int, default=int(os.environ.get("WEIR_LINT_UNITS", UNITS_MAX)))
    parser.add_argument("--since")
    arguments = parser.parse_args()

    tree = layering.Tree(os.path.abspath(ROOT))
    tracked = layering.tracked_files(tree)
    before = None if arguments.all else commit_before(arguments.since)
    files = tracked if arguments.all else changed_files(before, tracked)
    compiled = layering.compiled_units(tree)
    print(f"lint: {len(files)} files changed since {before[:12] if before else 'the beginning'}")

    failed = 0
    units = units_of(files, tree, compiled)
    for name, check in (("clang-format", lambda: clang_format(files)), ("shellcheck", lambda: shellcheck(files)),
                        ("clang-tidy", lambda: clang_tidy_all(units, tree, len(units) if arguments.all else arguments.units))):
        began = time.monotonic()
        findings = check()
        print("\n".join(findings[:300] + [f"{name}: {len(findings)} findings, {time.monotonic() - began:.0f} s"]))
        failed += bool(findings)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
