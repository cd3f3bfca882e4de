#!/usr/bin/env python3
"""Which of our files one more warm produce executes, from socket to segment, against the list in src/README.md.

usage: append_path.py [--list]        wants build/coverage/weir (./dev build coverage)

The broker of preset coverage runs twice, once with PRODUCES warm produces and once with twice as many, each sent when
the one before was acknowledged. A function that was entered PRODUCES times more in the second run belongs to every
produce; a timer or a start-up step does not reach that number. A header and its source are one stop.

Left out: `base`, and the folders and files that the README's table "Beside the path" names, each with what it does
there. What is executed and in neither list fails, as does a name in a list that nothing executes, so that neither can
grow unseen.
--list prints every file with the functions entered, and checks nothing.
"""
import argparse
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
BROKER = os.path.join(ROOT, "build/coverage/weir")
PRODUCES = 200
APPEND_STOPS_MAX = 8
DISPATCH_STOPS_MAX = 3
DEADLINE_S = 60
TOPIC = b"append-path"


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF


def one_record_batch(value, sequence):
    """A v2 batch of an idempotent producer with id 0, which needs no InitProducerId to be accepted."""
    body = b"\x00\x00\x00\x01" + bytes([2 * len(value)]) + value + b"\x00"
    record = bytes([2 * len(body)]) + body
    after_crc = struct.pack(">hiqqqhii", 0, 0, 0, 0, 0, 0, sequence, 1) + record
    return struct.pack(">qiibI", 0, 9 + len(after_crc), -1, 2, crc32c(after_crc)) + after_crc


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def call(self, key, version, body):
        self.correlation += 1
        frame = struct.pack(">hhih", key, version, self.correlation, -1) + body
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        size = struct.unpack(">i", self.receive(4))[0]
        return self.receive(size)[4:]

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the broker closed the connection")
            data += part
        return data

    def create_topic(self):
        """Metadata v4 with auto-create answers once the topic can be written to."""
        self.call(3, 4, struct.pack(">ih", 1, len(TOPIC)) + TOPIC + b"\x01")

    def produce(self, sequence):
        batch = one_record_batch(b"one more", sequence)
        body = struct.pack(">hhiih", -1, -1, 10_000, 1, len(TOPIC)) + TOPIC + struct.pack(">iii", 1, 0, len(batch)) + batch
        answer = self.call(0, 3, body)
        error = struct.unpack_from(">h", answer, 4 + 2 + len(TOPIC) + 4 + 4)[0]
        if error:
            raise RuntimeError(f"produce {sequence} was answered by error {error}")


def entered(produces, folder):
    """{(file below src, function): times entered} of a broker that served so many produces."""
    profile = os.path.join(folder, f"{produces}.profraw")
    broker = subprocess.Popen([BROKER, "serve", "--listen", "127.0.0.1:0", "--data", os.path.join(folder, f"data-{produces}"),
                               "--set", "weir.http.listen=off", "--set", "weir.shards=1"],
                              stderr=subprocess.PIPE, text=True, env={**os.environ, "LLVM_PROFILE_FILE": profile})
    try:
        for line in broker.stderr:
            ready = re.search(r"weir ready: kafka=\S+:(\d+)", line)
            if ready:
                break
        else:
            raise RuntimeError("the broker did not come up")
        client = Client(int(ready[1]))
        client.create_topic()
        for sequence in range(produces):
            client.produce(sequence)
        broker.send_signal(signal.SIGTERM)
        broker.communicate(timeout=DEADLINE_S)
    finally:
        if broker.poll() is None:
            broker.kill()
            broker.wait()
    merged = profile + ".merged"
    subprocess.run(["llvm-profdata-19", "merge", profile, "-o", merged], check=True)
    exported = subprocess.run(["llvm-cov-19", "export", f"-instr-profile={merged}", BROKER], capture_output=True, check=True)
    counts = {}
    for function in json.loads(exported.stdout)["data"][0]["functions"]:
        file = os.path.relpath(function["filenames"][0], os.path.join(ROOT, "src"))
        if not file.startswith(".."):
            key = (file, function["name"])
            counts[key] = counts.get(key, 0) + function["count"]
    return counts


def stop_of(file):
    return os.path.splitext(file)[0]


def executed():
    """{stop: names of the functions that every produce enters}, `base` left out."""
    with tempfile.TemporaryDirectory() as folder:
        once, twice = entered(PRODUCES, folder), entered(2 * PRODUCES, folder)
    stops = {}
    for (file, function), count in twice.items():
        if count - once.get((file, function), 0) >= PRODUCES and not file.startswith("base/"):
            stops.setdefault(stop_of(file), []).append(function)
    return stops


def paragraph(text, title):
    found = re.search(rf"^\*\*{title}\*\*.*?(?=\n\n)", text, re.M | re.S)
    return found[0] if found else ""


def stops_named(text):
    return [stop_of(name) for name in re.findall(r"`([\w/]+\.(?:cc|h))`", text)]


def check(stops):
    with open(os.path.join(ROOT, "src/README.md"), encoding="utf-8") as file:
        readme = file.read()
    append, dispatch = (stops_named(paragraph(readme, title)) for title in ("Produce", "Dispatch"))
    rows = readme[readme.index("Beside the path |"):].split("\n\n", 1)[0].splitlines()[2:]
    beside = [stop_of(name) for row in rows for name in re.findall(r"`([\w/.]+)`", row.split("|")[0])]
    failures = []

    def is_beside(stop):
        return any(stop == name or (name.endswith("/") and stop.startswith(name)) for name in beside)

    for name, limit, listed in (("append", APPEND_STOPS_MAX, append), ("dispatch", DISPATCH_STOPS_MAX, dispatch)):
        print(f"{name} path: {len(listed)} stops, at most {limit}: {' -> '.join(listed)}")
        if not 0 < len(listed) <= limit:
            failures.append(f"{name} path: {len(listed)} stops listed, wanted 1 to {limit}")
        failures += [f"{name} path: {stop} is listed, but a warm produce executes nothing of it"
                     for stop in listed if stop not in stops]
    failures += [f"{stop} is executed by every produce and listed nowhere ({', '.join(stops[stop][:3])})"
                 for stop in sorted(stops) if stop not in append and not is_beside(stop)]
    failures += [f"{name} is listed beside the path, but a warm produce executes nothing of it" for name in beside
                 if not any(stop == name or (name.endswith("/") and stop.startswith(name)) for stop in stops)]
    print(f"beside it: {', '.join(sorted(stop for stop in stops if stop not in append))}")
    for failure in failures:
        print(f"failed: {failure}")
    print(f"{0 if failures else 1} passed, {len(failures)} failed")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if not os.access(BROKER, os.X_OK):
        print("append_path: no build/coverage/weir; ./dev build coverage")
        return 2
    stops = executed()
    if not arguments.list:
        return check(stops)
    for stop, functions in sorted(stops.items()):
        print(stop)
        for function in sorted(functions):
            print(f"    {function}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
