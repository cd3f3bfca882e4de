"""DiskClient.java as an object: one command, one answer."""
import json
import os
import selectors
import subprocess

from brokers import Failed

ANSWER_SECONDS = 300


def compile_java(source, jars, into):
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), source)
    subprocess.run(["javac", "-cp", f"{jars}/*", "-d", into, source], check=True)


class Client:
    def __init__(self, jars, classes, log):
        self.log = open(log, "wb")
        command = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{classes}:{jars}/*", "DiskClient"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)

    def send(self, *words):
        """For a command whose answer nobody waits for: nothing else may be asked afterwards."""
        self.process.stdin.write((" ".join(str(word) for word in words) + "\n").encode())
        self.process.stdin.flush()

    def ask(self, *words):
        self.send(*words)
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(ANSWER_SECONDS):
                raise Failed(f"client: no answer to {words} in {ANSWER_SECONDS} s")
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"client: ended at {words}; its log: {self.log.name}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"client: {answer['error']}; its log: {self.log.name}")
        return answer

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def differences(expected, actual, path=""):
    """Where two answers differ, as lines; what only `actual` has counts too."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        lines = []
        for key in sorted(expected.keys() | actual.keys()):
            at = f"{path}/{key}"
            if key not in expected:
                lines.append(f"{at}: new: {actual[key]}")
            elif key not in actual:
                lines.append(f"{at}: gone: {expected[key]}")
            else:
                lines += differences(expected[key], actual[key], at)
        return lines
    return [] if expected == actual else [f"{path}: was {expected}, is {actual}"]
