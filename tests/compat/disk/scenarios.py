"""The scenarios of the disk suite. Each owns a data directory; one broker at a time runs on it, always on the same
port, so that a client's producer lives through the changes.

Kafka writes, stops or is killed; Weir opens the directory and must show what Kafka showed; Weir writes; the same Kafka
opens it again and must show what Weir showed, with every setting that Weir has no API for still in place. The bytes are
compared besides, without either's help, and DumpLogSegments reads every file whenever nobody runs.
"""
import os
from dataclasses import dataclass
from typing import Callable

import directory
import dump
from brokers import Failed, Kafka, Weir, free_port
from client import Client, compile_java, differences

NEWEST = "4.4.0"
TOOLS = "4.3.1"  # the last whose tools are on Maven Central


class Skipped(Exception):
    """Why a scenario can't run here."""


class Lab:
    """What all scenarios share."""

    def __init__(self, base, jars, binary, seed):
        self.base, self.jars, self.binary, self.seed = base, jars, binary, seed
        self.classes = os.path.join(base, "classes")
        os.makedirs(self.classes, exist_ok=True)
        compile_java("DiskClient.java", jars[NEWEST], self.classes)
        compile_java("DumpAll.java", jars[TOOLS], self.classes)
        self.benches = []

    def bench(self, name):
        bench = Bench(self, name)
        self.benches.append(bench)
        return bench

    def end_processes(self):
        for bench in self.benches:
            bench.end_processes()
        self.benches = []


class Bench:
    """One scenario's directory, brokers and client."""

    def __init__(self, lab, name):
        self.lab, self.seed = lab, lab.seed
        self.work = os.path.join(lab.base, name)
        os.makedirs(self.work)
        self.data = os.path.join(self.work, "data")
        self.port = free_port()
        self.brokers = []
        self.client = Client(lab.jars[NEWEST], lab.classes, os.path.join(self.work, "client.err"))

    def end_processes(self):
        self.client.close()
        for broker in self.brokers:
            broker.kill()

    def kafka(self, version, **options):
        broker = Kafka(self.work, self.data, self.port, self.lab.jars[version], version, **options)
        self.brokers.append(broker)
        return broker

    def weir(self, settings=()):
        broker = Weir(self.work, self.data, self.port, self.lab.binary, settings)
        self.brokers.append(broker)
        return broker

    def ask(self, command, broker, *words):
        return self.client.ask(command, broker.bootstrap, *words)

    def dump(self):
        """DumpLogSegments over all files: how many it read, and its complaints."""
        return dump.dump(self.lab.jars[TOOLS], self.lab.classes, self.data)

    def expect_dumps(self, kafka_left=None):
        """It reads all files and complains of none, except of what it complained of when Kafka left the directory and
        nobody has touched since. How many."""
        count, complaints = self.dump()
        new = {file: found for file, found in complaints.items() if found != (kafka_left or {}).get(file)}
        if new:
            raise Failed("DumpLogSegments:\n" + "\n".join(f"{file}: {line}" for file, found in new.items()
                                                          for line in found[:3]))
        return count


def expect_same(what, expected, actual):
    lines = differences(expected, actual)
    if lines:
        raise Failed(f"{what}:\n" + "\n".join(lines[:20]))


def expect_kept(what, expected, actual):
    """Everything expected is there; more may be."""
    lines = [line for line in differences(expected, actual) if ": new: " not in line]
    if lines:
        raise Failed(f"{what}:\n" + "\n".join(lines[:20]))


def expect_nothing_lost(what, before, after, deleted=()):
    lines = directory.lost(before, after, deleted)
    if lines:
        raise Failed(f"{what}:\n" + "\n".join(lines[:20]))


def end(broker, how):
    if how == "kill":
        broker.kill()
    else:
        broker.stop()


def made_by(seed):
    return f"config ConfigResource(type=TOPIC, name='made-{seed}')"


def stays_committed(view):
    """The topic with an open transaction as read_committed shows it: it can't move before the transaction ends."""
    return view["topics"]["transactions"]


