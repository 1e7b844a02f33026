"""markdown: a page as we write them, cut into pieces, so that two pages can be laid side by side.

A piece is a heading, a block of code (fenced, or indented by four after an empty line), a row of a table, an item of a
list, or a paragraph, each with the lines that belong to it.
"""

import re
from pathlib import Path
from typing import NamedTuple

CONTINUED = r"(?:\n (?! \ *(?:\||\#|```|-\ |\d+\.\ )) [^\n]+)*"
PIECE = re.compile(
    rf"""(?P<code> ^(?P<margin>\ *)```\w*\n (?:[^\n]*\n)*? (?P=margin)```$
                 | (?<=\n\n)\ {{4}}[^\n]+ (?:\n+\ {{4}}[^\n]+)* )
       | (?P<heading> ^\#+\ [^\n]+ )
       | (?P<row> ^\|[^\n]+ )
       | (?P<item> ^\ *(?:-|\d+\.)\ [^\n]+ {CONTINUED} )
       | (?P<paragraph> ^[^\n]+ {CONTINUED} )""",
    re.MULTILINE | re.VERBOSE,
)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


class Piece(NamedTuple):
    kind: str
    text: str
    line: int
    section: str  # the heading above it, or itself

    @property
    def level(self):
        """Of a heading, 1 to 6; else 0."""
        return len(self.text) - len(self.text.lstrip("#")) if self.kind == "heading" else 0

    @property
    def cells(self):
        return SPAN.sub("", self.text).count("|") - 1 if self.kind == "row" else 0

    @property
    def spans(self):
        """What stands in backticks, whatever line it is broken at."""
        return [" ".join(span.split()) for span in SPAN.findall(self.text)] if self.kind != "code" else []

    @property
    def links(self):
        return LINK.findall(self.text) if self.kind != "code" else []

    @property
    def prose(self):
        """The text without code and without where its links lead."""
        return LINK.sub("]", SPAN.sub("", self.text)) if self.kind != "code" else ""


class Page:
    """A file, or what it would be with this text."""

    def __init__(self, path, text=None):
        self.path = Path(path)
        self.text = self.path.read_text() if text is None else text
        self.pieces = list(pieces(self.text))
        self.headings = [piece for piece in self.pieces if piece.kind == "heading"]
        self.anchors = list(anchors(self.headings))

    @property
    def sections(self):
        """The pieces from each heading to the next; the first may have none."""
        below = [[]]
        for piece in self.pieces:
            if piece.kind == "heading":
                below.append([])
            below[-1].append(piece)
        return [section for section in below if section]

    def leads_to(self, link):
        """(the file as an absolute path, the anchor or nothing); of what is elsewhere, (its address, nothing)."""
        if "://" in link:
            return Path(link), ""
        path, _, anchor = link.partition("#")
        return (self.path.parent / path).resolve() if path else self.path.resolve(), anchor


def pieces(text):
    section, line, end = "", 1, 0
    for found in PIECE.finditer(text):
        line += text.count("\n", end, found.start())
        end = found.start()
        if found.lastgroup == "heading":
            section = found.group()
        yield Piece(found.lastgroup, found.group(), line, section)


def anchors(headings):
    """As GitHub makes them: letters of any script, digits, hyphens; what comes again is counted."""
    seen = {}
    for heading in headings:
        title = LINK.sub("]", heading.text.lstrip("# "))
        anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        count = seen[anchor] = seen.get(anchor, -1) + 1
        yield f"{anchor}-{count}" if count else anchor
