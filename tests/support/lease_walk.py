"""A random walk: processes that claim, release, die and are stopped, one thing at a time, held against a model of each
claim and permit (lease_model.py)."""

import time

PROCESSES = 6
STOPPED_S = (0.1, 12)
AWAKE_LEAST = 3
STEPS_LEAST = 300  # however slow the machine is


class Walk:
    """.steps counts what was done."""

    def __init__(self, holders, chance, models):
        self.holders, self.chance, self.models = holders, chance, models
        self.stopped = {}
        self.leased = set()
        self.steps = 0
        for _ in range(PROCESSES):
            holders.start()

    def go(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end or self.steps < STEPS_LEAST:
            self.step()
        for holder in list(self.stopped):
            self.resume(holder)

    def step(self):
        for holder, until in list(self.stopped.items()):
            if time.monotonic() > until:
                self.resume(holder)
        awake = [holder for holder in self.holders.running() if holder not in self.stopped]
        holder, place = self.chance.choice(awake), self.chance.randrange(len(self.models))
        steps = [self.ask, self.look, self.release, self.next, self.kill, self.stop]
        weights = [60, 20, 10, 5, 0.2, 0.5 if len(awake) > AWAKE_LEAST else 0]
        self.chance.choices(steps, weights)[0](holder, place, self.models[place])
        self.steps += 1

    def ask(self, holder, place, model):
        if (holder, place) not in self.leased and model.ask(holder, place):
            self.leased.add((holder, place))

    def look(self, holder, place, model):
        if (holder, place) in self.leased and model.is_lost(holder):
            assert not holder.held(place)

    def release(self, holder, place, model):
        if (holder, place) in self.leased:
            holder.release(place)
            self.leased.remove((holder, place))
            model.released(holder)

    def next(self, holder, place, model):
        if (holder, place) in self.leased:
            model.next(holder, place)

    def kill(self, holder, place, model):
        holder.kill9()
        self.gone(holder)
        self.holders.start()

    def stop(self, holder, place, model):
        holder.pause()
        self.stopped[holder] = time.monotonic() + self.chance.uniform(*STOPPED_S)
        self.gone(holder)

    def gone(self, holder):
        for model in self.models:
            model.gone(holder)

    def resume(self, holder):
        del self.stopped[holder]
        holder.resume()
        for model in self.models:
            model.back(holder)
