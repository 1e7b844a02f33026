"""rounds: things measured in turn."""

ROUNDS = 5


class Bench:
    """What a measure is given. quick: few events and one round, which only shows that it runs."""

    def __init__(self, build, quick=False, say=lambda text: None):
        self.build = build
        self.quick = quick
        self.say = say
        self.settings = {}

    def in_turn(self, things, rounds=ROUNDS):
        """{what: callable that measures once} → {what: one value a round}. Each round begins with another thing."""
        names = list(things)
        runs = {name: [] for name in names}
        for number in range(1 if self.quick else rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                runs[name].append(things[name]())
                self.say(f"round {number + 1}: {name}: {runs[name][-1]:,.4g}")
        return runs

    def events(self, many, few=2000):
        """How many events to measure with."""
        return few if self.quick else many

    def stage(self, **options):
        """A Stage to stand in a with statement; its settings become part of the result."""
        from .stage import Stage

        return Stage(self, **options)
