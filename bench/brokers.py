"""Weir and Apache Kafka as processes on 127.0.0.1: started, asked what they used, stopped or killed."""

import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import kafka_jars

STOP_TIMEOUT_S = 120
REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
PROGRAMS = REPOSITORY / "build/release/bench"
WEIR = REPOSITORY / "build/release/weir"


class Failed(Exception):
    """A broker or a load did not do its part; the text says which and why."""


class Process:
    """What both brokers share: a child process and its figures in /proc."""

    name = ""
    process = None
    bootstrap = ""

    def pid(self):
        return self.process.pid

    def cpu_s(self):
        """User and system time so far, all threads."""
        fields = pathlib.Path(f"/proc/{self.pid()}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self):
        for line in pathlib.Path(f"/proc/{self.pid()}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise Failed(f"{self.name}: no VmRSS")

    def stop(self):
        """Cleanly."""
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)

    def end(self, how):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"{self.name}: still there {STOP_TIMEOUT_S} s after signal {how}") from None


class Weir(Process):
    name = "weir"

    def __init__(self, data, settings=()):
        self.data = pathlib.Path(data)
        self.settings = settings

    def start(self, deadline_s=120):
        """Returns the milliseconds from exec to the ready line."""
        command = [str(WEIR), "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", "--http", "off"]
        for setting in self.settings:
            command += ["--set", setting]
        begun = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        watchdog = threading.Timer(deadline_s, self.process.kill)
        watchdog.start()
        lines = []
        for line in self.process.stderr:
            if line.startswith(b"weir ready: "):
                ready_ms = (time.perf_counter() - begun) * 1000
                break
            lines.append(line)
        else:
            raise Failed(f"weir: no ready line within {deadline_s} s: {b''.join(lines[-20:]).decode()}")
        watchdog.cancel()
        words = dict(word.split("=", 1) for word in line.decode().split() if "=" in word)
        self.bootstrap = words["kafka"]
        # Whatever it still has to say must not fill the pipe.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        return ready_ms

    @staticmethod
    def version():
        return subprocess.run([WEIR, "--version"], capture_output=True, text=True, check=True).stdout.strip()


class Kafka(Process):
    name = "kafka"

    def __init__(self, jars, data, heap="1g"):
        self.data = pathlib.Path(data)
        self.java = ["java", "-cp", f"{jars}/*"]
        self.options = [f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseG1GC", "-server"]
        self.config = self.data.with_suffix(".properties")
        self.output = self.data.with_suffix(".log")

    def format(self):
        ports = free_ports(2)
        self.bootstrap = f"127.0.0.1:{ports[0]}"
        self.config.write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{ports[1]}
listeners=PLAINTEXT://127.0.0.1:{ports[0]},CONTROLLER://127.0.0.1:{ports[1]}
controller.listener.names=CONTROLLER
log.dirs={self.data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
""", encoding="utf-8")
        command = [*self.java, kafka_jars.FORMAT_CLASS, "format", "--standalone", "-t", "MkU3OEVBNTcwNTJENDM2Qg",
                   "-c", str(self.config)]
        formatted = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if formatted.returncode != 0:
            raise Failed(f"kafka: format: {formatted.stdout}{formatted.stderr}")

    def start(self, deadline_s=300):
        """Returns the milliseconds from exec to the first answer to ApiVersions."""
        begun = time.perf_counter()
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen([*self.java, *self.options, kafka_jars.MAIN_CLASS, str(self.config)],
                                            stdout=output, stderr=output, cwd=self.data.parent)
        while not answers(self.bootstrap):
            if self.process.poll() is not None or time.perf_counter() - begun > deadline_s:
                self.kill()
                raise Failed(f"kafka: does not answer; see {self.output}")
            time.sleep(0.01)
        return (time.perf_counter() - begun) * 1000

    @staticmethod
    def version():
        java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr.splitlines()[0]
        return f"Apache Kafka {kafka_jars.VERSION}, {java}, -Xms1g -Xmx1g"


class Machine:
    """How busy everybody else keeps the machine: all CPU time but that of the brokers, of our children that ended
    and of the kernel's own threads, which write for us."""

    def __init__(self, running):
        self.running = running
        self.begun = time.monotonic()
        self.used_s = self.used_by_others_s()

    def used_by_others_s(self):
        ticks = os.sysconf("SC_CLK_TCK")
        fields = pathlib.Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:]
        user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
        used_s = (user + nice + system + irq + softirq + steal) / ticks
        ended = os.times()
        ours_s = sum(broker.cpu_s() for broker in self.running)
        ours_s += ended.user + ended.system + ended.children_user + ended.children_system
        return used_s - ours_s - kernel_threads_s()

    def others_cores(self):
        """Cores in use by others since the beginning, on average."""
        return max(self.used_by_others_s() - self.used_s, 0) / (time.monotonic() - self.begun)


def kernel_threads_s():
    used = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[1] == "2":  # the parent of them all
            used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def answers(bootstrap):
    """Whether the broker there answers ApiVersions 0."""
    host, port = bootstrap.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(struct.pack(">ihhih", 10, 18, 0, 1, -1))
            return len(connection.recv(4)) == 4
    except OSError:
        return False


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def run_program(name, *options, timeout_s=600):
    """Runs one of bench/'s own programs; its standard output."""
    command = [str(PROGRAMS / name), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class WorkFolder:
    """A folder on a real disk for the brokers' data: build/ unless told otherwise, for /tmp may be memory."""

    def __init__(self, parent=None):
        self.parent = pathlib.Path(parent) if parent else REPOSITORY / "build"

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, and its data removed
        self.parent.mkdir(parents=True, exist_ok=True)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="bench-data.", dir=self.parent))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def describe_machine(folder):
    """Lines on what a figure depends on: machine, file system, versions, date."""
    cpu = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    mount = subprocess.run(["findmnt", "-no", "FSTYPE,SOURCE,OPTIONS", "-T", str(folder)], capture_output=True, text=True,
                           check=False).stdout.split()
    commit = subprocess.run(["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"], capture_output=True,
                            text=True, check=False).stdout.strip()
    print(f"date     {time.strftime('%Y-%m-%d %H:%M:%S %Z')}")
    print(f"machine  {cpu}, {os.cpu_count()} CPUs, {memory_gib:.0f} GiB, Linux {os.uname().release}")
    print(f"disk     {' '.join(mount) or 'unknown file system'}")
    print(f"weir     {Weir.version()}, commit {commit or 'unknown'}")
    if mount and mount[0] in ("tmpfs", "ramfs"):
        print(f"         {mount[0]} is memory: fsync costs nothing here and the figures say nothing (--data DIR)")
    print(f"load     {' '.join(f'{load:.2f}' for load in os.getloadavg())} (1, 5, 15 minutes) before anything is started",
          flush=True)


def complain(failure):
    print(f"bench: {failure}", file=sys.stderr)
    sys.exit(1)
