"""More values that cannot be, found by trying: each was taken without a word, or ended in another exception."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from fuzz_values import configs
from small_models import make, talker

from minialign import evaluate, exact
from minialign.autograd import Tensor
from minialign.batch import Batch, Response, collate, conversations, minibatches, read_back, render
from minialign.checkpoint import save
from minialign.checks import check_choice, check_count
from minialign.dpo import dpo_loss
from minialign.generate import generate
from minialign.grpo import GRPOConfig
from minialign.interop import from_hugging_face, to_hugging_face
from minialign.likelihood import log_probs_array
from minialign.model import LanguageModel, ModelConfig
from minialign.optim import AdamW, Muon, cosine_schedule, linear_schedule
from minialign.pipeline import FAST, Journey, Recipe
from minialign.policy_gradient import AdaptiveKLController
from minialign.ppo import PPOConfig
from minialign.preferences import Preferences, collect
from minialign.reward import RewardConfig, Scorer, bradley_terry_loss, calibration
from minialign.rlaif import Judge, draw_votes
from minialign.sft import LMConfig, train_language_model, windows
from minialign.tokenizer import Tokenizer, decode
from minialign.world import Tastes, ToyWorld

RNG = np.random.default_rng
TEXTS = conversations([("a", "b")])
NOTHING = evaluate.Answers([], [], [], None)


def leaf(*values):
    return Tensor(np.array(values, float), requires_grad=True)


def matrix_without_gradient():
    optimizer = Muon([Tensor(np.eye(2), requires_grad=True)])
    optimizer.step()


def labelled(vote):
    return collect(talker(), ["a"] * 60, lambda *_: vote, RNG(0), 5)


def answers(gold):
    return evaluate.Answers(["a"], [Response("b", True)], [SimpleNamespace(gold=gold)], None)


def mix(**changes):
    shares = dict.fromkeys(ToyWorld.mix, 0.0) | {next(iter(ToyWorld.mix)): 1.0}
    return ToyWorld().prompts(RNG(0), 3, "train", shares | changes)


REFUSED = {
    # the engine
    "a mean of nothing": (lambda: Tensor(np.zeros((0, 3))).mean(), "the mean of no numbers"),
    "texts as numbers": (lambda: Tensor(["1", "2"]), "real numbers are needed"),
    "complex numbers": (lambda: Tensor([1j]), "real numbers are needed"),
    "a choice that is an array": (lambda: check_choice("x", np.array(["a", "b"]), ("a", "b")), "x must be one of"),
    "a count beyond floats": (lambda: check_count("steps", 10**400), "steps must be a whole number"),
    # losses without pairs
    "DPO of no pairs": (lambda: dpo_loss(*[leaf()] * 4), "the mean of no numbers"),
    "a reward loss of no pairs": (lambda: bradley_terry_loss(leaf(), leaf()), "the mean of no numbers"),
    "a margin of NaN": (lambda: bradley_terry_loss(leaf(1), leaf(2), margin=math.nan), "the margin"),
    # configurations
    "angles beyond floats": (lambda: ModelConfig(11, 12, rotary_base=1e-300), "rotary_base must be"),
    "an epsilon that float32 rounds to 0": (lambda: ModelConfig(11, 12, norm_eps=1e-60), "norm_eps must be"),
    "a dtype that is none": (lambda: ModelConfig(11, 12, dtype="decimal"), "dtype must be one of"),
    "tied='false'": (lambda: ModelConfig(11, 12, tied="false"), "tied must be True or False"),
    "whiten='no'": (lambda: PPOConfig(whiten="no"), "whiten must be True or False"),
    "lr_decay='false'": (lambda: PPOConfig(lr_decay="false"), "lr_decay must be True or False"),
    "kl_in_reward=None": (lambda: GRPOConfig(kl_in_reward=None), "kl_in_reward must be True or False"),
    "a leash whose sign turns": (lambda: PPOConfig(target_kl=1.0, rollouts=128, kl_horizon=25), "kl_horizon must be"),
    "weights of NaN": (lambda: RewardConfig(likelihood_weights=(math.nan, 1.0)), "likelihood_weights"),
    "three weights": (lambda: RewardConfig(likelihood_weights=(1.0, 1.0, 1.0)), "likelihood_weights"),
    "a recipe without steps": (lambda: Recipe(base_steps=0), "base_steps must be"),
    "a window longer than the context": (lambda: Recipe(window=129), "window must be"),
    "all votes held out": (lambda: Recipe(held_out_votes=1.0), "held_out_votes must be"),
    "raters without noise": (lambda: Tastes(tau=0.0), "tau must be"),
    "a taste of NaN": (lambda: Tastes(length=math.nan), "length must be"),
    "an unknown kind of question": (lambda: mix(weather=0.0), "a kind in the mix"),
    "shares above 1": (lambda: mix(**dict.fromkeys(ToyWorld.mix, 1.0)), "the sum of the mix"),
    "a list that is none": (lambda: ToyWorld().prompts(RNG(0), 3, "test"), "the list of prompts"),
    # leashes
    "an update that makes beta negative": (lambda: AdaptiveKLController(0.2, 1.0, 100).update(0.0, 500), "n_steps must be"),
    "a KL of NaN": (lambda: AdaptiveKLController(0.2, 1.0, 100).update(math.nan, 5), "the current KL"),
    # optimisers
    "nothing to move": (lambda: AdamW([]), "there are none"),
    "a parameter that is there twice": (lambda: AdamW([TWICE, TWICE]), "there twice"),
    "eps 0": (lambda: AdamW([leaf(1)], eps=0.0), "eps must be"),
    "a vector for Muon": (lambda: Muon([leaf(1, 2)]), "matrices alone"),
    "a matrix without gradient": (matrix_without_gradient, "needs a gradient"),
    "a step before the first": (lambda: cosine_schedule(-1, 10, 1.0), "step must be"),
    "a schedule of no steps": (lambda: linear_schedule(0, 0, 1.0), "total_steps must be"),
    # training
    "no batches": (lambda: train_language_model(talker(), iter([]), 3, LMConfig()), "there are no batches"),
    "replay that ends": (
        lambda: train_language_model(talker(), iter([TEXTS] * 3), 3, LMConfig(replay_weight=1.0), replay=iter([TEXTS])),
        "the batches to replay end after 1 of 3",
    ),
    "a replay weight without replay": (
        lambda: train_language_model(talker(), iter([TEXTS]), 1, LMConfig(replay_weight=1.0)),
        "no effect without batches to replay",
    ),
    "a document before the first": (lambda: next(windows(np.ones(9, int), [-3, 0], 2, 4, RNG(0))), "must begin at 0"),
    # batches and ids
    "ended='false'": (lambda: render("a", "b", ended="false"), "must be True or False"),
    "a mask as long as the ids": (lambda: Batch(np.ones((2, 5), int), np.ones((2, 5))), "shapes differ"),
    "a row's mask as long as its ids": (lambda: collate([(np.ones(3, int), np.ones(3))]), "shapes differ"),
    "no answer to read back": (lambda: read_back(Batch(np.ones((1, 3), int), np.zeros((1, 2)))), "no conversation"),
    "no text to read": (lambda: make()(np.zeros((0, 5), int)), "the number of texts"),
    "no text to measure": (lambda: log_probs_array(make(), np.zeros((0, 5), int)), "the number of texts"),
    "no text to score": (lambda: Scorer(None)(Batch(np.zeros((0, 5), int), np.zeros((0, 4)))), "the number of texts"),
    "no row to deal out": (lambda: next(minibatches(0, 2, RNG(0))), "the number of rows"),
    "lengths of other rows": (lambda: next(minibatches(4, 2, RNG(0), np.arange(5))), "shapes differ"),
    "fractions as ids": (lambda: decode([4.0]), "ids must be whole numbers"),
    "a truth as an id": (lambda: decode([True]), "ids must be whole numbers"),
    "an end that is no token": (lambda: generate(make(), [[1]], 2, 0, eos_id=11), "ids must be whole numbers"),
    "an empty alphabet": (lambda: Tokenizer(""), "an alphabet must be"),
    "an alphabet with '<'": (lambda: Tokenizer("ab<"), "an alphabet must have no '<'"),
    "an alphabet of numbers": (lambda: Tokenizer([1, 2]), "an alphabet must be"),
    # votes
    "a label of NaN": (lambda: labelled(math.nan), "a vote must be"),
    "a label of .3": (lambda: labelled(0.3), "a vote must be"),
    "equal answers": (
        lambda: Preferences(["a", "b"], [Response("c", True)] * 2, [Response("d", True), Response("c", True)]).batch(),
        "the same answer in vote 1",
    ),
    "an empty answer": (
        lambda: Preferences(["a", "b"], [Response("c", True)] * 2, [Response("", True), Response("", False)]).batch(),
        "an answer of vote 1 is empty",
    ),
    "no votes of one's own": (
        lambda: Journey(FAST, 0, own_votes=Preferences([], [], [])).enough(FAST.dpo),
        "the number of votes",
    ),
    "a tie below 0": (lambda: draw_votes(np.array([0.5]), RNG(0), tie=-0.1), "tie must be"),
    # scores
    "a deviation below 0": (lambda: Scorer(None, std=-1.0), "std must be"),
    "a gap of NaN": (lambda: calibration(np.array([0.1, math.nan])), "the gap of row 1"),
    "a score of NaN among n": (
        lambda: evaluate.best_of_n(talker(), lambda b: np.full(len(b), math.nan), ["a"], None, 2, RNG(0), 4),
        "the score of row 0",
    ),
    "a gold of NaN": (lambda: evaluate.win_rate(answers(math.nan), answers(0.0)), "the gold of row 0"),
    "a gold without end": (lambda: evaluate.win_rate(answers(1.0), answers(math.inf)), "the gold of the others of row 0"),
    "no answer that could win": (lambda: evaluate.win_rate(NOTHING, NOTHING), "the number of answers"),
    "a mean of no answers": (lambda: NOTHING.mean("gold"), "the number of answers"),
    "a judge without principles": (lambda: Judge(None, []), "the number of principles"),
    "no question": (lambda: evaluate.best_of_n(talker(), len, [], None, 2, RNG(0), 4), "the number of questions"),
    # exact worlds
    "a negative probability": (lambda: exact.optimal_policy([-0.5, 1.5], [0.0, 1.0], 1.0), "must be probabilities"),
    "a reference that says nothing": (lambda: exact.log_partition([0.0, 0.0], [0.0, 1.0], 1.0), "must be probabilities"),
    "a reward of NaN": (lambda: exact.optimal_policy([0.5, 0.5], [0.0, math.nan], 1.0), "a reward is NaN"),
    "a reward without end": (lambda: exact.optimal_policy([0.5, 0.5], [math.inf, 0.0], 1.0), "the largest reward must be finite"),
    "no reward above -inf": (lambda: exact.log_partition([0.5, 0.5], [-math.inf] * 2, 1.0), "the largest reward must be finite"),
    "NaN, the best of n": (lambda: exact.best_of_n([0.5, 0.5], [0.0, math.nan], 2), "a reward is NaN"),
    "the best of NaN": (lambda: exact.best_of_n_kl_bound(math.nan), "n must be"),
    "a negative beta": (lambda: exact.objective([1.0], [1.0], [1.0], -1.0), "beta must be"),
    "the best of none": (lambda: exact.best_of_n_kl_bound(0), "n must be"),
}
TWICE = leaf(1)


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(what):
    call, message = REFUSED[what]
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_a_weight_that_float16_cannot_hold_is_not_saved(tmp_path):
    """It became infinite on disk, and `load` refused what `save` had written."""
    model = make(dtype="float32")
    model.trunk.final_norm.gain.data[0] = 1e5
    with pytest.raises(ValueError, match="final_norm.gain holds numbers that are not finite"):
        save(model, tmp_path / "model.npz", dtype="float16")
    save(model, tmp_path / "model.npz")


def test_a_text_is_no_truth_in_a_config_of_others():
    """ "tie_word_embeddings": "false" counted as true."""
    config, weights = to_hugging_face(LanguageModel(ModelConfig(11, 12, 1, 2, 8, positions="learned", tied=True), RNG(0)))
    with pytest.raises(ValueError, match="tied must be True or False"):
        from_hugging_face(config | {"tie_word_embeddings": "false"}, weights)


def test_what_was_not_continued_is_an_empty_response():
    assert generate(make(), [[1]], 0, 0).responses() == [Response("", False)]
    assert conversations([("a", Response("", False)), ("a", "b")]).lengths.tolist() == [0, 5]


def test_what_may_be_still_may():
    """The last step, beta at its limits, a weight of 0, and numbers of NumPy."""
    assert cosine_schedule(10, 10, 1.0, final_fraction=0.1) == pytest.approx(0.1)
    AdaptiveKLController(0.2, 1.0, 100).update(-0.5, np.int64(499))
    PPOConfig(target_kl=1.0, rollouts=128, kl_horizon=26, whiten=np.bool_(True))
    train_language_model(talker(), iter([TEXTS]), 1, LMConfig(), replay=iter([]))
    assert len(labelled(np.int64(-1))) > 0 and len(labelled(0)) == 0


@pytest.mark.underflow
def test_a_slice_of_odd_configurations():
    assert configs(RNG(0), 180, None) == []
