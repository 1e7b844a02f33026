"""words: the top level is fixed, no room is a drawer for leftovers, no note to self stays in the tree."""

import re

import tree

TOP_LEVEL = {
    *tree.ROOMS,
    *("CMakeLists.txt", "CMakePresets.json", "README.md", "DESIGN.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"),
    *("README.zh-CN.md", "SECURITY.md", ".ci", ".clang-format", ".clang-tidy", ".editorconfig", ".gitignore", ".gitattributes"),
    *(".github", ".dockerignore"),
}
DRAWER = re.compile(r"(commons?|utils?|utilities|libs?|src|misc|helpers?|stuff)(\.\w+)?", re.IGNORECASE)
NOTE = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")


def findings():
    for path in tree.tracked():
        if path.parts[0] not in TOP_LEVEL:
            yield f"{path}: {path.parts[0]} does not belong to the top level"
        if any(DRAWER.fullmatch(part) for part in path.parts):
            yield f"{path}: a name that says nothing"
        if "corpus" in path.parts:
            continue
        for number, line in tree.lines(path):
            if NOTE.search(line):
                yield f"{path}:{number}: done, or filed elsewhere: {line.strip()}"


tree.finish(findings())
