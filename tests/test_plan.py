"""What the recipe costs at any size: the formulas are those of other people and of our own memory, and docs/scale.md has their numbers."""

import gc
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from minialign.bench import CannotMeasure, plan, plan_measure, plan_report, run
from minialign.bench.plan import ASSUMED, MIXED, OURS, Accelerator
from minialign.figures.plan_plots import draw
from minialign.model import LanguageModel, ModelConfig

PAGE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
GPT2 = ModelConfig(50_257, context_length=1024, n_layer=12, n_head=12, d_model=768, positions="learned", tied=True)


def block(name):
    """What docs/scale.md says between <!-- begin: name --> and its end."""
    return re.search(rf"<!-- begin: {name} -->\n(.*?)\n<!-- end", PAGE, re.S)[1]


# ------------------------------------------------------------------------------------------------ other people's numbers
def test_gpt2_has_as_many_parameters_as_hugging_face_counts():
    assert plan.parameters(GPT2) == 124_439_808


@pytest.mark.parametrize("more", [{}, {"positions": "learned"}, {"tied": True}])
def test_the_parameters_are_those_of_the_model(more):
    config = ModelConfig(11, 9, n_layer=2, n_head=2, d_model=8, **more)
    made = LanguageModel(config, np.random.default_rng(0))
    assert plan.parameters(config) == sum(p.data.size for p in made.parameters())


def test_mixed_precision_takes_the_16_bytes_per_parameter_of_the_zero_paper():
    """Rajbhandari et al. 2020, section 3.1: a model of 1.5e9 parameters takes at least 24 GB."""
    assert MIXED.trained == OURS.trained == 16 and plan.models_bytes("sft", 1.5e9) == 24e9


def test_the_models_of_each_method():
    assert {m: plan.models_held(m) for m in ("sft", "reward", "dpo", "grpo", "ppo")} == {
        "sft": (1, 0), "reward": (1, 0), "dpo": (1, 1), "grpo": (1, 2), "ppo": (2, 2),
    }  # fmt: skip
    assert [plan.models_bytes(m, 1) for m in ("dpo", "grpo", "ppo")] == [18, 20, 36]


def test_a_layer_keeps_34_bytes_per_token_and_channel():
    """Korthikanti et al. 2022, equation 1; beside the layers 4 (C + V)."""
    one, two = (plan.activation_bytes(replace(GPT2, n_layer=L), 2, 100) for L in (1, 2))
    assert two - one == 34 * 2 * 100 * 768 and 2 * one - two == 4 * 2 * 100 * (768 + 50_257)


def test_checkpointing_keeps_one_layer_and_the_inputs_of_all():
    deep, deeper = (plan.activation_bytes(replace(GPT2, n_layer=L), 2, 100, checkpointing=True) for L in (12, 13))
    assert deeper - deep == 2 * 2 * 100 * 768
    assert deep - plan.activation_bytes(replace(GPT2, n_layer=1), 2, 100) == 12 * (deeper - deep)


def test_gpt3_took_as_many_flops_as_its_paper_says():
    """Brown et al. 2020, appendix D: 174.6e9 parameters, 300e9 tokens, 3.14e23 FLOPs."""
    assert plan.training_flops(174.6e9, 300e9) == pytest.approx(3.14e23, rel=2e-3)


def test_ppo_takes_34_flops_per_parameter_and_token_and_two_fifths_less_without_a_critic():
    assert [plan.passes(m).flops(1, 1) for m in ("sft", "dpo", "grpo", "ppo")] == [6, 8, 20, 34]


def test_few_texts_wait_for_memory_and_many_for_arithmetic():
    narrow = replace(GPT2, n_layer=96, d_model=12288, n_head=96)
    machine = replace(ASSUMED, bandwidth=1e12)
    N, limit = plan.parameters(narrow), plan.rows_to_fill(MIXED, machine)
    assert limit == 400  # 4e14 FLOP/s / 1e12 bytes/s, a multiplication and an addition for the two bytes of a weight
    assert plan.token_seconds(narrow, 1, 0, MIXED, machine) == plan.token_seconds(narrow, 399, 0, MIXED, machine) == 2 * N / 1e12
    assert plan.token_seconds(narrow, 800, 0, MIXED, machine) == pytest.approx(2 * 2 * N / 1e12)
    assert plan.token_seconds(narrow, 1, 1000, MIXED, machine) > 2 * N / 1e12  # the cache is read too


