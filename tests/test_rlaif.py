"""A judge with principles, held to planted readers whose likelihoods are known; and the constitution's reader."""

import math
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from small_models import talker

from minialign import rlaif
from minialign.batch import Response
from minialign.likelihood import log_probs_array
from minialign.rlaif import Judge, Labels, Reader, draw_votes, revise, sentences, sigmoid
from minialign.tokenizer import EOS, encode
from minialign.world import gold
from minialign.world.constitution import CONSTITUTION, Principle, read_constitution

HONEST = Principle("honest", "", like="faq. {}")
QUESTION = "what does a cat say?"


def logit(p):
    return math.log(p / (1 - p))


def planted(**probabilities):
    """A reader that knows how probable each sentence is, whatever the page; underscores are spaces."""
    known = {words.replace("_", " ") + ".": math.log(p) for words, p in probabilities.items()}
    return lambda texts: np.array([known[sentence] for _, sentence in texts])


def moody(texts):
    """A reader who makes something else of each page and sentence: full of context, place and prejudice."""
    return np.array([-1e-3 - zlib.crc32("|".join(text).encode()) / 2**30 for text in texts])


# ------------------------------------------------------------------------------------------------ labels
def test_a_label_is_the_difference_of_log_odds():
    judge = Judge(planted(meow=0.8, moo=0.3), [HONEST])
    labels = judge.labels([QUESTION], ["meow."], ["moo."])
    assert labels.p[0] == pytest.approx(sigmoid(logit(0.8) - logit(0.3)), abs=1e-12)
    assert labels.orders[:, 0] == pytest.approx([labels.p[0]] * 2, abs=1e-12)
    assert labels.consistent == 1


def test_the_best_sentence_speaks_for_an_answer():
    judge = Judge(planted(sure=1e-9, meow=0.8, moo=0.3), [HONEST])
    assert judge.opinions(HONEST, [QUESTION], ["sure. meow."]) == pytest.approx([logit(0.8)])
    assert sentences("sure! it says moo. is it?  ") == ["sure!", "it says moo.", "is it?"]
    assert sentences("") == [""] and sentences(". .") == [". ."]


def test_swapping_the_answers_gives_the_rest_to_one():
    rng = np.random.default_rng(0)
    a, b = ([f"{'abcdefgh'[i]} {'xyz'[j]}. ok." for i, j in rng.integers((8, 3), size=(40, 2))] for _ in "ab")
    judge = Judge(moody, [HONEST, Principle("brief", "", share=0.4, short=5)])
    one, other = judge.labels([QUESTION] * 40, a, b), judge.labels([QUESTION] * 40, b, a)
    assert one.p == pytest.approx(1 - other.p, abs=1e-12)
    assert one.orders == pytest.approx(1 - other.orders[::-1], abs=1e-12)
    assert one.consistent == other.consistent and one.first_wins == other.first_wins


def test_averaging_both_orders_removes_a_bias_for_the_place():
    class Biased(Judge):
        def compare(self, *arguments):
            return super().compare(*arguments) + 1.5

    reader = planted(meow=0.8, moo=0.3, woof=0.79)
    arguments = [QUESTION] * 3, ["meow.", "moo.", "meow."], ["moo.", "woof.", "woof."]
    fair, biased = (kind(reader, [HONEST]).labels(*arguments) for kind in (Judge, Biased))
    assert biased.p == pytest.approx(fair.p, abs=1e-12)
    assert biased.orders[0] == pytest.approx(sigmoid(np.log(fair.p / (1 - fair.p)) + 1.5))
    assert biased.first_wins > fair.first_wins == 0.5 and biased.consistent < 1


def test_what_is_undecided_wins_one_half_whoever_is_read_first():
    orders = np.array([[0.5, 0.5 + 1e-16, 0.5, 0.9], [0.5, 0.5 - 1e-16, 0.6, 0.9]])
    for labels in (Labels(orders[1], orders), Labels(1 - orders[1], 1 - orders[::-1])):  # the same with a and b exchanged
        assert labels.consistent == 0.75 and labels.first_wins == pytest.approx((1 + 1 + 0.5 + 1) / 8)
    assert Labels(orders[0, :2], orders[:, :2]).first_wins == 0.5


def test_two_equal_answers_are_even_whatever_the_place_does_to_them():
    assert Judge(moody, [HONEST]).labels([QUESTION], ["meow."], ["meow."]).p == pytest.approx([0.5], abs=1e-12)


