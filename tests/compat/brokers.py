"""One broker process at a time on one data directory: Apache Kafka (a single KRaft node) or Weir.

Every wait polls for the event itself and has a deadline. A process is ended by its own id only.
"""
import os
import signal
import socket
import subprocess
import time

START_SECONDS = 90
STOP_SECONDS = 90
NODE_ID = 1
CLUSTER_ID = "RGlza0NvbXBhdFN1aXRlMA"

# Small enough that a scenario sees rolled metadata segments and several snapshots.
KAFKA_PROPERTIES = """process.roles=broker,controller
node.id={node}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
{quorum}
log.dirs={data}
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.backoff.ms=200
metadata.log.max.record.bytes.between.snapshots={snapshot_bytes}
internal.metadata.log.segment.bytes=4096
"""


class Failed(Exception):
    """What went wrong, for the reader of the report."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tail(path, lines=25):
    with open(path, encoding="utf-8", errors="replace") as file:
        return "".join(file.readlines()[-lines:])


class Broker:
    """start(), then stop() or kill(). The log of every start is a file of its own in `work`."""

    name = "broker"
    ready_text = ""

    def __init__(self, work, data, port):
        self.work, self.data, self.port = work, data, port
        self.process, self.log, self.starts = None, None, 0

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    def command(self):
        raise NotImplementedError

    def start(self):
        self.starts += 1
        number = sum(1 for name in os.listdir(self.work) if name.endswith(".log"))
        self.log = os.path.join(self.work, f"{number:02d}-{self.name}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.work, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while self.ready_text not in open(self.log, encoding="utf-8", errors="replace").read():
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise Failed(f"{self.name} ended with exit code {code} at its start; its log ends:\n{tail(self.log)}")
            if time.monotonic() > deadline:
                self.kill()
                raise Failed(f"{self.name} was not up in {START_SECONDS} s; its log ends:\n{tail(self.log)}")
            time.sleep(0.05)

    def stop(self):
        """A clean stop."""
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failed(f"{self.name} did not stop in {STOP_SECONDS} s; its log ends:\n{tail(self.log)}") from None
        # The JVM tells the signal, Weir its verdict.
        if code not in (0, 143):
            raise Failed(f"{self.name} stopped with exit code {code}; its log ends:\n{tail(self.log)}")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def kill(self):
        """kill -9."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()


class Weir(Broker):
    name = "weir"
    ready_text = "weir ready: "

    def __init__(self, work, data, port, binary, settings=()):
        super().__init__(work, data, port)
        self.binary, self.settings = binary, list(settings)

    def command(self):
        command = [self.binary, "serve", "--data", self.data, "--listen", self.bootstrap, "--http", "off",
                   "--set", f"node.id={NODE_ID}", "--set", "auto.create.topics.enable=false"]
        for setting in self.settings:
            command += ["--set", setting]
        return command


class Kafka(Broker):
    """`quorum`: "standalone" (kraft.version 1, a voter set with directory ids) or "static" (kraft.version 0)."""

    ready_text = "Kafka Server started"

    def __init__(self, work, data, port, jars, version, quorum="standalone", snapshot_bytes=4000):
        super().__init__(work, data, port)
        self.name, self.jars, self.quorum = f"kafka-{version}", jars, quorum
        self.properties = os.path.join(work, f"kafka-{version}.properties")
        controller_port = free_port()
        voters = (f"controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}" if quorum == "standalone" else
                  f"controller.quorum.voters={NODE_ID}@127.0.0.1:{controller_port}")
        with open(self.properties, "w", encoding="ascii") as file:
            file.write(KAFKA_PROPERTIES.format(node=NODE_ID, port=port, controller_port=controller_port, data=data,
                                               quorum=voters, snapshot_bytes=snapshot_bytes))

    def java(self, main, *arguments):
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self.jars}/*", main,
                *arguments]

    def command(self):
        return self.java("kafka.Kafka", self.properties)

    def format(self, *options):
        kind = ["--standalone"] if self.quorum == "standalone" else []
        done = subprocess.run(self.java("kafka.tools.StorageTool", "format", *kind, *options, "-t", CLUSTER_ID,
                                        "-c", self.properties), capture_output=True, text=True, timeout=START_SECONDS,
                              check=False)
        if done.returncode != 0:
            raise Failed(f"{self.name}: format failed: {done.stdout}{done.stderr}")
