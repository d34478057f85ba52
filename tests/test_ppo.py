"""The critic's first lesson: before the policy moves, it knows what answers are worth."""

import numpy as np
from numpy.testing import assert_allclose
from small_models import talker

from minialign.batch import conversations
from minialign.model import scalar_model_from
from minialign.ppo import PPOConfig, fit_critic

ANSWERS = conversations([("a?", "yes."), ("a?", "no."), ("is it a?", "it is.")] * 32)


def fitted(scores, lr, language_model):
    rng = np.random.default_rng(0)
    critic = scalar_model_from(language_model, rng, head="zero")
    losses = fit_critic(critic, ANSWERS, scores, PPOConfig(critic_lr=lr), rng, rows_at_once=4)
    return critic(ANSWERS.ids[:, :-1], ANSWERS.mask).data, losses


def test_it_learns_what_all_answers_are_worth():
    values, losses = fitted(np.full(96, 2.0), 3e-2, talker())
    assert len(losses) == 24 and losses[0] == 0.5 * 2.0**2 and losses[-1] < 0.02
    assert_allclose(values[ANSWERS.mask > 0], 2.0, atol=0.3)


def test_at_a_rate_of_zero_nothing_moves():
    values, losses = fitted(np.ones(96), 0.0, talker())
    assert not values.any()
    assert_allclose(losses, 0.5)
