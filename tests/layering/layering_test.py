#!/usr/bin/env python3
"""Every check of layering.py passes a small good tree and refuses the same tree with one thing wrong."""
import contextlib
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layering  # noqa: E402
import rules  # noqa: E402

GOOD = {
    "src/layers.txt": "base:\nbase/async: base\nmodel: base\nstorage: model base\nnet: base base/async\n"
                      "api: storage model base base/async\n",
    "src/README.md": "`base` `model` `storage` `net` `api`, by way of `storage/log.h`\n",
    "src/base/CMakeLists.txt": "weir_module(base SOURCES clock.cc)\n",
    "src/base/clock.h": "// Time.\n#pragma once\n",
    "src/base/clock.cc": '#include "base/clock.h"\nauto now() { return std::chrono::system_clock::now(); }\n',
    "src/base/async/shard.h": '// A thread.\n#pragma once\n#include <boost/asio.hpp>\nstd::thread thread_;\n',
    "src/model/CMakeLists.txt": "weir_module(model SOURCES ids.cc DEPENDS base)\n",
    "src/model/ids.h": '// Ids; never a system_clock::now() here.\n#pragma once\n#include "base/clock.h"\n',
    "src/model/ids.cc": '#include "model/ids.h"\nconst char* text = "std::mutex // rand()";\nint n = 1\'000;\n',
    "src/storage/CMakeLists.txt": "weir_module(storage\n  SOURCES log.cc  # the log\n  DEPENDS model base)\n",
    "src/storage/log.h": '// The log.\n#pragma once\n#include "model/ids.h"\n',
    "src/storage/log.cc": '#include "storage/log.h"\nbool read() { return file->pread(1) && file.open(2); }\n',
    "src/storage/read.cc": "co_await run_on(*shards[i], [this, &x] { return y[i]; }, {});\n",
    "src/storage/walk.cc": "for (const auto& x : *found) f(x);\nfor (const auto& x : raw_) take(x, last.find(x)->second());\nfor (int i : list(a.b())) f();\n",
    "src/storage/posix_fs.cc": '#include <fcntl.h>\nint fd = ::open("x", 0);\n',
    "src/net/CMakeLists.txt": "weir_module(net SOURCES listener.cc DEPENDS base)\n",
    "src/net/listener.cc": '#include "base/async/shard.h"\nstd::thread::id id;\n',
    "src/api/CMakeLists.txt": "weir_module(api SOURCES fetch.cc DEPENDS storage)\n",
    "src/api/fetch.cc": '#include <boost/asio/awaitable.hpp>\n\n#include "storage/log.h"\n',
    "tests/unit/log_test.cc": '#include "storage/log.h"\n',
    "docs/a.md": "[the map](../src/README.md#arrows), [the name](https://example.org/weir)\n",
}

# check -> {what is wrong: {file: content}}
BAD = {
    "arrows": {
        "an arrow upwards": {"src/model/ids.cc": '#include "storage/log.h"\n'},
        "an arrow into a room": {"src/storage/log.cc": '#include "base/async/shard.h"\n'},
        "a circle": {"src/layers.txt": "base: model\n" + GOOD["src/layers.txt"].split("\n", 1)[1]},
        "a folder without a row": {"src/query/plan.cc": "int x;\n"},
        "an include of nothing": {"src/model/ids.cc": '#include "model/gone.h"\n'},
        "an include of a test": {"tests/support/fake.h": "// Fake.\n#pragma once\n",
                                 "src/model/ids.cc": '#include "support/fake.h"\n'},
        "the wrong brackets": {"tests/unit/log_test.cc": "#include <storage/log.h>\n"},
        "asio in a synchronous module": {"src/storage/log.cc": "#include <boost/asio/post.hpp>\n"},
    },
    "targets": {
        "a dependency upwards": {"src/model/CMakeLists.txt": "weir_module(model SOURCES ids.cc DEPENDS base storage)\n"},
        "an include without a dependency": {"src/storage/CMakeLists.txt": "weir_module(storage SOURCES log.cc)\n"},
        "a module without a row": {"src/query/CMakeLists.txt": "weir_module(query SOURCES plan.cc)\n"},
        "sources without a module": {"src/model/CMakeLists.txt": "\n"},
    },
    "bans": {
        "the clock": {"src/storage/log.cc": "auto t = std::chrono::steady_clock::now();\n"},
        "the clock in a test": {"tests/unit/log_test.cc": "auto t = std::chrono::steady_clock::now();\n"},
        "a sleep in a test": {"tests/unit/log_test.cc": "void f() { std::this_thread::sleep_for(1s); }\n"},
        "an owning closure in a co_await": {"src/storage/log.cc": "auto x = co_await run_on(\n  here, [view] { f(); });\n"},
        "the same by move": {"src/storage/log.cc": "co_await run_on(here, [this, held = std::move(view)] { f(); });\n"},
        "an aggregate in a co_await": {"src/storage/log.cc": "co_await decide(Command{.name = name});\n"},
        "a loop over what a temporary holds": {"src/storage/log.cc": "for (const auto& x : *fs->list(path)) f(x);\n"},
        "a loop over a part of a temporary": {"src/storage/log.cc": "for (const auto& x : map()->topics()) f(x);\n"},
        "rand": {"src/model/ids.cc": "int x = rand();\n"},
        "random_device": {"src/model/ids.cc": "std::random_device device;\n"},
        "detached": {"src/net/listener.cc": "co_spawn(a, b, boost::asio::detached);\n"},
        "a thread": {"src/net/listener.cc": "std::thread worker(run);\n"},
        "a lock": {"src/net/listener.cc": "std::mutex mutex_;\n"},
        "asio.hpp": {"src/api/fetch.cc": "#include <boost/asio.hpp>\n"},
        "asio in a handler": {"src/api/fetch.cc": "#include <boost/asio/post.hpp>\n"},
        "spdlog": {"src/net/listener.cc": "#include <spdlog/spdlog.h>\n"},
        "iostream": {"src/model/ids.cc": "#include <iostream>\n"},
        "the standard generators": {"src/model/ids.cc": "#include <random>\n"},
        "a relative include": {"src/model/ids.cc": '#include "../base/clock.h"\n'},
        "gmock": {"tests/unit/log_test.cc": "#include <gmock/gmock.h>\n"},
        "a file call": {"src/storage/log.cc": "int fd = ::open(path, 0);\n"},
        "fsync": {"src/net/listener.cc": "if (::fdatasync(fd) != 0) return;\n"},
        "file headers": {"src/storage/log.cc": "#include <fcntl.h>\n"},
        "file system calls": {"src/storage/log.cc": "std::filesystem::remove_all(path);\n"},
        "assert": {"src/model/ids.cc": "void f(int x) { assert(x); }\n"},
        "atomic shared_ptr": {"src/model/ids.cc": "std::atomic<std::shared_ptr<int>> p;\n"},
        "unfinished work": {"src/model/ids.cc": "// TO" + "DO: the rest\n"},
        "a lint exemption without a reason": {"src/model/ids.cc": "int x;  // NOLINT\n"},
    },
    "sizes": {
        "a long header": {"src/model/ids.h": "// Ids.\n" * (rules.HEADER_LINES_MAX + 1)},
        "a long source": {"src/model/ids.cc": "\n" * (rules.SOURCE_LINES_MAX + 1)},
    },
    "names": {
        "an empty name": {"src/model/id_utils.h": "// Ids.\n#pragma once\n"},
        "a capital": {"src/model/Ids2.cc": "\n"},
        "no pragma": {"src/model/ids.h": "// Ids.\nint x;\n"},
        "no purpose": {"src/model/ids.h": "#pragma once\n"},
    },
    "leaks": {
        "a path": {"docs/a.md": "see /ho" + "me/anna/weir for it\n"},
        "a registry": {"docs/a.md": "from https://regis" + "try.example.org/x\n"},
    },
    "readme": {
        "a module left out": {"src/README.md": "`base` `model` `storage` `net`\n"},
        "a file that is gone": {"src/README.md": GOOD["src/README.md"] + "`storage/journal.cc`\n"},
        "no readme": {"src/README.md": None},
        "a link to nothing": {"docs/a.md": "[there](../src/gone.md)\n"},
    },
    "headers": {
        "a header that needs another first": {"src/model/ids.h": "// Ids.\n#pragma once\nstd::string name;\n"},
    },
}


