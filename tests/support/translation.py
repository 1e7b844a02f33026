"""translation: whether a page and its Chinese translation are in step, piece by piece: headings of the same levels, and
in each section the same paragraphs, items and rows; in each of these the same code spans, numbers, words in capitals and
links. Code is the same byte for byte."""

import re
from difflib import SequenceMatcher
from pathlib import Path

from bench.suite import marks

from .markdown import Page

ROOT = Path(__file__).parents[2]
# What the bench writes into the English page stands nowhere else: its translation leads to it.
FIGURES = "README.md#how-fast"
# Numbers, and words that are the same in every language: RUNNING, SIGKILL.
SAME = re.compile(r"\b(?:\d(?:[\d.,]*\d)?|[A-Z][A-Z_]{2,})\b", re.ASCII)


def translated(path):
    """Where a page's translation is, or would be."""
    return path.with_suffix(".zh-CN.md")


class Translation(Page):
    """A page without its first line, which leads to the other language."""

    def __init__(self, path, text=None):
        super().__init__(path, text)
        del self.pieces[0]

    def due(self, link):
        """Where the translation has to lead for this link, from the root."""
        return named(*self.leads_to(link))

    def names(self, piece):
        said = [f"`{span}`" for span in piece.spans] + SAME.findall(piece.prose)
        return {*said, *(f"a link to {self.due(link)}" for link in piece.links)}

    def facts(self, piece):
        """What is the same in both languages."""
        code = piece.text if piece.kind == "code" else ""
        return piece.kind, piece.level, piece.cells, code, frozenset(self.names(piece))


class English(Translation):
    """A page as it is to be translated: with a link in place of the figures."""

    def __init__(self, path, text=None):
        before, begin, rest = (path.read_text() if text is None else text).partition(marks.BEGIN)
        figures, _, after = rest.partition(marks.END)
        lines = "\n" * (begin + figures + marks.END).count("\n")
        super().__init__(path, before + f"[README.md]({FIGURES}){lines}" + after if begin else before)
        self.translation = None

    def due(self, link):
        """To what is translated, if there is such."""
        path, anchor = self.leads_to(link)
        if link == FIGURES or not translated(path).exists():
            return named(path, anchor)
        pages = (self, self.translation) if path == self.path else (Page(path), Page(translated(path)))
        anchors = dict(zip(*(page.anchors for page in pages)))
        return named(translated(path), anchors.get(anchor, anchor))


class Pair:
    def __init__(self, english, translation):
        self.english, self.translation = english, translation
        english.translation = translation

    def complaints(self):
        """What is out of step, one text each; about sections alone, if one page has more, or others there."""
        sections = self.english.sections, self.translation.sections
        others = list(apart(*sections, outline, outline))
        if any(len(ours) != len(theirs) for ours, theirs in others):
            for ours, theirs in others:
                yield from self.alone([section[0] for section in ours], [section[0] for section in theirs])
            return
        for ours, theirs in zip(*sections):
            for ours, theirs in apart(ours, theirs, self.english.facts, self.translation.facts):
                same = [piece.kind for piece in ours] == [piece.kind for piece in theirs]
                yield from self.differences(ours, theirs) if same else self.alone(ours, theirs)

    def alone(self, ours, theirs):
        for page, pieces in ((self.english, ours), (self.translation, theirs)):
            for piece in pieces:
                yield f"{where(page, piece)}: this {piece.kind} is not in the other, or elsewhere: {shown(piece.text)}"

    def differences(self, ours, theirs):
        for our, their in zip(ours, theirs):
            here = f"{where(self.english, our)}, and {where(self.translation, their)}"
            ours_has, theirs_has = self.english.names(our), self.translation.names(their)
            if our.kind == "code" and our.text != their.text:
                yield f"{here}: the code differs: {first_difference(our.text, their.text)}"
            if (our.level, our.cells) != (their.level, their.cells):
                yield f"{here}: {shown(our.text)} against {shown(their.text)}"
            for name in sorted(ours_has ^ theirs_has):
                yield f"{here}: only the {'English' if name in ours_has else 'Chinese'} {our.kind} has {name}"


def outline(section):
    """By what a section is known again in another language."""
    return section[0].level, frozenset(piece.text for piece in section if piece.kind == "code")


def apart(ours, theirs, key_of_ours, key_of_theirs):
    """The runs of ours and of theirs that differ, between those that agree."""
    matcher = SequenceMatcher(None, [*map(key_of_ours, ours)], [*map(key_of_theirs, theirs)], autojunk=False)
    for what, start, end, other_start, other_end in matcher.get_opcodes():
        if what != "equal":
            yield ours[start:end], theirs[other_start:other_end]


def named(path, anchor):
    return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}{'#' if anchor else ''}{anchor}"


def where(page, piece):
    return f"{page.path.relative_to(ROOT)}:{piece.line} ({piece.section or 'before the first heading'})"


def shown(text):
    return repr(text if len(text) <= 80 else text[:79] + "…")


def first_difference(ours, theirs):
    ours, theirs = [*ours.splitlines(), "its end"], [*theirs.splitlines(), "its end"]
    return next(f"{our.strip()!r} against {their.strip()!r}" for our, their in zip(ours, theirs) if our != their)
