#!/usr/bin/env python3
"""Puts the WGSL files of kernels into the program.

    wgsl_embed.py OUT FILE.wgsl...

writes OUT/kernels/gen/NAME.wgsl.h for each file that has a `struct Params` (the same struct for C++),
and OUT/wgsl_files.cpp: the table of all files with what their comments and bindings say. A file's name
is unique, whatever its folder. It may say, in comments at any place before its first declaration:

    //! import: NAME       the file NAME.wgsl comes before this one
    //! enable: NAME       an extension that it needs: f16, subgroups, ...
    //! diagnostic_off: NAME
"""

import pathlib
import re
import sys

CPP_TYPES = {"u32": "uint32_t", "i32": "int32_t", "f32": "float"}
MAX_PARAMS_BYTES = 64
MAX_LITERAL = 8000  # a C++ compiler need not take longer ones; they are joined


class WgslError(Exception):
    pass


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def directives(text, name):
    values = re.findall(rf"^//! {name}: *(.*?) *$", text, flags=re.MULTILINE)
    for value in values:
        if re.fullmatch(r"[\w.]+", value) is None:
            raise WgslError(f"'{value}' is not one name to {name}")
    return values


def bindings(text):
    """(number, is it written) of each storage binding, in order of number."""
    found = re.findall(
        r"@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read|read_write)>",
        without_comments(text),
    )
    return sorted((int(number), access == "read_write") for number, access in found)


def params(text):
    """(type, name, comment) of each member of `struct Params`, or None."""
    match = re.search(r"^struct Params \{(.*?)\}", text, flags=re.MULTILINE | re.DOTALL)
    if match is None:
        return None
    body = re.sub(r"^\s*//[^\n]*", "", match[1], flags=re.MULTILINE)
    members = []
    for name, kind, comment in re.findall(r"(\w+)\s*:\s*([^,/\n]+),?[ \t]*(//[^\n]*)?", body):
        if kind.strip() not in CPP_TYPES:
            raise WgslError(f"'{name}' of Params is a {kind.strip()}; u32, i32 and f32 are known")
        members.append((CPP_TYPES[kind.strip()], name, comment))
    if 4 * len(members) > MAX_PARAMS_BYTES:
        raise WgslError(f"Params has {4 * len(members)} bytes; {MAX_PARAMS_BYTES} is the most")
    return members


def camel(name):
    return "".join(part.capitalize() for part in name.split("_"))


def params_header(name, members):
    lines = [f"  {kind} {member};{'  ' + comment if comment else ''}" for kind, member, comment in members]
    return "\n".join(
        [
            f"// Made by tools/wgsl_embed.py from {name}.wgsl.",
            "#pragma once",
            "",
            "#include <cstdint>",
            "",
            "namespace weft::kernels {",
            f"struct {camel(name)}Params {{",
            *lines,
            "};",
            f"static_assert(sizeof({camel(name)}Params) == {4 * len(members)});",
            "}  // namespace weft::kernels",
            "",
        ]
    )


def literal(text):
    pieces = [text[i : i + MAX_LITERAL] for i in range(0, len(text), MAX_LITERAL)]
    return " ".join(f'R"wgsl({piece})wgsl"' for piece in pieces)


def names(values):
    return "{" + ", ".join(f'"{value}"' for value in values) + "}"


def table_entry(name, text):
    members = params(text)
    numbers = ", ".join(f"{{{number}, {str(written).lower()}}}" for number, written in bindings(text))
    return f"""    {{.name = "{name}",
     .text = {literal(text)},
     .imports = {names(directives(text, "import"))},
     .enables = {names(directives(text, "enable"))},
     .diagnostics_off = {names(directives(text, "diagnostic_off"))},
     .bindings = {{{numbers}}},
     .params_bytes = {4 * len(members or [])}}},
"""


def table(files):
    entries = "".join(table_entry(name, text) for name, text in files)
    return f"""// Made by tools/wgsl_embed.py.
#include "kernels/wgsl_files.h"

namespace weft::kernels {{

const std::vector<WgslFile>& wgsl_files() {{
  static const std::vector<WgslFile> files{{
{entries}  }};
  return files;
}}

}}  // namespace weft::kernels
"""


def write_if_new(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def embed(out, paths):
    files = []
    for path in sorted(paths, key=lambda path: path.stem):
        text = path.read_text(encoding="utf-8")
        if files and files[-1][0] == path.stem:
            raise WgslError(f"{path}: another file is named {path.name} too")
        files.append((path.stem, text))
        try:
            members = params(text)
        except WgslError as error:
            raise WgslError(f"{path}: {error}") from error
        if members is not None:
            header = out / "kernels" / "gen" / f"{path.stem}.wgsl.h"
            write_if_new(header, params_header(path.stem, members))
    write_if_new(out / "wgsl_files.cpp", table(files))


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: wgsl_embed.py OUT FILE.wgsl...")
    try:
        embed(pathlib.Path(sys.argv[1]), [pathlib.Path(name) for name in sys.argv[2:]])
    except WgslError as error:
        sys.exit(f"wgsl_embed.py: {error}")


if __name__ == "__main__":
    main()
