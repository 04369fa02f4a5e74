#!/usr/bin/env python3
"""Holds src/ to its layers: check_layers.py [ROOT]

Reads ROOT/docs/layers.txt and every file under ROOT/src, prints a line for each breach, and exits
with 1 when there is one. The rules:
- A file includes its own layer and the layers its row names. A test may include any lower layer,
  and src/testing, which nothing else may.
- Only src/gpu sees the headers of WebGPU.
- Only src/cli writes to the terminal or ends the program (and base/check.cpp, which does both when
  a promise of ours is broken).
"""

import dataclasses
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
WEBGPU = re.compile(r"(webgpu|dawn)/")
# Comments and literals of C++, in which words mean nothing; an include is read before they go.
NOT_CODE = re.compile(
    r"//[^\n]*|/\*.*?\*/|R\"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)\"|\"(?:\\.|[^\"\\\n])*\""
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.DOTALL,
)
TERMINAL = re.compile(
    r"\bstd::(?:cout|cerr)\b|\bfmt::print(?:ln)?\s*\("
    r"|(?<![.>\w])(?:printf|fprintf|puts|putchar|exit|_Exit)\s*\("
)
MAY_USE_TERMINAL = ("cli/", "base/check.cpp")


@dataclasses.dataclass(frozen=True)
class Layer:
    rank: int
    folder: str
    may_include: frozenset


def read_layers(path):
    """folder → Layer, and the breaches of the table itself"""
    layers = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = line.partition("#")[0].strip()
        if row:
            head, _, names = row.partition(":")
            rank, folder = head.split()
            layers[folder] = Layer(int(rank), folder, frozenset(names.split()))
    return layers, list(table_breaches(layers))


def table_breaches(layers):
    for layer in layers.values():
        for name in sorted(layer.may_include):
            if name not in layers:
                yield f"docs/layers.txt: '{layer.folder}' names '{name}', which has no row."
            elif not (layers[name].rank < layer.rank or layer.folder.startswith(name + "/")):
                yield f"docs/layers.txt: '{layer.folder}' names '{name}', which is not below it."


def layer_of(path, layers):
    """The layer whose folder holds `path` most closely, or None."""
    parents = [parent.as_posix() for parent in pathlib.PurePosixPath(path).parents]
    return next((layers[parent] for parent in parents if parent in layers), None)


def is_test(path):
    return path.endswith("_test.cpp")


def may_include(path, layer, other):
    if other is layer or other.folder in layer.may_include:
        return True
    return is_test(path) and other.rank < layer.rank


def include_breaches(path, text, layer, layers):
    for quote, name in INCLUDE.findall(text):
        other = layer_of(name, layers) if quote == '"' else None
        if WEBGPU.match(name):
            if layer.folder != "gpu":
                yield f"src/{path}: includes '{name}', which only src/gpu may."
        elif name.startswith("testing/"):
            if not is_test(path) and layer.folder != "testing":
                yield f"src/{path}: includes '{name}', which only tests may."
        elif quote == '"' and other is None:
            yield f"src/{path}: includes '{name}', which does not start at a layer's folder."
        elif other and not may_include(path, layer, other):
            yield f"src/{path}: '{layer.folder}' may not include '{name}' ('{other.folder}')."


def terminal_breaches(path, text):
    if path.startswith(MAY_USE_TERMINAL):
        return
    for match in TERMINAL.finditer(NOT_CODE.sub(" ", text)):
        yield f"src/{path}: '{match[0].rstrip('( ')}' belongs in src/cli."


def breaches(root):
    layers, found = read_layers(root / "docs" / "layers.txt")
    for file in sorted((root / "src").rglob("*")):
        if file.suffix not in (".h", ".cpp"):
            continue
        path = file.relative_to(root / "src").as_posix()
        text = file.read_text(encoding="utf-8")
        layer = layer_of(path, layers)
        if layer is None:
            found.append(f"src/{path}: lies in no layer of docs/layers.txt.")
            continue
        found += include_breaches(path, text, layer, layers)
        found += terminal_breaches(path, text)
    return found


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent
    found = breaches(root.resolve())
    print("\n".join(found) or "Every include goes down.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
