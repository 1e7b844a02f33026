"""A page in Chinese says what the English one says: support/translation.py tells what is compared."""

import re

import pytest
from bench.suite import marks
from conftest import ROOT
from support.markdown import Page
from support.translation import English, Pair, Translation, translated, where

PAGES = [ROOT / "README.md", ROOT / "deploy/WORKERS.md"]
HAN = r"[\u4e00-\u9fff]"
ADVICE = """
{chinese} is {english} in Chinese, piece by piece. Change both: where one says more, let the other say it too.
Commands, flags, numbers, statuses and links are the same in both, code byte for byte. Who writes no Chinese puts the
English text there, and says so in the commit."""

every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


def complaints(path, english=None, chinese=None):
    """Of these texts, else of the files."""
    return list(Pair(English(path, english), Translation(translated(path), chinese)).complaints())


@every_page
def test_the_chinese_page_is_in_step_with_the_english(path):
    found = complaints(path)
    names = {"english": path.relative_to(ROOT), "chinese": translated(path).relative_to(ROOT)}
    assert not found, "\n".join([f"{len(found)} out of step:", *found, ADVICE.format(**names)])


@every_page
def test_each_page_leads_to_the_other_in_its_first_line(path):
    chinese = translated(path)
    assert path.read_text().startswith(f"English | [简体中文]({chinese.name})\n\n# ")
    assert chinese.read_text().startswith(f"[English]({path.name}) | 简体中文\n\n# ")


@pytest.mark.parametrize("path", [*PAGES, *map(translated, PAGES)], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    page = Page(path)
    links = [(piece, link) for piece in page.pieces for link in piece.links if "://" not in link]
    assert len(links) > 10
    for piece, link in links:
        file, anchor = page.leads_to(link)
        assert file.exists(), f"{where(page, piece)}: no file {link}"
        assert not anchor or anchor in Page(file).anchors, f"{where(page, piece)}: no heading for {link}"


@every_page
def test_a_chinese_line_is_broken_where_a_space_does_no_harm(path):
    broken = re.findall(f"^.*{HAN}\n *{HAN}.*$", translated(path).read_text(), re.MULTILINE)
    assert not broken, f"a browser shows the line's end as a space: break behind a comma or a Latin word: {broken}"


def test_the_figures_of_the_bench_change_without_the_chinese_page():
    path = PAGES[0]
    before, figures, after = marks.told(path)
    assert complaints(path, english=before + re.sub(r"\d", "7", figures) + after) == complaints(path)


ENGLISH = """\
English | [简体中文](WORKERS.zh-CN.md)

# Workers

[Install](#install) it, see [how](../README.md), and rely on it.

## Install

    make install

It says RUNNING each minute (`--heartbeat`), and waits for up to 10 s.

## Limits

| | at most |
|---|---|
| an event | 64 KiB |
| `attempt` | 2,147,483,647 |

- It waits.
- It goes on: see [the limits](#limits).

## Test

```sh
python3 -m pytest  # all of it
```
"""
CHINESE = """\
[English](WORKERS.md) | 简体中文

# 写给 worker 开发者

先[安装](#安装)，看看[怎么做](../README.zh-CN.md)，再放心使用。

## 安装

    make install

最多等待 10 s；每分钟（`--heartbeat`）
报一次 RUNNING。

## 限制

| | 最多 |
|---|---|
| 一个事件 | 64 KiB |
| `attempt` | 2,147,483,647 |

- 先等待。
- 再继续：见[限制](#限制)。

"""
TEST = """\
## 测试

```sh
python3 -m pytest  # all of it
```
"""
CHINESE += TEST
# (the page, what is replaced in it and by what, what the complaint has to name)
OUT_OF_STEP = {
    "a section is new": (ENGLISH, "## Limits", "## Celery\n\nThe same.\n\n## Limits", "heading is not in the other"),
    "a section is gone": (CHINESE, TEST, "", "heading is not in the other, or elsewhere: '## Test'"),
    "a heading sinks": (CHINESE, "## 测试", "### 测试", "'## Test' against '### 测试'"),
    "a command changes": (ENGLISH, "make install", "make all", "'make all' against 'make install'"),
    "a comment in code is translated": (CHINESE, "# all of it", "# 全部", "the code differs"),
    "a block of code is new": (ENGLISH, "\n## Test", "\n```sh\nmake\n```\n\n## Test", "this code is not in the other"),
    "a flag has another name": (ENGLISH, "`--heartbeat`", "`--beat`", "only the English paragraph has `--beat`"),
    "a limit changes": (ENGLISH, "2,147,483,647", "65,535", "only the English row has 65,535"),
    "a number in a sentence changes": (ENGLISH, "10 s", "20 s", "only the Chinese paragraph has 10"),
    "a status is another": (CHINESE, "RUNNING", "PENDING", "only the English paragraph has RUNNING"),
    "a row is gone": (CHINESE, "| 一个事件 | 64 KiB |\n", "", "elsewhere: '| an event | 64 KiB |'"),
    "a row has one cell more": (ENGLISH, "64 KiB |", "64 KiB | |", "against '| 一个事件 | 64 KiB |'"),
    "an item is new": (ENGLISH, "- It waits.\n", "- It waits.\n- It hopes.\n", "this item is not in the other"),
    "a paragraph is gone": (ENGLISH, "[Install](#install) it, see [how](../README.md), and rely on it.\n", "", "再放心使用"),
    "a link leads elsewhere": (CHINESE, "见[限制](#限制)", "见[限制](#安装)", "English item has a link to"),
    "a link leaves the language": (CHINESE, "../README.zh-CN.md", "../README.md", "Chinese paragraph has a link"),
}


def test_nothing_is_told_of_pages_in_step():
    assert complaints(PAGES[1], ENGLISH, CHINESE) == []


def test_it_is_told_when_a_section_moves():
    found = complaints(PAGES[1], ENGLISH, CHINESE.replace(TEST, "").replace("## 安装", f"{TEST}\n## 安装"))
    assert len(found) == 2 and "## 测试" in found[0] and "## Test" in found[1]


@pytest.mark.parametrize("what", OUT_OF_STEP)
def test_it_is_told_when(what):
    page, before, after, named = OUT_OF_STEP[what]
    assert page.count(before) == 1
    changed = page.replace(before, after)
    found = complaints(PAGES[1], changed, CHINESE) if page is ENGLISH else complaints(PAGES[1], ENGLISH, changed)
    assert len(found) in (1, 2) and any(named in complaint for complaint in found), found