def test_the_seconds_of_a_rollout_are_its_flops_if_memory_is_no_limit():
    machine = Accelerator(memory=1, flops=2.0, utilisation=0.5, bandwidth=float("inf"))
    spent = plan.rollout_seconds("ppo", GPT2, 4, 10, 30, MIXED, machine, epochs=3)
    N = plan.parameters(GPT2)
    assert spent.sampling + spent.rest == pytest.approx(plan.passes("ppo", 3).flops(N, 40) * 4)
    assert spent.share == pytest.approx(2 / (2 + 8 + 36))


# ------------------------------------------------------------------------------------------------ our own memory and products
@pytest.fixture(scope="module")
def found():
    gc.collect()
    gc.freeze()  # it collects garbage before it reads what is in use, each time: of its own, not of all tests before
    return plan_measure.measure(widths=(32, 64), timed=False)


def test_our_memory_is_what_the_formulas_say(found):
    for key, row in found.rows.items():
        if row.unit == "B":
            small, large = (point.ratio for point in row.points)
            assert 1 <= large <= small + 0.002 and large < 1.04, (key, small, large)


def test_every_product_of_a_training_step_is_counted(found):
    rows, T, L, V = plan_measure.ROWS, plan_measure.TOKENS, 3, 48
    seen = sum(48 * stop for stop in range(48, T + 1, 48))  # of T * T pairs of query and key
    for C, point in zip((32, 64), found.rows["step"].points):
        once = rows * T * (12 * L * C * C + V * C) + 2 * L * rows * C * seen
        assert point.measured == 2 * (3 * once + V * rows * T * C)  # the last: the embedding's gradient, as a product


def test_the_flops_come_near_six_n_d_as_the_model_grows(found):
    small, large = (point.ratio for point in found.rows["step"].points)
    assert 1 < large < small  # attention and the vocabulary's part, which grow with C, not with C^2


# ------------------------------------------------------------------------------------------------ the page
def test_the_page_has_the_table_that_the_command_prints():
    assert block("minialign bench --plan, the table") == plan_report.page_table()


def test_the_page_has_the_measured_bytes_and_products(found):
    """All but the seconds, which are those of one machine on one day."""
    page = [line.split(" | ") for line in block("minialign bench --plan, measured").splitlines()]
    now = [line.split(" | ") for line in plan_report.checks_table(found).splitlines()]
    assert page[0][1:3] == [cell.strip("| ") for cell in now[0][1:3]]
    for told, measured in zip(page[2:], now[2:]):
        assert told[0] == measured[0]
        for a, b in zip(told[1:3], measured[1:3]):
            assert abs(float(a) - float(b.strip("| "))) <= (0.06 if ", B" in told[0] else 0), (told, measured)


@pytest.mark.whole
def test_it_is_drawn(found, tmp_path):
    points = found.rows["step"].points
    found.rows["token"] = replace(found.rows["step"], name="token", unit="s")
    found.rows["share"] = replace(found.rows["step"], name="share", unit="", points=points)
    found.speed, found.bandwidth = {points[0].parameters: 2e9}, 1e10
    again = plan_measure.from_json(plan_measure.json.dumps(asdict(found)))
    assert again == found
    draw(found, tmp_path / "plan")
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".svg", ".txt"}
    assert "GFLOP/s" in plan_report.checks_table(found)


def test_a_plan_takes_no_other_wishes():
    for wishes in ({"rounds": 2}, {"threads": 2}):
        with pytest.raises(CannotMeasure, match="--plan measures"):
            run.bench("plan", **wishes)
