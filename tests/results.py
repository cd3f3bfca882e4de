#!/usr/bin/env python3
"""Adds up what a test run left behind and prints the closing line: N passed, N failed, N skipped.

usage: results.py FOLDER...      (build/results/test, build/results/asan)

A folder holds PRESET.LABEL.junit.xml files, one a ctest run, and *.log files, one a script run without ctest. Of a
GoogleTest binary every case counts as one, read from build/PRESET/results/ENTRY.xml. A script counts by its last line
that begins "N passed, N failed[, N skipped]", or as one if it prints none; its lines "skipped: NAME: REASON" (or
"skip  NAME ...") and "failed: NAME: WHY" (or "FAIL  NAME ...") are passed on. Exits 1 when anything failed or nothing
ran.
"""
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

CLOSING = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?(?:,.*)?$")
SKIPPED = re.compile(r"^(?:skipped:|skip ) *(.*)$")
FAILED = re.compile(r"^(?:failed:|FAIL ) *(.*)$")
LIST_LIMIT = 40


class Counts:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def add_script(self, name, text, ok):
        """A script's output. `ok`: it exited with 0; a closing line of its own never overrules that."""
        closing, reasons, failures = None, [], []
        for line in text.splitlines():
            if match := CLOSING.match(line):
                closing = [int(number or 0) for number in match.groups()]
            elif match := SKIPPED.match(line):
                reasons.append(" ".join(match[1].split()))
            elif match := FAILED.match(line):
                failures.append(" ".join(match[1].split()))
        passed, failed, skipped = closing or (int(ok), 0, 0)
        failed = max(failed, 0 if ok else 1)
        self.passed += passed
        self.failed += (failures + [f"{name}: see its output"] * failed)[:failed]
        self.skipped += (reasons + [f"{name}: gave no reason"] * skipped)[:skipped]

    def add_gtest(self, entry, path, ok):
        failed_before = len(self.failed)
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            name = f"{case.get('classname')}.{case.get('name')} ({entry})"
            skipped = case.find("skipped")
            if case.find("failure") is not None:
                self.failed.append(name)
            elif skipped is not None:
                reason = skipped.get("message", "").split("\n", 1)[-1]
                self.skipped.append(f"{name}: {' '.join(reason.split()) or 'gave no reason'}")
            elif case.get("status") == "run":
                self.passed += 1
        if not ok and len(self.failed) == failed_before:
            self.failed.append(f"{entry}: the binary failed outside its tests")

    def add_junit(self, path):
        preset = os.path.basename(path).split(".")[0]
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            name, text = case.get("name"), case.findtext("system-out") or ""
            ok, skipped = case.get("status") == "run", case.find("skipped")
            xml = os.path.join("build", preset, "results", f"{name}.xml")
            if skipped is not None and "SKIP" not in skipped.get("message", ""):
                self.failed.append(f"{name}: {skipped.get('message')}")
            elif skipped is not None:
                reason = re.search(r"^skipped: (.*)$", text, re.M)
                self.skipped.append(reason.group(1) if reason else f"{name}: gave no reason")
            elif os.path.exists(xml):
                self.add_gtest(name, xml, ok)
            elif "[==========]" in text and not ok:
                self.failed.append(f"{name}: ended before it wrote its results")
            else:
                self.add_script(name, text, ok)

    def add_folder(self, folder):
        if not os.path.isdir(folder):
            self.failed.append(f"{folder}: left no results")
            return
        for file in sorted(os.listdir(folder)):
            path = os.path.join(folder, file)
            if file.endswith(".junit.xml"):
                self.add_junit(path)
            elif file.endswith(".log"):
                with open(path, encoding="utf-8", errors="replace") as log:
                    text = log.read()
                exit_code = re.search(r"^exit code (\d+)$", text, re.M)
                self.add_script(file[:-len(".log")], text, exit_code is not None and exit_code.group(1) == "0")

    def print(self):
        for title, items in (("Skipped", self.skipped), ("Failed", self.failed)):
            if items:
                print(f"\n{title}")
            for item in items[:LIST_LIMIT]:
                print(f"  {item}")
            if len(items) > LIST_LIMIT:
                print(f"  and {len(items) - LIST_LIMIT} more")
        print(f"\n{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped")


def main():
    counts = Counts()
    for folder in sys.argv[1:]:
        counts.add_folder(folder)
    counts.print()
    return 1 if counts.failed or counts.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
