"""The laboratory at toy size: every experiment in about a second."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from toy import TOY

from minialign import lab
from minialign.lab import bakeoff, cousins, leash, length, pairs, rlvr, sums, sycophancy
from minialign.lab.instruments import measure
from minialign.world import report_questions


@contextmanager
def toy_lab(recipe="LAB_FAST"):
    """This recipe of the laboratory means toy size, and raters find nothing about the same, so that babble gets votes as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, recipe, TOY)
        patch.setattr(bakeoff, "FAST", TOY)
        patch.setattr(leash, "DRAWS", 16)
        patch.setattr(lab, "UNBIASED", TOY.tastes)
        for module, name in ((leash, "HUMAN"), (length, "LENGTHY")):
            patch.setattr(module, name, TOY.tastes)
        patch.setattr(length, "TIMES", 2)
        patch.setattr(sycophancy, "DRAWS", 2)
        patch.setattr(cousins, "ROUNDS", 1)
        patch.setattr(pairs, "EACH", 2)
        patch.setattr(pairs, "STEPS", 8)
        patch.setattr(cousins, "tuning_questions", lambda: report_questions(20))
        patch.setattr(measure, "report_questions", lambda: report_questions(40))
        for module, name in ((rlvr, "VERIFIED"), (rlvr, "UNLEASHED"), (sums, "VERIFIED")):
            small = replace(getattr(module, name), iterations=2, prompts=4, group_size=4, minibatch_size=8)
            patch.setattr(module, name, small)
        yield