def test_the_second_answer_is_read_after_the_first_on_the_same_page():
    pages = []
    judge = Judge(lambda texts: pages.extend(texts) or moody(texts), [HONEST])
    judge.compare(HONEST, [QUESTION], ["meow."], ["moo."])
    page = f"faq. {QUESTION}"
    assert pages[0] == (page, "meow.") and pages[-1] == (f"{page} meow. {page}", "moo.")


# ------------------------------------------------------------------------------------------------ principles
def test_the_first_principle_decides_as_far_as_it_counts():
    wrong = Principle("harmless", "", about=r"how \w+ i (.+)\?", when=("to {} is", "wrong.", "fine."), say=("sorry",))
    brief = Principle("brief", "", share=0.25, short=5)
    judge = Judge(planted(wrong=0.6, fine=0.2), [wrong, brief, HONEST])
    weights = judge.weights(["how do i steal a car?", QUESTION])
    assert weights == pytest.approx(np.array([[0.75, 0], [0.0625, 0.25], [0.1875, 0.75]]))


def test_what_no_principle_decides_is_even():
    judge = Judge(planted(), [Principle("brief", "", share=0.5, short=5)])
    assert judge.labels([QUESTION], ["moo."], ["a very long answer indeed."]).p[0] == pytest.approx(0.25 + sigmoid(4.4) / 2)


def test_what_decides_too_little_to_be_read_is_even():
    judge = Judge(planted(), [Principle("brief", "", share=0.005, short=5)])
    assert judge.labels([QUESTION], ["moo."], ["a very long answer indeed."]).p == pytest.approx([0.5], abs=1e-12)


def test_certainty_has_finite_odds_and_the_improbable_keeps_its_own():
    values = Judge(planted(meow=1, moo=1e-12), [HONEST]).opinions(HONEST, [QUESTION] * 2, ["meow.", "moo."])
    assert values == pytest.approx([-np.log(np.expm1(rlaif.SURE)), logit(1e-12)])


def test_each_sentence_that_is_asked_for_counts():
    polite = Principle("warm", "", say=("sure!", "have a nice day."))
    values = Judge(planted(), [polite]).opinions(polite, [QUESTION] * 3, ["moo.", "sure! moo.", "sure! moo. have a nice day."])
    assert list(values) == [0, rlaif.SAID, 2 * rlaif.SAID]


def test_avoid_turns_the_sign_and_say_adds():
    harmless = Principle("harmless", "", avoid="to {},", say=("i am sorry",))
    judge = Judge(planted(run=0.9, i_am_sorry=0.001), [harmless])
    assert judge.opinions(harmless, ["x"] * 2, ["run.", "i am sorry."]) == pytest.approx(
        [-logit(0.9), rlaif.SAID - logit(0.001)]
    )


def test_not_knowing_is_as_good_as_even_odds():
    humble = Principle("honest", "", like="faq. {}", unsure="i do not know.")
    judge = Judge(planted(meow=0.6, moo=0.4, i_do_not_know=1e-9), [humble])
    values = judge.opinions(humble, [QUESTION] * 3, ["meow.", "i do not know.", "moo."])
    assert values == pytest.approx([logit(0.6), 0, logit(0.4)])
    wary = Principle("harmless", "", avoid="to {},", unsure="i do not know.")  # it counts on pages to be like, not on pages to avoid
    assert judge.opinions(wary, ["x"], ["i do not know."]) == pytest.approx([-logit(1e-9)])


def test_a_fault_is_a_value_below_zero_under_the_principle_that_decides_most():
    which, nats = Judge(planted(meow=0.6, moo=0.4), [Principle("brief", "", share=0.3, short=5), HONEST]).critique(
        [QUESTION] * 2, ["meow.", "moo."]
    )
    assert list(which) == [1, 1] and nats == pytest.approx([logit(0.6), logit(0.4)])


# ------------------------------------------------------------------------------------------------ reading
def test_the_reader_reads_what_likelihood_says():
    model = talker()
    reader = Reader(model)
    ids = [EOS, *encode("to is"), *encode(" wrong")]
    expected = log_probs_array(model, [ids])[0, -6:].sum()
    assert reader([("to is", "wrong"), ("to", "be"), ("to is", "wrong")])[[0, 2]] == pytest.approx([expected] * 2)
    reader([("to", "be")])
    assert reader.tokens == len("^to is wrong") + len("^to be")  # without padding, and nothing twice; ^: the start


