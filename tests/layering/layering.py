#!/usr/bin/env python3
"""The checks that keep the arrows pointing one way. Standard library only; rules and allowances are in rules.py.

usage: layering.py [--root DIR] CHECK...     CHECK: arrows targets bans sizes names leaks readme headers
       layering.py --list

Every finding is one line "FILE:LINE: RULE: WHY"; the closing line counts the checks. `headers` compiles each header
alone with the flags of build/dev/compile_commands.json and keeps what passed in WEIR_CHECK_CACHE by content.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rules  # noqa: E402

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
# Comments and string literals; a raw string ends at its own delimiter. Newlines are kept, so line numbers hold.
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
DIGIT_SEPARATOR = re.compile(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])")


class Tree:
    """The files of a checkout, read once."""

    def __init__(self, root):
        self.root = root
        self.sources = self.walk(("src", "tests"), (".h", ".cc"))
        self.texts = {path: self.read(path) for path in self.sources}
        self.files_included = {path: [file for _, _, target in self.includes(path) if (file := self.resolve(target))]
                               for path in self.sources}

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))

    def walk(self, folders, endings):
        found = []
        for folder in folders:
            for place, _, files in os.walk(os.path.join(self.root, folder)):
                found += [os.path.relpath(os.path.join(place, file), self.root) for file in files if file.endswith(endings)]
        return sorted(found)

    def includes(self, path):
        """(line, spelled with "" or <>, target) of each include."""
        text = self.texts[path]
        return [(text.count("\n", 0, match.start(2)) + 1, match[1], match[2]) for match in INCLUDE.finditer(text)]

    def resolve(self, target):
        """An include in quotes -> the file of this tree, or None."""
        for base in ("src", "tests"):
            path = f"{base}/{target}"
            if path in self.texts:
                return path
        return None

    def closure(self, path):
        """The file and every file of this tree that it includes, directly or not."""
        seen, todo = set(), [path]
        while todo:
            current = todo.pop()
            if current not in seen:
                seen.add(current)
                todo += self.files_included[current]
        return sorted(seen)

    def content_key(self, path, extra=""):
        digest = hashlib.sha256(extra.encode())
        for file in self.closure(path):
            digest.update(file.encode() + b"\0" + self.texts[file].encode() + b"\0")
        return digest.hexdigest()


def code_only(text):
    text = DIGIT_SEPARATOR.sub("", text)
    return NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def finding(path, line, rule, why):
    return f"{path}:{line}: {rule}: {why}"


def allowed(rule, path):
    return (rule, path) in rules.ALLOWED or (rule, os.path.splitext(path)[0]) in rules.ALLOWED


# --- arrows ---------------------------------------------------------------------------------------------------------


def read_layers(tree):
    """layers.txt -> {room: allowed rooms}, and what is wrong with the file itself."""
    layers, wrong = {}, []
    for number, line in enumerate(tree.read("src/layers.txt").splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        room, _, allowed_rooms = line.partition(":")
        layers[room.strip()] = allowed_rooms.split()
        for target in allowed_rooms.split():
            if target not in layers:
                wrong.append(finding("src/layers.txt", number, "arrows", f"{room} may include {target}, which stands "
                                     "below it or nowhere: the arrows must not make a circle"))
    return layers, wrong


def room_of(layers, path):
    """src/protocol/schema/x.h -> the longest row that is a folder above it."""
    parts = path.split("/")[1:-1]
    for length in range(len(parts), 0, -1):
        room = "/".join(parts[:length])
        if room in layers:
            return room
    return None


def check_arrows(tree):
    layers, findings = read_layers(tree)
    for path in tree.sources:
        in_src = path.startswith("src/")
        room = room_of(layers, path)
        if in_src and room is None:
            findings.append(finding(path, 1, "arrows", "its folder has no row in src/layers.txt"))
            continue
        for line, mark, target in tree.includes(path):
            file = tree.resolve(target)
            if mark == "<" and file is not None and file.startswith("src/"):
                findings.append(finding(path, line, "arrows", f'a file of the project is included as "{target}"'))
            if not in_src:
                continue
            if mark == '"' and (file is None or not file.startswith("src/")):
                findings.append(finding(path, line, "arrows", f'"{target}" is no file below src/'))
            elif file is not None:
                to = room_of(layers, file)
                if to != room and to not in layers[room]:
                    findings.append(finding(path, line, "arrows", f"{room} may not include {to} (src/layers.txt)"))
            # Who may not use base/async is pure or synchronous, and has no use for Asio either.
            if (target.startswith("boost/asio") and room not in ("net", "base/async")
                    and "base/async" not in layers[room] and not allowed("asio", path)):
                findings.append(finding(path, line, "arrows", f"{room} has no base/async in its row, so no Asio either"))
    return findings


# --- targets --------------------------------------------------------------------------------------------------------

DECLARATION = re.compile(r"\b(weir_module|weir_test)\s*\(\s*([\w.]+)([^)]*)\)")


def declared(text):
    """CMake text -> [(function, name, {keyword: [values]})]"""
    result = []
    text = re.sub(r"#[^\n]*", "", text)
    for function, name, rest in DECLARATION.findall(text):
        groups, current = {}, None
        for word in rest.split():
            if word.isupper():
                current = word
                groups.setdefault(current, [])
            elif current:
                groups[current].append(word)
        result.append((function, name, groups))
    return result


def check_targets(tree):
    layers, findings = read_layers(tree)
    targets, files = {}, {}
    for path in tree.walk(("src",), ("CMakeLists.txt",)):
        text = tree.read(path)
        for function, name, groups in declared(text):
            if function == "weir_module":
                # A program in the module's folder may link more than its library does, within the same arrows.
                linked = re.findall(r"\bweir_(\w+)", " ".join(re.findall(r"target_link_libraries\(([^)]*)\)", text)))
                targets[name] = groups.get("DEPENDS", []) + [other for other in linked if other not in (name, "flags")]
                files[name] = path
    module_of = {room: room.split("/")[0] for room in layers}
    allowed_modules = {}
    for room, others in layers.items():
        allowed_modules.setdefault(module_of[room], set()).update(module_of[other] for other in others)

    def reach(name, seen):
        for other in targets.get(name, []):
            if other not in seen:
                seen.add(other)
                reach(other, seen)
        return seen

    used = {}
    for path in tree.sources:
        room = room_of(layers, path)
        if path.startswith("src/") and room:
            for _, _, target in tree.includes(path):
                to = room_of(layers, tree.resolve(target) or "")
                if to and module_of[to] != module_of[room]:
                    used.setdefault(module_of[room], set()).add(module_of[to])
    for name, depends in sorted(targets.items()):
        if name not in allowed_modules:
            findings.append(finding(files[name], 1, "targets", f"module {name} has no row in src/layers.txt"))
            continue
        for other in depends:
            if other not in allowed_modules[name]:
                findings.append(finding(files[name], 1, "targets", f"{name} DEPENDS {other}, which src/layers.txt refuses"))
        for other in sorted(used.get(name, set()) - reach(name, set())):
            findings.append(finding(files[name], 1, "targets", f"{name} includes {other} but does not depend on it"))
    for name in sorted({module_of[room_of(layers, path)] for path in tree.sources
                        if path.startswith("src/") and room_of(layers, path)} - set(targets)):
        findings.append(finding(f"src/{name}", 1, "targets", "has sources but no weir_module"))
    return findings


# --- bans, sizes, names, leaks, readme --------------------------------------------------------------------------------


def applies(ban, path):
    return path.startswith(ban.where) and not path.startswith(ban.homes or ("\0",)) and not allowed(ban.name, path)


def check_bans(tree):
    findings = []
    for path in tree.sources:
        text = tree.texts[path]
        for line, _, target in tree.includes(path):
            for ban in rules.BANNED_INCLUDES:
                if applies(ban, path) and ban.pattern.search(target):
                    findings.append(finding(path, line, ban.name, f"includes {target}: {ban.reason}"))
        code = code_only(text)
        for bans, searched in ((rules.BANNED_CODE, code), (rules.BANNED_WORDS, text)):
            for ban in bans:
                if applies(ban, path):
                    for match in ban.pattern.finditer(searched):
                        line = searched.count("\n", 0, match.start()) + 1
                        findings.append(finding(path, line, ban.name, f"{match[0].strip()}: {ban.reason}"))
    return findings


def check_sizes(tree):
    findings = []
    for path in tree.sources:
        lines, ceiling = tree.texts[path].count("\n"), rules.HEADER_LINES_MAX
        if path.endswith(".cc"):
            ceiling = rules.SOURCE_LINES_MAX
        if lines > ceiling and path not in rules.LONG_TABLES:
            findings.append(finding(path, lines, "sizes", f"{lines} lines, the ceiling is {ceiling}: split it by noun"))
    for path in rules.LONG_TABLES:
        if not tree.exists(path):
            findings.append(finding("tests/layering/rules.py", 1, "sizes", f"{path} is gone: take its line out"))
    return findings


def check_names(tree):
    findings = []
    for path in tree.sources:
        stem = os.path.splitext(os.path.basename(path))[0]
        if not re.fullmatch(r"[a-z0-9_]+", stem):
            findings.append(finding(path, 1, "name", "files are snake_case"))
        if rules.EMPTY_NAMES.search(stem) and not allowed("name", path):
            findings.append(finding(path, 1, "name", f"'{stem}' says nothing about what is inside"))
        if path.endswith(".h"):
            lines = tree.texts[path].splitlines() or [""]
            code = [line for line in lines if line.strip() and not line.startswith("//")]
            if not code or code[0] != "#pragma once":
                findings.append(finding(path, 1, "name", "the first line that is no comment is #pragma once"))
            if not lines[0].startswith("// "):
                findings.append(finding(path, 1, "name", "a header opens with what it is for"))
    for rule, path in rules.ALLOWED:
        if not any(tree.exists(path + ending) for ending in ("", ".h", ".cc")):
            findings.append(finding("tests/layering/rules.py", 1, rule, f"{path} is gone: take its line out"))
    return findings


def tracked_files(tree):
    """What belongs to the project: by git where there is one, else everything but build/ and hidden folders."""
    if shutil.which("git"):
        listed = subprocess.run(["git", "-C", tree.root, "ls-files", "-co", "--exclude-standard"], capture_output=True,
                                text=True, check=False)
        if listed.returncode == 0:
            return [path for path in listed.stdout.splitlines() if tree.exists(path)]
    found = []
    for place, folders, files in os.walk(tree.root):
        folders[:] = [folder for folder in folders if folder not in ("build", ".git", "weir-data", "__pycache__")]
        found += [os.path.relpath(os.path.join(place, file), tree.root) for file in files]
    return sorted(found)


def check_leaks(tree):
    findings = []
    for path in tracked_files(tree):
        if os.path.getsize(os.path.join(tree.root, path)) > 4 << 20 or path.startswith("tests/layering/"):
            continue
        for number, line in enumerate(tree.read(path).splitlines(), 1):
            for pattern in (rules.MACHINE_PATHS, rules.REGISTRY_HOSTS):
                match = pattern.search(line)
                if match:
                    findings.append(finding(path, number, "leak", f"{match[0]} belongs to one machine"))
    return findings


def check_readme(tree):
    if not tree.exists("src/README.md"):
        return [finding("src/README.md", 1, "readme", "is missing")]
    text = tree.read("src/README.md")
    modules = sorted({path.split("/")[1] for path in tree.sources if path.startswith("src/") and path.count("/") > 1})
    findings = [finding("src/README.md", 1, "readme", f"does not name module `{module}`")
                for module in modules if f"`{module}`" not in text]
    for target in re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.(?:h|cc))`", text):
        if not tree.exists(f"src/{target}") and not tree.exists(target):
            findings.append(finding("src/README.md", 1, "readme", f"names {target}, which is not there"))
    for path in [path for path in tracked_files(tree) if path.endswith(".md")]:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", tree.read(path)):
            if not tree.exists(os.path.join(os.path.dirname(path), target)):
                findings.append(finding(path, 1, "readme", f"links to {target}, which is not there"))
    return findings


# --- headers ----------------------------------------------------------------------------------------------------------


def compile_commands(tree):
    with open(os.path.join(tree.root, "build/dev/compile_commands.json"), encoding="utf-8") as file:
        return json.load(file)


def compiled_units(tree):
    """The sources of this tree that preset dev compiles; what the build generates is not among them."""
    found = {os.path.relpath(os.path.join(tree.root, command["file"]), tree.root) for command in compile_commands(tree)}
    return sorted(found & set(tree.texts))


def compile_flags(tree):
    """{folder of a unit: its flags without compiler cache, input and output}, from the dev preset."""
    flags = {}
    for command in compile_commands(tree):
        words = shlex.split(command["command"])
        if os.path.basename(words[0]) == "ccache":
            words = words[1:]
        kept, skip = [words[0]], False
        for word in words[1:]:
            if skip or word in ("-c", command["file"]):
                skip = False
            elif word == "-o":
                skip = True
            else:
                kept.append(word)
        folder = os.path.relpath(os.path.dirname(os.path.join(tree.root, command["file"])), tree.root)
        flags.setdefault(folder, kept)
    return flags


# What a module's CMake file makes for the tests (every_request.h).
GENERATED = "build/dev/src/protocol/generated"


def check_headers(tree):
    if not tree.exists("build/dev/compile_commands.json"):
        return [finding("build/dev/compile_commands.json", 1, "headers", "is missing: ./dev build dev")]
    flags = compile_flags(tree)
    cache = os.environ.get("WEIR_CHECK_CACHE") or os.path.join(tree.root, "build/check-cache")
    os.makedirs(cache, exist_ok=True)
    version = subprocess.run(["clang++-19", "--version"], capture_output=True, text=True, check=True).stdout

    def flags_for(path):
        parts = os.path.dirname(path).split("/")
        for length in range(len(parts), 0, -1):
            folder = "/".join(parts[:length])
            below = [known for known in flags if known == folder or known.startswith(folder + "/")]
            if below:
                return flags[min(below, key=len)]
        return next(iter(flags.values()))

    def compile_alone(path):
        words = flags_for(path)
        relative = [word.replace(tree.root, ".") for word in words]
        stamp = os.path.join(cache, "header-" + tree.content_key(path, version + " ".join(relative)))
        if os.path.exists(stamp):
            return None
        spelled = path.split("/", 1)[1]
        run = subprocess.run(words + ["-Isrc", "-Itests", f"-I{GENERATED}", "-fsyntax-only", "-x", "c++", "-"],
                             input=f'#include "{spelled}"\n', text=True, capture_output=True, cwd=tree.root, check=False)
        if run.returncode == 0:
            with open(stamp, "w", encoding="utf-8"):
                return None
        first = next((line for line in run.stderr.splitlines() if "error:" in line), run.stderr[:200])
        return finding(path, 1, "headers", f"does not compile alone: {first.replace(tree.root + '/', '')}")

    headers = [path for path in tree.sources if path.endswith(".h")]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        return [result for result in pool.map(compile_alone, headers) if result]


CHECKS = {"arrows": check_arrows, "targets": check_targets, "bans": check_bans, "sizes": check_sizes,
          "names": check_names, "leaks": check_leaks, "readme": check_readme, "headers": check_headers}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("checks", nargs="*", choices=[[], *CHECKS])
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(CHECKS))
        return 0
    tree = Tree(os.path.abspath(arguments.root))
    failed = 0
    names = arguments.checks or list(CHECKS)
    for name in names:
        findings = CHECKS[name](tree)
        for line in findings[:200]:
            print(line)
        if findings:
            failed += 1
            print(f"failed: layering {name}: {len(findings)} findings")
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
