"""budget: what each thing may cost. budget.json has what was counted when it was accepted last; the guards say by how much
a cost may exceed that.

A cost that is far below its budget is a finding too: such a budget guards nothing. `tests/bench/guard/accept` writes anew
what is a finding.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("budget.json")
ACCEPTING = os.environ.get("TASKLEDGER_ACCEPT_BUDGET")  # "findings" or "all"
STALE = 0.10
KEPT = 0.005  # of a whole: smaller parts are not in the file
SHOWN = 10
HINT = "If that is how it should be: tests/bench/guard/accept, and commit budget.json with the reason."


class Cost(NamedTuple):
    """What was counted. over: how much more than the budget is borne, as a share of it; slack: the same as a number."""

    name: str
    value: float
    over: float
    slack: float = 0


class Section(NamedTuple):
    """Costs of one thing. parts: name → number, what the most important of them is made of."""

    name: str
    costs: list
    parts: dict


def check(*sections):
    """Fails when a cost is over its budget or far below, and tells which parts have changed."""
    findings = [line for section in sections for line in examine(section)]
    if findings:
        raise AssertionError("\n".join([*findings, HINT]))


def examine(section):
    known = read().get(section.name, {"costs": {}, "parts": {}})
    print(*table(section, known["costs"]), sep="\n")
    findings = [finding for cost in section.costs for finding in complaints(cost, known["costs"])]
    if ACCEPTING:
        if findings or ACCEPTING == "all":
            accept(section)
        return []
    return [f"{section.name}:", *findings, *changes(section.parts, known["parts"])] if findings else []


def limit(name, value, most):
    """For what is left to chance, but never comes near this."""
    print(f"  {name:<44} {shown(value):>10}   at most {shown(most):>9}")
    assert value <= most, f"{name}: {shown(value)}, at most {shown(most)}"


def same(name, value):
    """Fails when it is not what it was when the budgets were accepted."""
    known = read()
    if ACCEPTING:
        write({**known, name: value})
        return
    assert known.get(name) == value, f"the budgets were made with {name} {known.get(name)}, this is {value}. {HINT}"


def complaints(cost, budgets):
    if cost.name not in budgets:
        yield f"  {cost.name}: {shown(cost.value)}, and there is no budget for it"
        return
    budget = budgets[cost.name]
    if cost.value > budget * (1 + cost.over) + cost.slack:
        yield f"  {cost.name}: {shown(cost.value)} is over the budget of {shown(budget)}{share(cost.value, budget)}"
    if cost.value < budget * (1 - max(STALE, cost.over)) - cost.slack:
        yield f"  {cost.name}: the budget of {shown(budget)} is stale, it is {shown(cost.value)}{share(cost.value, budget)}"


def share(value, budget):
    return f" ({value / budget - 1:+.1%})" if budget else ""


def shown(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def changes(parts, before):
    """Which parts have changed most, and which are the largest. What was too small for the file was at most that."""
    least = sum(before.values()) * KEPT

    def change(name):
        if name in before:
            return abs(parts.get(name, 0) - before[name])
        return max(parts[name] - least, 0)

    yield f"  {'where most has changed':<60} {'now':>10} {'budget':>10}"
    yield from rows(parts, before, change)
    yield "  where most is"
    yield from rows(parts, before, lambda name: parts.get(name, 0))


def rows(parts, before, weight):
    names = [name for name in {*parts, *before} if weight(name) > 0]
    for name in sorted(names, key=weight, reverse=True)[:SHOWN]:
        budget = shown(before[name]) if name in before else "little"
        yield f"    {name[:58]:<58} {shown(parts.get(name, 0)):>10} {budget:>10}"


def table(section, budgets):
    yield section.name
    for cost in section.costs:
        yield f"  {cost.name:<44} {shown(cost.value):>10}   budget {shown(budgets.get(cost.name, 0)):>10}"


def read():
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def accept(section):
    least = sum(section.parts.values()) * KEPT
    known = read()
    known[section.name] = {
        "costs": {cost.name: round(cost.value, 3) for cost in section.costs},
        "parts": {name: round(value, 2) for name, value in section.parts.items() if value > least},
    }
    write(known)


def write(known):
    FILE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