def adopted(version, how, quorum="standalone"):
    """Kafka, Weir, Kafka, Weir on one directory; each ends by `how`."""

    def run(bench):
        kafka, weir = bench.kafka(version, quorum=quorum), bench.weir()
        files = 0
        kafka.format()
        kafka.start()
        bench.ask("fill", kafka, bench.seed, "yes")
        all_of_kafka = bench.ask("observe", kafka, "read_uncommitted")
        committed = bench.ask("observe", kafka, "read_committed")
        settings = bench.ask("settings", kafka)
        groups = bench.ask("groups", kafka)
        end(kafka, how)
        # Kafka leaves indexes that its own tool does not understand: reserved space at the end, after a kill.
        _, kafka_left = bench.dump()
        bytes_of_kafka = directory.read(bench.data)

        weir.start()
        expect_same("Weir shows other data than Kafka did", all_of_kafka, bench.ask("observe", weir, "read_uncommitted"))
        bench.ask("survivor", weir, 50)
        bench.ask("more", weir, 1)
        all_of_weir = bench.ask("observe", weir, "read_uncommitted")
        end(weir, how)
        files += bench.expect_dumps(kafka_left)
        bytes_of_weir = directory.read(bench.data)
        expect_nothing_lost("Weir changed what Kafka wrote", bytes_of_kafka, bytes_of_weir)

        kafka.start()
        expect_same("Kafka shows other data than Weir did", all_of_weir, bench.ask("observe", kafka, "read_uncommitted"))
        expect_same("the open transaction was touched", stays_committed(committed),
                    stays_committed(bench.ask("observe", kafka, "read_committed")))
        settings[made_by(1)] = {"segment.bytes": "2097152", "cleanup.policy": "compact,delete"}
        expect_same("a setting was lost", settings, bench.ask("settings", kafka))
        expect_same("committed offsets were lost", groups, bench.ask("groups", kafka))
        bench.ask("survivor", kafka, 50)
        bench.ask("more", kafka, 2)
        all_of_kafka = bench.ask("observe", kafka, "read_uncommitted")
        end(kafka, how)
        _, kafka_left = bench.dump()
        expect_nothing_lost("Kafka changed what Weir wrote", bytes_of_weir, directory.read(bench.data))

        weir.start()
        expect_same("Weir shows other data than Kafka did, the second time", all_of_kafka,
                    bench.ask("observe", weir, "read_uncommitted"))
        sent = bench.ask("survivor", weir, 50)
        if sent["last"] != sent["sent"] - 1:
            raise Failed(f"the idempotent producer sent {sent['sent']} records and the last is at {sent['last']}")
        end(weir, how)
        files += bench.expect_dumps(kafka_left)
        return f"{len(all_of_kafka['topics'])} topics, {files} files dumped"

    return run


def born(version, how):
    """Weir, Kafka, Weir on one directory that Weir made."""

    def run(bench):
        kafka, weir = bench.kafka(version), bench.weir()
        weir.start()
        bench.ask("fill", weir, bench.seed, "no")
        bench.ask("more", weir, 1)
        all_of_weir = bench.ask("observe", weir, "read_uncommitted")
        end(weir, how)
        files = bench.expect_dumps()
        bytes_of_weir = directory.read(bench.data)

        kafka.start()
        expect_same("Kafka shows other data than Weir did", all_of_weir, bench.ask("observe", kafka, "read_uncommitted"))
        settings = bench.ask("settings", kafka)
        expect_kept("a setting was lost", {
            made_by(1): {"segment.bytes": "2097152", "cleanup.policy": "compact,delete"},
            "config ConfigResource(type=TOPIC, name='again')": {"retention.ms": "1200000"},
            "features": {"metadata.version": 30}}, settings)
        bench.ask("survivor", kafka, 50)
        bench.ask("more", kafka, 2)
        all_of_kafka = bench.ask("observe", kafka, "read_uncommitted")
        end(kafka, how)
        _, kafka_left = bench.dump()
        expect_nothing_lost("Kafka changed what Weir wrote", bytes_of_weir, directory.read(bench.data))

        weir.start()
        expect_same("Weir shows other data than Kafka did", all_of_kafka, bench.ask("observe", weir, "read_uncommitted"))
        bench.ask("survivor", weir, 50)
        end(weir, how)
        files += bench.expect_dumps(kafka_left)
        return f"{len(all_of_kafka['topics'])} topics, {files} files dumped"

    return run


@dataclass
class Scenario:
    name: str
    run: Callable


ALL = [
    *[Scenario(f"kafka-{version}-{how}", adopted(version, how))
      for version in ("4.4.0", "4.3.1") for how in ("clean", "kill")],
    *[Scenario(f"weir-born-{how}-to-{version}", born(version, how))
      for version in ("4.4.0", "4.3.1") for how in ("clean", "kill")],
    Scenario("kafka-4.3.1-static-quorum", adopted("4.3.1", "clean", quorum="static")),
]
