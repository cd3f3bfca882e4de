"""The scenarios of the disk suite. Each owns a data directory; one broker at a time runs on it, always on the same
port, so that a client's producer lives through the changes.

Kafka writes, stops or is killed; Weir opens the directory and must show what Kafka showed; Weir writes; the same Kafka
opens it again and must show what Weir showed, with every setting that Weir has no API for still in place. The bytes are
compared besides, without either's help, and DumpLogSegments reads every file whenever nobody runs.
"""
import os
import shutil
import time
from dataclasses import dataclass
from typing import Callable

import directory
import dump
import power
from brokers import Failed, Kafka, Weir, free_port
from client import Client, compile_java, differences

NEWEST = "4.4.0"
LEADERS_SECONDS = 30
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
        self.brokers, self.images = [], []
        self.client = self.start_client()

    def end_processes(self):
        self.client.close()
        for broker in self.brokers:
            broker.kill()
        for image in self.images:
            image.unmount()

    def image(self):
        self.images.append(power.Image(self.work))
        return self.images[-1]

    def new_client(self):
        self.client.close()
        self.client = self.start_client()

    def start_client(self):
        number = sum(1 for name in os.listdir(self.work) if name.startswith("client"))
        return Client(self.lab.jars[NEWEST], self.lab.classes, os.path.join(self.work, f"client-{number}.err"))

    def kafka(self, version, data=None, **options):
        broker = Kafka(self.work, data or self.data, self.port, self.lab.jars[version], version, **options)
        self.brokers.append(broker)
        return broker

    def weir(self, settings=(), data=None):
        broker = Weir(self.work, data or self.data, self.port, self.lab.binary, settings)
        self.brokers.append(broker)
        return broker

    def ask(self, command, broker, *words):
        return self.client.ask(command, broker.bootstrap, *words)

    def everything(self, broker):
        """Topics, offsets and records, those of unfinished transactions too."""
        return self.ask("observe", broker, "read_uncommitted")

    def dump(self):
        """DumpLogSegments over all files: how many it read, and its complaints."""
        return dump.dump(self.lab.jars[TOOLS], self.lab.classes, self.data)

    def expect_dumps(self, kafka_left=None, how="clean"):
        """It reads all files and complains of none, except of what it complained of when Kafka left the directory and
        nobody has touched since, and after a kill of the zeros that an active segment was going to be written over;
        for each entry of a time index the tool reads its segment up to the end, too. How many."""
        count, complaints = self.dump()
        if how == "kill":
            complaints = {file: found for file, found in complaints.items()
                          if not (len(found) == 1 and dump.ENDS_AT_ZEROS in found[0] and
                                  directory.ends_in_zeros(os.path.join(self.data, dump.log_of(file))))}
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
        all_of_kafka = bench.everything(kafka)
        committed = bench.ask("observe", kafka, "read_committed")
        settings = bench.ask("settings", kafka)
        groups = bench.ask("groups", kafka)
        end(kafka, how)
        # Kafka leaves indexes that its own tool does not understand: reserved space at the end, after a kill.
        _, kafka_left = bench.dump()
        bytes_of_kafka = directory.read(bench.data)

        weir.start()
        expect_same("Weir shows other data than Kafka did", all_of_kafka, bench.everything(weir))
        bench.ask("survivor", weir, 50)
        bench.ask("more", weir, 1)
        all_of_weir = bench.everything(weir)
        end(weir, how)
        files += bench.expect_dumps(kafka_left, how)
        bytes_of_weir = directory.read(bench.data)
        expect_nothing_lost("Weir changed what Kafka wrote", bytes_of_kafka, bytes_of_weir)

        kafka.start()
        expect_same("Kafka shows other data than Weir did", all_of_weir, bench.everything(kafka))
        expect_same("the open transaction was touched", stays_committed(committed),
                    stays_committed(bench.ask("observe", kafka, "read_committed")))
        settings[made_by(1)] = {"segment.bytes": "2097152", "cleanup.policy": "compact,delete"}
        expect_same("a setting was lost", settings, bench.ask("settings", kafka))
        expect_same("committed offsets were lost", groups, bench.ask("groups", kafka))
        bench.ask("survivor", kafka, 50)
        bench.ask("more", kafka, 2)
        all_of_kafka = bench.everything(kafka)
        end(kafka, how)
        _, kafka_left = bench.dump()
        expect_nothing_lost("Kafka changed what Weir wrote", bytes_of_weir, directory.read(bench.data))

        weir.start()
        expect_same("Weir shows other data than Kafka did, the second time", all_of_kafka,
                    bench.everything(weir))
        sent = bench.ask("survivor", weir, 50)
        if sent["last"] != sent["sent"] - 1:
            raise Failed(f"the idempotent producer sent {sent['sent']} records and the last is at {sent['last']}")
        end(weir, how)
        files += bench.expect_dumps(kafka_left, how)
        return f"{len(all_of_kafka['topics'])} topics, {files} files dumped"

    return run


