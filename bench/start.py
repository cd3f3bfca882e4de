#!/usr/bin/env python3
"""How long a start takes, from exec to the ready line: an empty directory, 5,000 partitions after a clean stop and
after kill -9, and one partition with a tail of 2 GiB that nothing says is durable.

With --kafka, Apache Kafka beside it up to its first answer. Exit code 1: a floor was not held.
"""

import argparse
import os
import pathlib
import shutil
import statistics

import brokers
import kafka_jars

TOPICS = 50
PARTITIONS = 100
COUNT = TOPICS * PARTITIONS
CLEAN_MS_MAX = 1000
UNCLEAN_MS_MAX = 2000
MS_PER_GB_MAX = 1000
TAIL_MIB = 2048


class Report:
    def __init__(self):
        self.all_held = True

    def line(self, what, broker, times_ms, floor_ms=None, note=""):
        middle = statistics.median(times_ms)
        verdict = ""
        if floor_ms is not None:
            held = middle <= floor_ms
            self.all_held = self.all_held and held
            verdict = f"{'held ' if held else 'ABOVE'} {floor_ms:.0f}"
        figure = f"{middle:.0f} ({min(times_ms):.0f}-{max(times_ms):.0f})"
        print(f"{what:44} {broker.name:6} {figure:>22} ms  {broker.resident_mb():6.0f} MB  {verdict:12} {note}", flush=True)


def fill(broker, *options):
    brokers.run_program("fill_partitions", "--bootstrap", broker.bootstrap, *options)


def size_bytes(folder):
    return sum(file.stat().st_size for file in folder.rglob("*.log"))


def measure_empty(report, make, rounds):
    times_ms = []
    for number in range(rounds):
        broker = make(number)
        times_ms.append(broker.start())
        if number + 1 == rounds:
            report.line("empty", broker, times_ms)
        broker.stop()


def measure_partitions(report, broker, rounds, floors):
    """Clean stops first; then kills, each after one more record in every partition."""
    broker.start()
    fill(broker, "--topics", TOPICS, "--partitions", PARTITIONS)
    broker.stop()
    times_ms = []
    for _ in range(rounds):
        times_ms.append(broker.start())
        if len(times_ms) == rounds:
            report.line(f"{COUNT} partitions after a clean stop", broker, times_ms, CLEAN_MS_MAX if floors else None)
        broker.stop()
    times_ms = []
    broker.start()
    for _ in range(rounds):
        fill(broker, "--topics", TOPICS, "--partitions", PARTITIONS)
        broker.kill()
        times_ms.append(broker.start())
    tail_gb = size_bytes(broker.data) / 1e9
    limit_ms = UNCLEAN_MS_MAX + tail_gb * MS_PER_GB_MAX
    report.line(f"{COUNT} partitions after kill -9", broker, times_ms, limit_ms if floors else None,
                f"{tail_gb * 1000:.0f} MB in all")
    broker.stop()


def measure_tail(report, broker, rounds, tail_mib, floors):
    """A kill leaves little that nothing vouches for, since every ack was flushed: what vouches is taken away too."""
    broker.start()
    fill(broker, "--prefix", "tail", "--tail-mib", tail_mib)
    times_ms = []
    for number in range(rounds):
        broker.kill()
        if number == 0:
            as_killed_ms = [broker.start()]
            report.line(f"{tail_mib} MiB in one partition after kill -9", broker, as_killed_ms)
            broker.kill()
        forget_what_is_durable(broker.data)
        times_ms.append(broker.start())
    tail_gb = size_bytes(broker.data) / 1e9
    report.line(f"{tail_mib} MiB in one partition, nothing known durable", broker, times_ms,
                UNCLEAN_MS_MAX / COUNT + tail_gb * MS_PER_GB_MAX if floors else None, f"{tail_gb:.2f} GB scanned")
    broker.stop()


def forget_what_is_durable(data):
    """Removes the recovery-point checkpoint, its copy and the indexes: the whole log is an unclean tail then."""
    for checkpoint in ("recovery-point-offset-checkpoint", "weir.checkpoints"):
        (data / checkpoint).unlink(missing_ok=True)
    for partition in data.iterdir():
        if partition.is_dir() and not partition.name.startswith("__"):
            for index in [*partition.glob("*.index"), *partition.glob("*.timeindex")]:
                index.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one start of each, a tail of 256 MiB, under a minute")
    parser.add_argument("--kafka", action="store_true", help="the first three on Apache Kafka too: some minutes")
    parser.add_argument("--rounds", type=int, help="starts of each (default 5, 1 with --quick)")
    parser.add_argument("--only", choices=("empty", "partitions", "tail"))
    parser.add_argument("--data", help="folder for the data (default build/)")
    parser.add_argument("--binary", type=pathlib.Path, help="another weir to measure (default build/release/weir)")
    options = parser.parse_args()
    brokers.WEIR = options.binary or brokers.WEIR
    rounds = options.rounds or (1 if options.quick else 5)
    tail_mib = 256 if options.quick else TAIL_MIB

    def wanted(what):
        return options.only in (None, what)

    report = Report()
    with brokers.WorkFolder(options.data) as work:
        brokers.describe_machine(work)
        started = []

        def keep(broker):
            started.append(broker)
            return broker

        try:
            print(f"\n{'start':44} {'broker':6} {'median (lowest-highest)':>25}  {'resident':>9}  floor, ms")
            if wanted("empty"):
                measure_empty(report, lambda number: keep(brokers.Weir(work / f"empty-{number}")), rounds)
            if wanted("partitions"):
                measure_partitions(report, keep(brokers.Weir(work / "weir")), rounds, True)
                shutil.rmtree(work / "weir")
            if wanted("tail"):
                if shutil.disk_usage(work).free < 3 * tail_mib * 2**20:
                    print(f"skipped: a tail of {tail_mib} MiB, the disk has not three times that free")
                else:
                    measure_tail(report, keep(brokers.Weir(work / "tail")), rounds, tail_mib, True)
            if options.kafka:
                measure_kafka(report, work, keep, min(rounds, 3), wanted)
        except brokers.Failed as failure:
            brokers.complain(failure)
        finally:
            for broker in started:
                broker.kill()
    print(f"load     {' '.join(f'{load:.2f}' for load in os.getloadavg())} after {rounds} starts of each")
    raise SystemExit(0 if report.all_held else 1)


def measure_kafka(report, work, keep, rounds, wanted):
    try:
        jars = kafka_jars.find()
    except kafka_jars.Unavailable as why:
        print(f"kafka    skipped: {why}")
        return
    print(f"kafka    {brokers.Kafka.version()}")

    def make(number):
        broker = keep(brokers.Kafka(jars, work / f"kafka-{number}"))
        broker.format()
        return broker

    if wanted("empty"):
        measure_empty(report, make, rounds)
    if wanted("partitions"):
        measure_partitions(report, make(rounds), rounds, False)


if __name__ == "__main__":
    main()