@contextlib.contextmanager
def tree_of(files):
    with tempfile.TemporaryDirectory() as root:
        for path, content in files.items():
            if content is not None:
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(content)
        yield root


def compilable(files):
    """For `headers`: what this compiler can read, and how."""
    files = {path: content for path, content in files.items() if "async" not in path}
    files["build/dev/compile_commands.json"] = json.dumps(
        [{"file": "x.cc", "command": "ccache clang++-19 -std=c++23 -Isrc -o x.o -c x.cc"}])
    return files


class Layering(unittest.TestCase):
    def setUp(self):
        os.environ.pop("WEIR_CHECK_CACHE", None)
        rules.ALLOWED.clear()

    def findings(self, check, files):
        with tree_of(compilable(files) if check == "headers" else files) as root:
            return layering.CHECKS[check](layering.Tree(root))

    def test_good_tree_passes(self):
        for check in layering.CHECKS:
            with self.subTest(check):
                self.assertEqual(self.findings(check, GOOD), [])

    def test_each_bad_tree_is_refused(self):
        for check, cases in BAD.items():
            for name, change in cases.items():
                with self.subTest(f"{check}: {name}"):
                    self.assertNotEqual(self.findings(check, {**GOOD, **change}), [])

    def test_every_check_and_ban_has_a_bad_tree(self):
        self.assertEqual(set(BAD), set(layering.CHECKS))
        refused = "\n".join(line for change in BAD["bans"].values() for line in self.findings("bans", {**GOOD, **change}))
        for ban in rules.BANNED_INCLUDES + rules.BANNED_CODE + rules.BANNED_WORDS:
            self.assertIn(f": {ban.name}: ", refused)

    def test_an_allowance_lets_one_file_off(self):
        files = {**GOOD, "src/net/listener.cc": "std::mutex mutex_;\n", "src/net/other.cc": "std::mutex mutex_;\n"}
        rules.ALLOWED[("mutex", "src/net/listener.cc")] = "its reason"
        self.assertEqual([line.split(":")[0] for line in self.findings("bans", files)], ["src/net/other.cc"])

    def test_findings_name_the_line(self):
        source = '/* two\nlines */ const char* s = R"(rand()\n)";\nint x = rand();\n'
        self.assertIn("src/model/ids.cc:4: rand", self.findings("bans", {**GOOD, "src/model/ids.cc": source})[0])

    def test_headers_that_passed_are_not_compiled_again(self):
        with tree_of(compilable(GOOD)) as root:
            tree = layering.Tree(root)
            self.assertEqual(layering.check_headers(tree), [])
            kept = set(os.listdir(os.path.join(root, "build/check-cache")))
            tree.texts["src/base/clock.h"] += "int x = missing;\n"
            with open(os.path.join(root, "src/base/clock.h"), "a", encoding="utf-8") as file:
                file.write("int x = missing;\n")
            self.assertEqual(len(layering.check_headers(tree)), 3)  # it, and the two that include it
            self.assertEqual(set(os.listdir(os.path.join(root, "build/check-cache"))), kept)


if __name__ == "__main__":
    unittest.main()