def born(version, how):
    """Weir, Kafka, Weir on one directory that Weir made."""

    def run(bench):
        kafka, weir = bench.kafka(version), bench.weir()
        weir.start()
        bench.ask("fill", weir, bench.seed, "no")
        bench.ask("more", weir, 1)
        all_of_weir = bench.everything(weir)
        end(weir, how)
        files = bench.expect_dumps(how=how)
        bytes_of_weir = directory.read(bench.data)

        kafka.start()
        expect_same("Kafka shows other data than Weir did", all_of_weir, bench.everything(kafka))
        settings = bench.ask("settings", kafka)
        expect_kept("a setting was lost", {
            made_by(1): {"segment.bytes": "2097152", "cleanup.policy": "compact,delete"},
            "config ConfigResource(type=TOPIC, name='again')": {"retention.ms": "1200000"},
            "features": {"metadata.version": 30}}, settings)
        bench.ask("survivor", kafka, 50)
        bench.ask("more", kafka, 2)
        all_of_kafka = bench.everything(kafka)
        end(kafka, how)
        _, kafka_left = bench.dump()
        expect_nothing_lost("Kafka changed what Weir wrote", bytes_of_weir, directory.read(bench.data))

        weir.start()
        expect_same("Weir shows other data than Kafka did", all_of_kafka, bench.everything(weir))
        bench.ask("survivor", weir, 50)
        end(weir, how)
        files += bench.expect_dumps(kafka_left, how)
        return f"{len(all_of_kafka['topics'])} topics, {files} files dumped"

    return run


def formatted(version, quorum="standalone"):
    """A directory that Kafka's StorageTool has formatted and nobody has started on: Weir is the first."""

    def run(bench):
        kafka, weir = bench.kafka(version, quorum=quorum), bench.weir()
        kafka.format("--add-scram", "SCRAM-SHA-256=[name=anna,password=secret]", "--feature", "share.version=0")
        weir.start()
        bench.ask("begin", weir)
        bench.ask("survivor", weir, 50)
        all_of_weir = bench.everything(weir)
        weir.stop()
        bench.expect_dumps()
        kafka.start()
        expect_same("Kafka shows other data than Weir did", all_of_weir, bench.everything(kafka))
        settings = bench.ask("settings", kafka)
        level = {"4.3.1": 30, "4.4.0": 33}[version]
        expect_kept("what it was formatted with was lost",
                    {"scram": {"anna": "[ScramCredentialInfo{mechanism=SCRAM_SHA_256, iterations=4096}]"}}, settings)
        expected = {"eligible.leader.replicas.version": 1, "group.version": 1, "metadata.version": level,
                    "streams.version": 1, "transaction.version": 2}
        if quorum == "standalone":
            expected["kraft.version"] = 1
        expect_same("other features than it was formatted with", expected, settings["features"])
        kafka.stop()
        weir.start()
        bench.ask("survivor", weir, 50)
        weir.stop()
        return f"metadata.version {level}"

    return run


SNAPSHOT_OFTEN = ["metadata.log.max.record.bytes.between.snapshots=300", "internal.metadata.log.segment.bytes=300"]


def snapshots(version, how):
    """The beginning of the metadata log is gone, under Kafka's snapshots (here, since Kafka takes its time) and under
    Weir's (by Weir itself): each goes on from what the other wrote."""

    def run(bench):
        kafka, weir = bench.kafka(version), bench.weir(SNAPSHOT_OFTEN)
        kafka.format()
        kafka.start()
        bench.ask("fill", kafka, bench.seed, "yes")
        all_of_kafka = bench.everything(kafka)
        settings = bench.ask("settings", kafka)
        end(kafka, how)
        _, kafka_left = bench.dump()
        kafkas = directory.metadata_snapshots(bench.data)
        trimmed = directory.trim_metadata(bench.data)

        weir.start()
        expect_same("Weir shows other data than Kafka did", all_of_kafka, bench.everything(weir))
        bench.ask("more", weir, 1)
        all_of_weir = bench.everything(weir)
        end(weir, how)
        written = sorted(set(directory.metadata_snapshots(bench.data)) - set(kafkas))
        if len(written) != 2:
            raise Failed(f"two snapshots of Weir were to be there: {written}")
        start = directory.metadata_start(bench.data)
        if start <= trimmed:
            raise Failed(f"Weir's metadata log begins at {start}, as it did before")
        bench.expect_dumps(kafka_left, how)

        kafka.start()
        expect_same("Kafka shows other data than Weir did", all_of_weir, bench.everything(kafka))
        settings[made_by(1)] = {"segment.bytes": "2097152", "cleanup.policy": "compact,delete"}
        expect_same("a setting was lost", settings, bench.ask("settings", kafka))
        bench.ask("more", kafka, 2)
        all_of_kafka = bench.everything(kafka)
        end(kafka, how)
        trimmed_again = directory.trim_metadata(bench.data)

        weir.start()
        expect_same("Weir shows other data than Kafka did, the second time", all_of_kafka,
                    bench.everything(weir))
        end(weir, how)
        if trimmed == 0:
            raise Failed("nothing of Kafka's metadata log could be dropped")
        return f"Weir's snapshots: {', '.join(written)}; the log began at {trimmed}, {start}, {trimmed_again}"

    return run


