#!/usr/bin/env python3
"""What fsync before each answer costs: acks=all, one record of 1 KiB a request, on Weir and on Apache Kafka.

1, 16 and 64 producers with one request in flight each, on one partition and on as many, Kafka with flush.messages=1;
then 2,000 requests a second on a fixed schedule, of 1 KiB and of 16 KiB, Weir with fsync beside Kafka without (its
default). The brokers run side by side and are measured in turn, A B A B. Exit code 1: a floor was not held.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics

import brokers
import kafka_jars

RATE = 2000
RATE_PRODUCERS = 16
# A pair during which others used more of the machine is measured again, at most so many times as pairs are wanted.
OTHERS_CORES_MAX = 0.5
ATTEMPTS = 3
# What the JVM gets to compile the path that is measured.
WARM_UP_S = 20


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    producers: int
    partitions: int
    rate: int = 0
    kafka_flushes: bool = True
    value_bytes: int = 1024

    def topic(self):
        return self.name.replace(" ", "-").replace(",", "").replace("/", "-")


CASES = (
    Case("1 on 1", 1, 1),
    Case("16 on 1", 16, 1),
    Case("64 on 1", 64, 1),
    Case("16 on 16", 16, 16),
    Case("64 on 64", 64, 64),
    Case(f"{RATE}/s on 1", RATE_PRODUCERS, 1, RATE, False),
    Case(f"{RATE}/s, 16 KiB", RATE_PRODUCERS, 1, RATE, False, 16 * 1024),
)
SCHEDULED = [case.name for case in CASES if case.rate]


class Runs:
    """The figures of one broker in one case, a run each."""

    def __init__(self, figures):
        self.figures = figures

    def values(self, key):
        return [figure[key] for figure in self.figures]

    def median(self, key):
        return statistics.median(self.values(key))

    def text(self, key, scale=1.0, digits=0):
        values = [value * scale for value in self.values(key)]
        shape = f"{{:.{digits}f}}"
        low, middle, high = (shape.format(v) for v in (min(values), statistics.median(values), max(values)))
        return f"{middle} ({low}-{high})"


def measure(broker, case, warm_up_s, seconds):
    """One run of one case."""
    options = ["--bootstrap", broker.bootstrap, "--topic", case.topic(), "--producers", case.producers,
               "--partitions", case.partitions, "--value-bytes", case.value_bytes, "--warm-up-s", warm_up_s,
               "--seconds", seconds, "--rate", case.rate]
    if broker.name == "kafka" and case.kafka_flushes:
        options += ["--config", "flush.messages=1"]
    before_s = broker.cpu_s()
    figure = json.loads(brokers.run_program("produce_load", *options))
    figure["cpu_us"] = (broker.cpu_s() - before_s) * 1e6 / max(figure["sent"], 1)
    return figure


def measure_in_turn(running, case, rounds, warm_up_s, seconds):
    """The `rounds` pairs least disturbed by others, as Runs by broker, and the cores that others used in the worst."""
    pairs = []
    while len(pairs) < rounds * ATTEMPTS and sum(pair["others"] <= OTHERS_CORES_MAX for pair in pairs) < rounds:
        machine = brokers.Machine(running)
        pair = {broker.name: measure(broker, case, warm_up_s, seconds) for broker in running}
        pair["others"] = machine.others_cores()
        pairs.append(pair)
    kept = sorted(pairs, key=lambda pair: pair["others"])[:rounds]
    runs = {broker.name: Runs([pair[broker.name] for pair in kept]) for broker in running}
    return runs, kept[-1]["others"]


def ratio_to_kafka(runs, key):
    """Ours to theirs, pair by pair; the median."""
    return statistics.median(a / b for a, b in zip(runs["weir"].values(key), runs["kafka"].values(key)))


def floors(results, has_kafka):
    """(held, text) of each floor whose case was measured. What needs Kafka is skipped without it."""
    found = []
    if "64 on 1" in results:
        rate = results["64 on 1"]["weir"].median("requests_per_s")
        found.append((rate >= 20_000, f"64 producers on one partition: {rate:.0f} requests/s, at least 20000"))
    if not has_kafka:
        return found
    if "64 on 64" in results:
        ratio = ratio_to_kafka(results["64 on 64"], "requests_per_s")
        found.append((ratio >= 1, f"64 producers on 64 partitions: {ratio:.2f} x Kafka's requests/s, at least 1"))
    if "1 on 1" in results:
        ratio = ratio_to_kafka(results["1 on 1"], "p50_us")
        found.append((ratio <= 1, f"one producer: p50 {ratio:.2f} x Kafka's, at most 1"))
    for name in SCHEDULED:
        if name not in results:
            continue
        ratio = ratio_to_kafka(results[name], "p99_us")
        found.append((ratio <= 1, f"{name}: p99 with fsync {ratio:.2f} x Kafka's without, at most 1"))
    return found


def print_table(results, names):
    print()
    print("producers on partitions, one request in flight each (N/s: on a schedule)")
    print(f"{'case':12} {'broker':18} {'requests/s':>24} {'p50 ms':>22} {'p99 ms':>24} {'CPU us/request':>18}")
    for case in CASES:
        if case.name not in results:
            continue
        for name in names:
            runs = results[case.name][name]
            label = name
            if name == "kafka":
                label += " flush.messages=1" if case.kafka_flushes else " (no fsync)"
            print(f"{case.name:12} {label:22} {runs.text('requests_per_s'):>20} {runs.text('p50_us', 1e-3, 2):>22} "
                  f"{runs.text('p99_us', 1e-3, 2):>24} {runs.text('cpu_us'):>18}")
    print("median (lowest-highest) of the runs")
    scheduled = [results[case] for case in SCHEDULED if case in results]
    if scheduled:
        lateness = max(runs[name].median("late_p99_us") for runs in scheduled for name in names)
        print(f"on the schedule requests left up to {lateness / 1000:.2f} ms late (p99), which counts")


def start_brokers(options, work, running):
    """Adds Weir to `running`, and Kafka or nothing, warmed up."""
    running.append(brokers.Weir(work / "weir"))
    if options.no_kafka:
        print("kafka    skipped: --no-kafka")
    else:
        try:
            running.append(brokers.Kafka(kafka_jars.find(), work / "kafka"))
            print(f"kafka    {brokers.Kafka.version()}")
        except kafka_jars.Unavailable as why:
            print(f"kafka    skipped: {why}")
    running[0].start()
    for kafka in running[1:]:
        kafka.format()
        kafka.start()
        warm_up_s = WARM_UP_S / 4 if options.quick else WARM_UP_S
        for producers in (1, 64):
            measure(kafka, Case(f"warm {producers}", producers, producers), 0, warm_up_s / 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short run of each case, under a minute")
    parser.add_argument("--no-kafka", action="store_true", help="measure Weir alone; floors beside Kafka are skipped")
    parser.add_argument("--rounds", type=int, help="runs of each case and broker (default 5, 1 with --quick)")
    parser.add_argument("--seconds", type=float, help="of one run (default 4, 1.5 with --quick)")
    parser.add_argument("--data", help="folder for the data; it decides which disk is measured (default build/)")
    parser.add_argument("--binary", type=pathlib.Path, help="another weir to measure (default build/release/weir)")
    parser.add_argument("--only", action="append", metavar="CASE", choices=[case.name for case in CASES],
                        help=f"this case alone, repeatable: {', '.join(case.name for case in CASES)}")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.only or case.name in options.only]
    brokers.WEIR = options.binary or brokers.WEIR
    rounds = options.rounds or (1 if options.quick else 5)
    seconds = options.seconds or (1.5 if options.quick else 4)
    warm_up_s = 0.5 if options.quick else 1

    with brokers.WorkFolder(options.data) as work:
        brokers.describe_machine(work)
        running, results, others = [], {}, {}
        try:
            start_brokers(options, work, running)
            for case in cases:
                results[case.name], others[case.name] = measure_in_turn(running, case, rounds, warm_up_s, seconds)
        except brokers.Failed as failure:
            brokers.complain(failure)
        finally:
            for broker in running:
                broker.kill()
    print(f"load     {' '.join(f'{load:.2f}' for load in os.getloadavg())} after {rounds} runs of {seconds} s each")
    print_table(results, [broker.name for broker in running])
    print()
    disturbed = [f"{name} ({cores:.1f} cores)" for name, cores in others.items() if cores > OTHERS_CORES_MAX]
    if disturbed:
        print(f"disturbed by other processes, however often repeated: {', '.join(disturbed)}\n")
    verdicts = floors(results, len(running) > 1)
    for held, text in verdicts:
        print(f"{'held ' if held else 'BELOW'}  {text}")
    if len(running) == 1:
        print("skipped  four floors: there is no Kafka to compare with")
    raise SystemExit(0 if all(held for held, _ in verdicts) else 1)


if __name__ == "__main__":
    main()
