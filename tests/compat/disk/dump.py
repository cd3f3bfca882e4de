"""DumpLogSegments of Apache Kafka 4.3.1 over every file of a data directory."""
import os
import re
import subprocess

from brokers import Failed
from directory import METADATA, PARTITION

DUMP_SECONDS = 300
READABLE = (".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".checkpoint")
WRONG = re.compile(r"isvalid: false|mismatch|Exception|corrupt|Could not|out of order|is not valid|invalid|unknown",
                   re.I)
ENDS_AT_ZEROS = "Found record size 0 smaller than minimum record overhead"
GAP = re.compile(r"^\s*(-?\d+) is followed by (\d+)")


def files_of(data):
    for name in sorted(os.listdir(data)):
        path = os.path.join(data, name)
        if PARTITION.match(name) and os.path.isdir(path):
            for file in sorted(os.listdir(path)):
                if file.endswith(READABLE):
                    yield os.path.join(name, file)


def log_of(file):
    """The log of the segment that a file belongs to."""
    return os.path.splitext(file)[0] + ".log"


def options_of(file):
    if file.endswith((".log", ".checkpoint")):
        decoder = ["--cluster-metadata-decoder"] if file.startswith(METADATA) else []
        return ["--deep-iteration", *decoder]
    return []


def is_wrong(line):
    # The tool also calls the first offset of a segment that does not begin at 0 non-consecutive: after -1.
    gap = GAP.match(line)
    return gap[1] != "-1" if gap else WRONG.search(line) is not None


def dump(jars, classes, data):
    """How many files were read, and for each that the tool complains of its complaints."""
    files = list(files_of(data))
    lines = "".join("\t".join([*options_of(file), file]) + "\n" for file in files)
    done = subprocess.run(["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{classes}:{jars}/*", "DumpAll"], cwd=data,
                          input=lines, capture_output=True, text=True, timeout=DUMP_SECONDS, check=False)
    parts = re.split(r"^=== (.*)$", done.stdout, flags=re.M)[1:]
    outputs = dict(zip(parts[::2], parts[1::2]))
    unread = [file for file in files if f"Dumping {file}" not in outputs.get(file, "")]
    if done.returncode != 0 or unread:
        raise Failed(f"DumpLogSegments: exit code {done.returncode}, not read: {unread[:5]}\n{done.stderr[-2000:]}")
    complaints = {file: [line[:200] for line in output.splitlines() if is_wrong(line)]
                  for file, output in outputs.items()}
    return len(files), {file: found for file, found in complaints.items() if found}