def wait_for_leaders(bench, broker, expected):
    """Until the partitions `expected`, and no others, have no leader."""
    deadline = time.monotonic() + LEADERS_SECONDS
    while (leaderless := set(bench.ask("leaderless", broker)["partitions"])) != expected:
        if time.monotonic() > deadline:
            raise Failed(f"without a leader are {sorted(leaderless)}, not {sorted(expected)}")
        time.sleep(0.2)


def one_of_two_away(version, how):
    """Two log directories. Weir runs for a while without the second, and tells the metadata so; then Kafka has both."""

    def run(bench):
        second = bench.data + "-second"
        dirs = f"{bench.data},{second}"
        weir, kafka = bench.weir(data=dirs), bench.kafka(version, dirs)
        weir.start()
        bench.ask("fill", weir, bench.seed, "no")
        bench.ask("more", weir, 1)
        all_of_weir = bench.everything(weir)
        end(weir, how)
        lost = {name for name in os.listdir(second) if directory.PARTITION.match(name)}
        if not lost:
            raise Failed("nothing lies in the second directory")
        os.rename(second, second + ".away")
        with open(second, "wb"):
            pass  # no directory: it can't be opened
        weir.start()
        wait_for_leaders(bench, weir, lost)
        end(weir, how)
        os.unlink(second)
        os.rename(second + ".away", second)

        kafka.start()
        wait_for_leaders(bench, kafka, set())
        expect_same("Kafka shows other data than Weir did", all_of_weir, bench.everything(kafka))
        bench.ask("survivor", kafka, 50)
        bench.ask("more", kafka, 2)
        all_of_kafka = bench.everything(kafka)
        end(kafka, how)
        weir.start()
        wait_for_leaders(bench, weir, set())
        expect_same("Weir shows other data than Kafka did", all_of_kafka, bench.everything(weir))
        bench.ask("survivor", weir, 50)
        end(weir, how)
        return f"{len(lost)} partitions were away"

    return run


def cut_under_kafka(version, delays_s):
    """Power is cut while Kafka, which syncs little, is being written to. Weir and Kafka each open a copy of what is left
    and must end at the same offsets, with the same records."""

    def run(bench):
        why = power.why_not()
        if why:
            raise Skipped(why)
        lost = []
        for delay_s in delays_s:
            image = bench.image()
            on_image = os.path.join(image.mount_point, "data")
            copies = [os.path.join(bench.work, f"{name}-{delay_s}") for name in ("of-kafka", "of-weir")]
            kafka = bench.kafka(version, on_image)
            kafka.format()
            kafka.start()
            bench.client.send("fill", kafka.bootstrap, bench.seed, "no")
            time.sleep(delay_s / 2)
            image.sync()  # some of it is to survive
            time.sleep(delay_s / 2)
            kafka.pause()
            written = directory.read(on_image)
            image.cut()
            kafka.kill()
            image.unmount()
            image.mount()
            left = directory.read(on_image)
            for copy in copies:
                shutil.copytree(on_image, copy)
            image.unmount()
            bench.new_client()
            lost.append(sum(len(old.batches) for old in written.values()) -
                        sum(len(new.batches) for new in left.values()))

            kafka = bench.kafka(version, copies[0])
            kafka.start()
            kafkas = bench.everything(kafka)
            kafka.kill()
            weir = bench.weir(data=copies[1])
            weir.start()
            weirs = bench.everything(weir)
            weir.stop()
            expect_same(f"after a cut at {delay_s} s Weir shows other data than Kafka does", kafkas, weirs)
            bench.new_client()
        if not any(lost):
            raise Failed("no cut took anything")
        return f"{len(lost)} cuts, batches lost: {lost}"

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
    *[Scenario(f"formatted-{version}", formatted(version)) for version in ("4.4.0", "4.3.1")],
    Scenario("formatted-4.3.1-static-quorum", formatted("4.3.1", quorum="static")),
    *[Scenario(f"snapshots-{version}-{how}", snapshots(version, how))
      for version, how in (("4.4.0", "clean"), ("4.3.1", "kill"))],
    *[Scenario(f"one-of-two-away-{version}-{how}", one_of_two_away(version, how))
      for version, how in (("4.4.0", "kill"), ("4.3.1", "clean"))],
    *[Scenario(f"cut-under-kafka-{version}", cut_under_kafka(version, (3.0, 5.0, 8.0)))
      for version in ("4.4.0", "4.3.1")],
]
