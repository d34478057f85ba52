"""What the checks cost: python tests/cost_of_checks.py.  A full-size training with checks on and off, three steps each in turn.

Also printed is the share of the process's time that is spent inside checks while they are on, clocks included: the ratio of
two parts of one run wanders by a few percent on a busy machine, the share hardly.
"""

import sys
import time
import types
from dataclasses import replace

import minialign  # isort: skip  # before NumPy is loaded

import numpy as np

from minialign import arrays, checkpoint, checks, divergence, dpo, pretrained, reward, sft
from minialign.batch import Response, conversations
from minialign.pipeline import FULL
from minialign.preferences import Preferences
from minialign.world import ToyWorld

RNG = np.random.default_rng
OFF = {  # what a check does besides checking
    "as_mask": lambda mask: mask if mask.dtype == bool else mask == 1,
    "as_ids": lambda ids, vocab_size: np.asarray(ids).astype(int, copy=False),
}
BLOCK = 3  # steps; parameters are looked at after each tenth, so that both kinds of block contain such steps


class Clock:
    """Replaces every check in the package by one that can be switched off, and that is timed while it is on."""

    def __init__(self):
        self.on, self.inside, self.busy, self.steps = True, 0, False, {True: [], False: []}
        found = [arrays.same_shape, *vars(checks).values(), divergence.check_step]
        timed = {f: self.timed(f) for f in found if isinstance(f, types.FunctionType)}
        for module in [module for name, module in list(sys.modules.items()) if name.startswith(minialign.__name__)]:
            for name, value in list(vars(module).items()):
                if isinstance(value, types.FunctionType) and value in timed:
                    setattr(module, name, timed[value])
        self.start()

    def start(self):
        self.began, self.spent = time.process_time_ns(), 0

    def timed(self, check):
        def switched(*arguments, **options):
            if not self.on or self.busy:
                instead = check if self.on else OFF.get(check.__name__, lambda *_, **__: None)
                result = instead(*arguments, **options)
            else:
                self.busy, began = True, time.process_time_ns()
                try:
                    result = check(*arguments, **options)
                finally:
                    self.spent, self.busy = self.spent + time.process_time_ns() - began, False
            if check is divergence_check_step:
                self.step_is_over()
            return result

        return switched

    def step_is_over(self):
        self.steps[self.on].append((time.process_time_ns() - self.began, self.spent))
        self.on = (len(self.steps[True]) + len(self.steps[False])) // BLOCK % 2 == 0
        self.start()


divergence_check_step = divergence.check_step


def trainings():
    """name -> a training of some full-size steps."""
    base, _ = pretrained.load(FULL.model)
    said = ToyWorld().demonstrations(RNG(0), 1200)
    data = conversations(said)
    pairs = [(q, Response(a, True), Response(b, True)) for (q, a), (_, b) in zip(said, said[1:]) if a != b][:640]
    votes = Preferences(*map(list, zip(*pairs)))
    config = replace(FULL.sft, replay_weight=0.0)
    yield (
        "SFT",
        lambda: sft.train_language_model(
            checkpoint.trainable_copy(base), sft.epochs(data, 2, config.batch_size, RNG(0)), 120, config
        ),
    )
    yield (
        "reward model",
        lambda: reward.train_reward_model(
            reward.reward_model_from(base, RNG(0), (2.0, 1.0)), votes, replace(FULL.reward, epochs=1), RNG(0)
        ),
    )
    yield "DPO", lambda: dpo.train_dpo(checkpoint.trainable_copy(base), base, votes, FULL.dpo, RNG(0))


if __name__ == "__main__":
    clock = Clock()
    for name, train in trainings():
        clock.steps, clock.on = {True: [], False: []}, True
        clock.start()
        train()
        on, off = (np.array(clock.steps[which]) for which in (True, False))
        ratio, share = np.median(on[:, 0]) / np.median(off[:, 0]), on[1:, 1].sum() / on[1:, 0].sum()
        print(
            f"{name:<14}{len(on):>4} steps on, {len(off):>3} off   median on / off {ratio:.3f}   inside checks {share:.2%}",
            flush=True,
        )
