"""What lies in a log directory, read without anybody's help: the batches of every partition, byte by byte."""
import hashlib
import os
import re
import struct

PARTITION = re.compile(r"^(?P<topic>[a-zA-Z0-9._-]+)-(?P<partition>\d+)$")
SEGMENT = re.compile(r"^(\d{20})\.log$")
SNAPSHOT = re.compile(r"^(\d{20})-\d{10}\.checkpoint$")
TOPIC_ID = re.compile(r"^topic_id: (\S+)$", re.M)
METADATA = "__cluster_metadata-0"
HEADER = struct.Struct(">qiibI")  # base offset, length, leader epoch, magic, CRC


def whole_batches(content):
    """(first offset, begin, end) of each batch, up to the first thing that is no whole one: Kafka's and Weir's active
    segments may end in reserved zeros."""
    at = 0
    while at + HEADER.size <= len(content):
        first, length, _, magic, _ = HEADER.unpack_from(content, at)
        end = at + 12 + length
        if length <= HEADER.size or magic != 2 or end > len(content):
            return
        yield first, at, end
        at = end


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def batches_of(path):
    """(first offset, SHA-256 of the batch's bytes)."""
    content = read_file(path)
    return [(first, hashlib.sha256(content[begin:end]).hexdigest()) for first, begin, end in whole_batches(content)]


def ends_in_zeros(path):
    """Whether there is nothing but zeros behind the last whole batch, and some of them."""
    content = read_file(path)
    end = max((end for _, _, end in whole_batches(content)), default=0)
    return end < len(content) and not any(content[end:])


def metadata_snapshots(data):
    """Names of the whole snapshots of the metadata log, the oldest first."""
    return sorted(name for name in os.listdir(os.path.join(data, METADATA)) if SNAPSHOT.match(name))


def trim_metadata(data):
    """Drops what the newest snapshot stands for, as Kafka's own retention does: older snapshots, and every segment that
    ends at or below it. Where the log begins then."""
    path = os.path.join(data, METADATA)
    *older, newest = metadata_snapshots(data)
    for name in older:
        os.unlink(os.path.join(path, name))
    end = int(SNAPSHOT.match(newest)[1])
    bases = sorted(int(match[1]) for name in os.listdir(path) if (match := SEGMENT.match(name)))
    gone = [base for base, following in zip(bases, bases[1:]) if following <= end]
    for name in os.listdir(path):
        if not SNAPSHOT.match(name) and any(name.startswith(f"{base:020d}.") for base in gone):
            os.unlink(os.path.join(path, name))
    return metadata_start(data)


def metadata_start(data):
    """Where the metadata log begins."""
    return min(int(match[1]) for name in os.listdir(os.path.join(data, METADATA)) if (match := SEGMENT.match(name)))


class Partition:
    def __init__(self, path):
        self.path = path
        self.batches = []  # by offset
        self.segments = sorted(name for name in os.listdir(path) if SEGMENT.match(name))
        for segment in self.segments:
            self.batches += batches_of(os.path.join(path, segment))
        metadata = os.path.join(path, "partition.metadata")
        self.topic_id = None
        if os.path.exists(metadata):
            with open(metadata, encoding="ascii") as file:
                self.topic_id = TOPIC_ID.search(file.read()).group(1)


def read(data):
    """Partition directories by name, the metadata log among them."""
    return {name: Partition(os.path.join(data, name)) for name in sorted(os.listdir(data))
            if PARTITION.match(name) and os.path.isdir(os.path.join(data, name))}


def lost(before, after, deleted_topics=()):
    """What the directory held before and does not hold unchanged after; empty: only more was written."""
    problems = []
    for name, old in before.items():
        if PARTITION.match(name)["topic"] in deleted_topics:
            continue
        new = after.get(name)
        if new is None:
            problems.append(f"{name}: gone")
        elif old.topic_id is not None and new.topic_id != old.topic_id:
            problems.append(f"{name}: topic id {old.topic_id} became {new.topic_id}")
        elif new.batches[:len(old.batches)] != old.batches:
            same = next((i for i, (a, b) in enumerate(zip(old.batches, new.batches)) if a != b),
                        min(len(old.batches), len(new.batches)))
            problems.append(f"{name}: batch at offset {old.batches[same][0]} changed or gone "
                            f"({len(old.batches)} batches became {len(new.batches)})")
    return problems