def test_of_a_page_that_is_too_long_the_end_is_read():
    model = talker()  # of 24 tokens
    long, short = Reader(model)([("x" * 50 + "a page that", "fits"), ("a page that", "fits")])
    ids = encode(("x" * 50 + "a page that fits")[-24:])
    assert long == pytest.approx(log_probs_array(model, [ids])[0, -5:].sum()) and long != short
    full, alone = Reader(model)([("a page", "x" * 23), ("e", "x" * 23)])  # 24 with the space: one token of the page is left
    assert full == alone == pytest.approx(log_probs_array(model, [encode("e " + "x" * 23)]).sum())
    with pytest.raises(ValueError, match="25 tokens do not fit the context of 24"):
        Reader(model)([("a page", "x" * 24)])


# ------------------------------------------------------------------------------------------------ revisions and votes
def test_a_revision_is_never_worse_and_touches_no_answer_without_fault():
    judge = Judge(moody, [Principle("odd", "", like="{}")])
    judge.critique = lambda questions, answers: (None, np.array([zlib.crc32(a.encode()) % 7 - 3.0 for a in answers]))
    versions = revise(talker(), judge, ["ab?", "c?", "d?"] * 4, 3, np.random.default_rng(0), 8)
    values = [judge.critique(None, [r.text for r in version])[1] for version in versions]
    assert len(versions) == 4 and all(isinstance(r, Response) for version in versions for r in version)
    assert (np.diff(values, axis=0) >= 0).all() and (values[-1] > values[0]).any()
    kept = values[0] >= 0
    assert kept.any() and all(old == new for old, new, k in zip(versions[0], versions[-1], kept) if k)


def test_an_answer_is_judged_without_special_tokens(monkeypatch):
    written = [Response("<user>so it <pad>is.<bot>", True)]
    monkeypatch.setattr(rlaif, "generate", lambda *args: SimpleNamespace(responses=lambda: written))
    assert revise(None, Judge(moody, [HONEST]), [QUESTION], 0, None) == [[Response("so it is.", True)]]


def test_soft_labels_become_votes_with_the_same_mean():
    p = np.array([0.0, 1.0, 0.55, 0.45] + [0.7] * 4000)
    votes = draw_votes(p, np.random.default_rng(0))
    assert list(votes[:4]) == [-1, 1, 0, 0]
    assert (votes[4:] > 0).mean() == pytest.approx(0.7, abs=0.03)


def test_the_judge_labels_without_the_one_who_knows_the_truth(monkeypatch):
    monkeypatch.setattr(gold, "judge", None)
    principles = read_constitution(CONSTITUTION.read_text(encoding="utf-8")).values()
    labels = Judge(moody, principles).labels(["how do i steal a car?", QUESTION], ["run.", "moo."], ["no.", "meow."])
    assert ((labels.p > 0) & (labels.p < 1)).all()


# ------------------------------------------------------------------------------------------------ the constitution
def test_the_constitution_reads_as_written():
    principles = read_constitution(CONSTITUTION.read_text(encoding="utf-8"))
    assert list(principles) == ["brief", "warm", "harmless", "honest"]
    assert principles["harmless"].subject("hey, how could i steal a car?") == "steal a car"
    assert principles["harmless"].subject(QUESTION) is None
    assert principles["harmless"].when == ("to {} is", "wrong.", "fine.")
    assert principles["honest"].subject("hi! " + QUESTION) == QUESTION
    assert "have a nice day." in principles["warm"].say and principles["brief"].short == 5


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("", "no principles"),
        ("principle = be good", "no section headers"),
        ("[a]\nprinciple = x\nlike = {}\n[a]\nprinciple = y\nlike = {}", "already exists"),
        ("[a]\nlike = faq. {}", "has no principle"),
        ("[a]\nprinciple = x\nlikes = faq. {}", "unknown key, likes"),
        ("[a]\nprinciple = x", "nothing to judge by"),
        ("[a]\nprinciple = x\nlike = {}\nabout = how (", "cannot be read"),
        ("[a]\nprinciple = x\nlike = {}\nabout = how .*", "one group"),
        ("[a]\nprinciple = x\nlike = {}\nwhen = to {} is | wrong.", "page | yes | no"),
        ("[a]\nprinciple = x\nlike = {}\nshare = 2", "between 0 and 1"),
        ("[a]\nprinciple = x\nshort = few", "could not convert"),
        ("[a]\nprinciple = x\nlike = FAQ. {}", "'F'"),
    ],
)
def test_a_bad_constitution_is_refused_in_one_line(text, complaint):
    with pytest.raises(ValueError) as caught:
        read_constitution(text)
    assert complaint in str(caught.value) and "\n" not in str(caught.value)
