"""What layering.py enforces beyond src/layers.txt, and what is let off, each with its reason."""
import re
from typing import NamedTuple

HEADER_LINES_MAX = 300
SOURCE_LINES_MAX = 800

# Files past a ceiling because they are one table of data.
LONG_TABLES = {}


class Ban(NamedTuple):
    name: str
    pattern: re.Pattern
    where: tuple  # path prefixes that are searched
    homes: tuple  # path prefixes where it belongs
    reason: str


def ban(name, pattern, reason, where=("src/",), homes=()):
    return Ban(name, re.compile(pattern), where, homes, reason)


EVERYWHERE = ("src/", "tests/")
POSIX_FILES = "storage/posix_* is the one place that touches files; everything else goes through storage/fs.h"

# Includes, matched against the text between the brackets or quotes.
BANNED_INCLUDES = [
    ban("asio.hpp", r"^boost/asio\.hpp$", "costs 3 s a unit: include the one header that is needed",
        where=EVERYWHERE, homes=("src/net/", "src/base/async/")),
    ban("asio-in-a-handler", r"^boost/asio/(?!awaitable\.hpp$)", "a handler needs boost/asio/awaitable.hpp only",
        where=("src/api/",)),
    ban("spdlog", r"^spdlog/", "log through base/log.h", where=EVERYWHERE, homes=("src/base/log.cc",)),
    ban("gmock", r"^gmock/", "costs seconds a unit: write a double of the interface", where=EVERYWHERE),
    ban("file-headers", r"^(fcntl\.h|sys/(uio|mman|stat|statvfs|file)\.h|linux/.*|fstream)$", POSIX_FILES,
        homes=("src/storage/posix_",)),
    ban("random", r"^random$", "randomness is a parameter: base/random.h", where=("src/",),
        homes=("src/base/random.",)),
    ban("iostream", r"^iostream$", "static initialisers in every unit: fmt::print or base/log.h",
        homes=("src/cli/",)),
    ban("relative", r"^\.\.?/", "include from the root: \"module/file.h\"", where=EVERYWHERE),
]

# Calls and names, matched against code without comments and string literals.
BANNED_CODE = [
    ban("clock", r"\b(system_clock|steady_clock|high_resolution_clock)\s*::\s*now\b|\b(clock_gettime|gettimeofday)\s*\(",
        "time is a parameter: base/clock.h", where=EVERYWHERE, homes=("src/base/clock.cc",)),
    ban("sleep", r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(",
        "wait for the event, or step a manual clock", where=EVERYWHERE),
    ban("rand", r"(?<![\w.>])s?rand\s*\(|\bstd::random_device\b|\b(getrandom|getentropy)\s*\(",
        "randomness is a parameter: base/random.h; in a test support/seed.h, which prints the seed", where=EVERYWHERE, homes=("src/base/random.cc",)),
    ban("detached", r"\bdetached\b|\.\s*detach\s*\(", "TaskGroup starts what nobody awaits", where=EVERYWHERE),
    # A closure that owns nothing is harmless: [this], [&], [&name].
    ban("awaited-temporary", r"\bco_await\b[^;{}]*[(,]\s*(?:\[(?!(?:\s*(?:this|&\w*)\s*,?)+\])\w|(?:[\w:]+\s*)?\{\s*\.)",
        "g++-12 destroys a closure or an aggregate twice that is written inside a co_await: name it in a statement before",
        where=EVERYWHERE),
    ban("range-of-temporary", r"\bfor\s*\([^;()]*[^;():]:(?!:)(?:[^();{}]*\((?:[^()]|\([^()]*\))*\)(?:->|\.)\w+\(|\s*\*[^();{}]+\()",
        "only C++23 compilers that have P2718 (Clang 19, not g++-12) keep the first call's result alive: name it before",
        where=EVERYWHERE),
    ban("thread", r"\bstd::j?thread\b(?!\s*::)", "threads are started in base/async only", homes=("src/base/async/",)),
    ban("file-calls", r"(?<![\w>])::\s*(open|openat|creat|read|write|pread|preadv2?|pwrite|pwritev2?|lseek|fsync|fdatasync|"
        r"ftruncate|fallocate|posix_fallocate|posix_fadvise|rename|unlink|mkdir|rmdir|mmap)\s*\(", POSIX_FILES,
        homes=("src/storage/posix_",)),
    ban("filesystem", r"\bstd::filesystem::(?!path\b)\w+", POSIX_FILES, homes=("src/storage/posix_",)),
    ban("mutex", r"\bstd::(\w*mutex|lock_guard|unique_lock|scoped_lock|condition_variable\w*|counting_semaphore|latch)\b",
        "state has one owner; a lock outside base needs its line in the ownership table of src/README.md and here",
        homes=("src/base/",)),
    ban("atomic-shared-ptr", r"\bstd::atomic\s*<\s*std::shared_ptr", "ThreadSanitizer reports it: base/published.h",
        where=EVERYWHERE),
    ban("assert", r"(?<![\w.])assert\s*\(", "CHECK (base/check.h), which is always on", where=EVERYWHERE),
]

# Words in any text of a source file, comments included.
BANNED_WORDS = [
    ban("unfinished", r"\b(TODO|FIXME|XXX|HACK)\b", "finish it, or file it", where=EVERYWHERE),
    ban("nolint", r"\bNOLINT(NEXTLINE|BEGIN)?\b(?!\([\w.,-]+\): \S)", "say which check and why: NOLINT(check): reason",
        where=EVERYWHERE),
]

# A file name that says nothing about what is inside.
EMPTY_NAMES = re.compile(r"^(utils?|helpers?|common|impl|managers?|misc|stuff)$|_(utils?|impl|manager|2)$")

# (rule, path with or without its ending) -> why it may.
ALLOWED = {
    ("name", "src/base/async/helpers"): "helper threads are what the design calls them",
    ("asio", "src/metadata/controller.h"): "a port: every change is an awaited command",
    ("asio", "src/metadata/metadata_log.h"): "a port: an append is awaited until it is committed",
    ("file-headers", "src/config/loader.cc"): "reads the settings before there is a file system to be given",
    ("file-headers", "src/net/listener.cc"): "keeps a spare descriptor, to refuse a connection when none is left",
    ("file-calls", "src/net/listener.cc"): "as above: it opens /dev/null",
    ("file-headers", "src/net/response_order.cc"): "iovec, to send from several pieces",
    ("thread", "src/broker/server.cc"): "one thread a shard, from start to stop",
    ("mutex", "src/base/memory_budget"): "one budget for the connections of all shards",
    ("mutex", "src/storage/segment"): "index entries not yet on disk and what is proved: changed by one, searched by many",
    ("mutex", "src/storage/open_segments"): "any thread opens a segment, and closes another for it",
    ("mutex", "src/storage/recent_pages"): "one budget for what the logs of all shards have written",
    ("mutex", "src/storage/posix_fs"): "one spare descriptor, lent to one directory sync at a time",
}

# Whatever names one machine: absolute paths below the folders where people keep their work, and package registries.
MACHINE_PATHS = re.compile(r"(?<![\w.$}~*-])/(?:work|root|home/[a-z][\w-]*|Users/\w+)/[\w.]")
REGISTRY_HOSTS = re.compile(r"https?://(?:[\w-]+\.)*(?:registry|repo\d*|deb|proxy|mirrors?|pypi|npmjs|maven\d*|crates|"
                            r"artifactory|index)\.[\w.-]+", re.I)
