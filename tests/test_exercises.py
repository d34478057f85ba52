"""The exercises: every stub fails, every solution passes, every named mistake is called by its name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from minialign import exact, policy_gradient, ppo, reward
from minialign.autograd import Tensor
from minialign.batch import conversations
from minialign.cli.check import told
from minialign.cli.command import main
from minialign.dpo import dpo_loss
from minialign.functional import layer_norm, token_log_probs
from minialign.sft import sft_loss
from minialign.teach import exercises
from minialign.teach.exercises import grade, grading

LESSONS = Path(__file__).resolve().parent.parent / "lessons"
ALL = [(n, exercise) for n in exercises.LESSONS for exercise in exercises.of_lesson(n)]
NAMES = [f"{n}-{exercise.name}" for n, exercise in ALL]


def stub(n):
    return LESSONS / "exercises" / f"ex{n:02d}.py"


def solution(n):
    return LESSONS / "solutions" / f"ex{n:02d}.py"


# -------------------------------------------------------------------------------- right, wrong, unwritten
@pytest.mark.parametrize("n", exercises.LESSONS)
def test_every_stub_fails_and_every_solution_passes(n):
    assert [v["says"] for v in grade.grade_file(n, stub(n))] == ["not written yet"] * len(exercises.of_lesson(n))
    assert all(v["passed"] and not v["says"] for v in grade.grade_file(n, solution(n)))


@pytest.mark.parametrize(("n", "exercise"), ALL, ids=NAMES)
def test_every_named_mistake_gets_its_message_and_none_passes(n, exercise):
    assert len(exercise.mistakes) >= 3
    for says, mistake in exercise.mistakes:
        assert grade.grade(exercise, lambda *arguments: mistake(*arguments)) == {  # noqa: B023
            "name": exercise.name, "passed": False, "says": says,
        }  # fmt: skip


# What a learner would really write: a solution with one line changed, and a few words of what he must be told.
SLIPS = [
    (1, " - h.mean(-1, keepdims=True)", "", "misses the mean term"),
    (1, "(g * x_hat).sum(0), g.sum(0)", "(g * x_hat), g", "sum them over the rows"),
    (1, "    p[np.arange(N), targets] -= 1\n", "", "one-hot"),
    (1, "p / N", "p", "divide by the number of rows"),
    (2, "-np.inf), 1)", "-np.inf), 0)", "not s >= t"),
    (2, "np.triu(np.full((T, T), -np.inf), 1)", "0", "see the future"),
    (2, "logits[:-1], ids[1:]", "logits, ids", "forgot the shift"),
    (2, "logits[:-1], ids[1:]", "logits[1:], ids[:-1]", "shifted the wrong way"),
    (3, "np.arange(1, len(ids))", "np.arange(len(ids) - 1)", "shifted by one"),
    (3, "<= ids.index(EOS)", "< ids.index(EOS)", "left the END out"),
    (3, "/ mask.sum()", "/ mask.size", "averaged over padding"),
    (3, "-(logprobs * mask).sum() / mask.sum()", "-(logprobs * mask).mean()", "averaged over padding"),
    (3, "-(logprobs * mask).sum() / mask.sum()", "-logprobs.mean()", "forgot the mask"),
    (4, "r_b - r_a", "r_a - r_b", "swapped"),
    (4, "np.exp(-np.logaddexp(0.0, r_b - r_a))", "np.exp(r_a) / (np.exp(r_a) + np.exp(r_b))", "infinite"),
    (4, " + slip**2", "", "two slips agree"),
    (5, "d = chosen - rejected", "d = rejected - chosen", "swapped"),
    (5, "slope, -slope", "slope, slope", "opposite"),
    (5, " / len(d)  # -sigma(-d) / N", "", "1/N of the mean"),
    (5, ".mean(), slope", ".sum(), slope", "your loss alone"),
    (6, "next_value = next_advantage = 0.0", "next_value, next_advantage = values[-1], 0.0", "not its own value"),
    (6, "gamma * lam * next_advantage", "gamma * next_advantage", "forgot lambda"),
    (6, " - values[t]\n", "\n", "how much better than expected"),
    (6, "np.maximum(-adv", "np.minimum(-adv", "pessimist"),
    (6, "/ mask.sum()", "/ mask.size", "averaged over padding"),
    (7, "rewards[-1] += score", "rewards += score", "last token alone"),
    (7, "-beta * (", "beta * (", "sign of the leash"),
    (7, " - rewards.max()", "", "exp(2000) is infinite"),
    (7, "return weights / weights.sum()", "return weights", "divide by Z"),
    (8, "(logprobs * mask).sum(1)", "(logprobs * mask).sum(1) / mask.sum(1)", "you divided by tokens: DPO sums"),
    (8, "((policy_chosen - reference_chosen) - (policy_rejected - reference_rejected))",
     "(policy_chosen - policy_rejected)",
     "forgot the reference"),
    (8, "np.logaddexp(0.0, -h)", "np.logaddexp(0.0, h)", "swapped"),
    (8, "np.logaddexp(0.0, -h).mean()", "np.logaddexp(0.0, -h).sum()", "you summed"),
    (9, " + 0.5 * (ours == theirs)", "", "one half"),
    (9, "outcomes[rows].mean(1)", "outcomes[rows].mean(0)", "axis 1"),
    (9, "(0.025, 0.975)", "(0.05, 0.95)", "leave a tenth outside"),
    (10, "inside.mean() * abs(", "abs(", None),  # not one of the named: the bins are added up without any weight
    (10, "inside.mean() * abs(correct", "inside.mean() * (correct", "errors cancel"),
    (10, "refused[dangerous].mean(), refused[~dangerous].mean()",
     "(refused & dangerous).mean(), (refused & ~dangerous).mean()",
     "divided by all questions"),
    (11, " + 1 - judge(question, b, a)", " + judge(question, b, a)", "1 minus it"),
    (11, "/ (1 - chance)", "", "divide by 1 - chance"),
]  # fmt: skip


@pytest.mark.parametrize(("n", "old", "new", "told"), SLIPS)
def test_a_learners_slip_is_recognised(n, old, new, told, tmp_path):
    source = solution(n).read_text(encoding="utf-8")
    assert source.count(old) == 1
    file = tmp_path / "mine.py"
    file.write_text(source.replace(old, new))
    failed = [v for v in grade.grade_file(n, file) if not v["passed"]]
    assert len(failed) == 1  # the other function of the file is still right
    assert (told or "in case 1 of") in failed[0]["says"]


# -------------------------------------------------------------------------------- is the right answer right?
def the(name):
    return next(exercise for _, exercise in ALL if exercise.name == name)


def library_layer_norm(g, x, gain):
    x, gain, bias = (Tensor(a, requires_grad=True) for a in (x, gain, np.zeros(len(gain))))
    layer_norm(x, gain, bias).backward(g)
    return x.grad, gain.grad, bias.grad


def library_softmax_loss(logits, targets):
    logits = Tensor(logits, requires_grad=True)
    (-token_log_probs(logits, targets).mean()).backward()
    return logits.grad


def library_reward_loss(chosen, rejected):
    chosen, rejected = Tensor(chosen, requires_grad=True), Tensor(rejected, requires_grad=True)
    loss, _ = reward.bradley_terry_loss(chosen, rejected)
    loss.backward()
    return loss.item(), chosen.grad, rejected.grad


def one_row(function):
    """A batch function of the library on a single answer."""
    return lambda *arrays: function(*[np.asarray(a)[None] for a in arrays])


LIBRARY = {
    "layer_norm_backward": library_layer_norm,
    "softmax_loss_gradient": library_softmax_loss,
    "next_token_loss": lambda logits, ids: -token_log_probs(logits[:-1], ids[1:]).data.mean(),
    "sft_loss": lambda logprobs, mask: sft_loss(logprobs, mask)[1]["loss"],
    "preference_probability": lambda a, b: np.array([exact.bradley_terry(np.array(pair))[0, 1] for pair in zip(a, b)]),
    "reward_loss": library_reward_loss,
    "gae": lambda r, v, gamma, lam: ppo.gae(r[None], v[None], np.ones((1, len(r))), gamma, lam)[0][0],
    "clipped_policy_loss": lambda *a: policy_gradient.ppo_policy_loss(*a)[0].item(),
    "kl_penalized_rewards": lambda score, p, q, beta: policy_gradient.kl_penalized_rewards(
        np.array([score]), p[None], q[None], np.ones((1, len(p))), beta
    )[0],
    "tilt": exact.optimal_policy,
    "dpo_loss": lambda *a: dpo_loss(*a)[0].item(),
    "calibration_error": lambda p, c, bins: reward.calibration((2 * c - 1) * np.log(p / (1 - p)), bins)["ece"],
}


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.underflow
def test_the_right_answers_are_those_of_the_library(name):
    exercise = the(name)
    for seed in range(3):
        for case in exercise.cases(np.random.default_rng(seed)):
            assert grade.same(LIBRARY[name](*case), exercise.answer(*case)), grade.difference(
                LIBRARY[name](*case), exercise.answer(*case)
            )


def test_the_mask_of_exercise_3_is_the_batchs():
    batch = conversations([("what?", "it is."), ("why is it so?", "no.")])
    for ids, mask in zip(batch.ids, batch.mask):
        assert grade.same(mask, the("answer_mask").answer(ids))


# -------------------------------------------------------------------------------- the learner's own file
def told_by(tmp_path, source, n=6, seconds=10, name="mine.py"):
    file = tmp_path / name
    file.write_text(source)
    return grading.grade(n, file, seconds)


def test_an_endless_loop_is_ended_and_its_line_named(tmp_path):
    graded = told_by(tmp_path, "def gae(*_):\n    while True:\n        print('x' * 1000)\n", seconds=1)
    first, second = (v["says"] for v in graded["functions"])
    assert first == "still running after 1 seconds in line 3: an endless loop?" and "not reached" in second
    assert not graded["passed"] and graded["seconds"] < 15


def test_a_crash_of_python_itself_is_told_kindly_and_what_was_right_stays_right(tmp_path):
    crash = "\n\ndef clipped_policy_loss(*_):\n    import ctypes\n    ctypes.string_at(0)\n"
    gae_alone = solution(6).read_text(encoding="utf-8").split("\n\n\ndef clipped")[0]
    graded = told_by(tmp_path, gae_alone + crash)
    assert [v["passed"] for v in graded["functions"]] == [True, False]
    assert "Python itself ended" in graded["functions"][1]["says"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def gae(:", "line 1: SyntaxError"),
        ("x = 1\nx / 0", "line 2: ZeroDivisionError"),
        ("raise SystemExit(3)", "line 1: SystemExit: 3"),
        ("import no_such_thing", "ModuleNotFoundError"),
        ("", "there is no function gae in this file"),
        ("gae = 3", "there is no function gae"),
        ("from minialign.ppo import gae", "the library's own"),
        ("def gae(rewards):\n    return rewards", "TypeError: gae() takes 1 positional argument but 4 were given"),
        ("def gae(*a):\n    pass", "returns None (is there a `return`?)"),
        ("def gae(*a):\n    return 'soon'", "returns a str"),
        ("def gae(r, v, g, l):\n    return 0.5", "shape (), and (3,) is wanted"),
        ("def gae(r, v, g, l):\n    return r", "at [0] is"),
        ("def gae(r, v, g, l):\n    r *= v\n    return\n    x()", "None"),
        ("def gae(r, v, g, l):\n    y = r[99]", "line 2: IndexError"),
        ("def gae(*a):\n    return gae(*a)", "RecursionError"),
        ("def gae(*a):\n    exit()", "SystemExit"),
    ],
)
def test_whatever_a_file_does_is_told_in_words(source, told, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(source)
    first, second = grade.grade_file(6, file)
    assert not first["passed"] and told in first["says"], first
    assert not second["passed"] and second["says"] != first["says"]  # a file that cannot be read is told once


def test_a_tensor_or_a_list_is_as_good_as_an_array(tmp_path):
    gae = the("gae")
    assert grade.grade(gae, lambda *a: Tensor(gae.answer(*a)))["passed"]
    assert grade.grade(gae, lambda *a: gae.answer(*a).tolist())["passed"]
    assert grade.grade(the("reward_loss"), lambda *a: list(the("reward_loss").answer(*a)))["passed"]


def test_who_writes_into_the_arguments_harms_only_himself():
    def careless(rewards, values, gamma, lam):
        answer = the("gae").answer(rewards, values, gamma, lam)
        rewards[:], values[:] = 0, 0
        return answer

    assert grade.grade(the("gae"), careless)["passed"]


# -------------------------------------------------------------------------------- the command
def test_check_grades_the_file_that_is_named_or_the_one_that_lies_here(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "4"]) == 2  # nothing here: no other file is graded in its place
    assert "there is no lessons/exercises/ex04.py here" in capsys.readouterr().err
    (tmp_path / "lessons" / "exercises").mkdir(parents=True)
    shutil.copy(stub(4), "lessons/exercises/ex04.py")
    assert main(["check", "4"]) == 1
    said = capsys.readouterr().out
    assert said.count("not yet") == 2 and "lessons/exercises/ex04.py" in said.replace("\\", "/") and "--hint 1" in said
    assert main(["check", "4", str(solution(4))]) == 0
    said = capsys.readouterr().out
    assert said.count("  right ") == 2 and "hint" not in said
    assert main(["check", "4", "nowhere.py"]) == 2
    assert "there is no file nowhere.py" in capsys.readouterr().err


def test_a_class_is_graded_with_one_line_a_student(tmp_path, capsys):
    noisy = tmp_path / "noisy.py"
    noisy.write_text("print('\\x1b[31mhello')\n" + solution(5).read_text(encoding="utf-8"))
    assert main(["check", "5", "--json", str(stub(5)), str(noisy)]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["passed"], second["passed"]) == (False, True)
    assert first["exercise"] == 5 and first["file"] == str(stub(5)) and first["functions"][0]["name"] == "reward_loss"
    assert second["printed"] == "\x1b[31mhello\n"
    assert "\\x1b[31mhello" in told(second)  # escaped where it is printed


def test_what_a_file_prints_does_not_push_the_verdict_off_the_screen(tmp_path):
    graded = told_by(tmp_path, "print('x' * 1000)\nfor i in range(1000):\n    print(i)\n" + solution(5).read_text(encoding="utf-8"), 5)
    said = told(graded).splitlines()
    assert graded["passed"] and len(said) <= 14 and max(map(len, said[1:])) <= 88 and said[-1] == "    ... and more"


@pytest.mark.parametrize("arguments", ["check", "check 0", "check 12", "check one", "check 3 --hint 4"])
def test_a_wrong_command_line_is_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    said = capsys.readouterr().err
    assert stop.value.code == 2 and len(said.splitlines()) == 1 and "FILE" not in said  # that one may be left out


def test_there_are_three_hints_each_says_more_than_the_one_before(capsys):
    for _, exercise in ALL:
        assert len(exercise.hints) == len(set(exercise.hints)) == 3 and all(exercise.hints)
    said = []
    for number in (1, 2, 3):
        assert main(["check", "6", "--hint", str(number)]) == 0
        said.append(capsys.readouterr().out)
        assert said[-1].startswith("gae: ") and "\nclipped_policy_loss: " in said[-1]
        assert said[-1].isascii() and max(map(len, said[-1].splitlines())) <= 88
    assert len(set(said)) == 3


def test_all_that_is_said_is_plain_text():
    for _, exercise in ALL:
        assert all(says.isascii() for says, _ in exercise.mistakes) and all(hint.isascii() for hint in exercise.hints)
