"""The examples in docstrings: each prints what it says, and the functions that a reader tries out first have one."""

import doctest
import importlib
from pathlib import Path

import pytest

import minialign

ROOT = Path(minialign.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py") if ">>>" in path.read_text(encoding="utf-8"))
NAMES = [".".join(("minialign", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__") for path in FILES]
EXAMPLES = {
    test.name.removeprefix("minialign."): test
    for name in NAMES
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    if test.examples
}
SHOWN = """
    minialign tokenizer.Tokenizer.encode tokenizer.Tokenizer.decode optim.clip_grad_norm optim.cosine_schedule
    policy_gradient.masked_mean policy_gradient.masked_whiten policy_gradient.kl_estimates policy_gradient.kl_penalized_rewards
    ppo.gae grpo.group_advantages grpo.leave_one_out reward.bradley_terry_loss arrays.pair_accuracy reward.calibration
    dpo.dpo_loss exact.log_partition exact.optimal_policy exact.sequence_kl exact.best_of_n exact.bradley_terry
""".split()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_prints_what_it_says(name):
    told = []
    runner = doctest.DocTestRunner()
    runner.run(EXAMPLES[name], out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)


def test_functions_that_a_reader_tries_out_first_have_an_example():
    assert set(SHOWN) <= set(EXAMPLES)
