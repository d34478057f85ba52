# %% [markdown]
"""Lesson 3 - SFT: how does a model that continues texts learn to answer, and to stop?

QUESTION   The base model continues a question with more questions. What do a few thousand demonstrations change?
NEEDS      the base model (made once if it is missing)
TIME       about 15 s; --fast the same
EQUATION   loss = - sum of mask * log pi(token | all before it) / sum of mask          [eq: sft-loss]
           mask = 1 on the answer and its EOS, 0 on the question and the padding       [eq: answer-mask]
WATCH      1. where the mask is 0 the gradient is 0 exactly: no question is learned
           2. the first loss is that of the base model with two new signs: SFT starts where the base model ended
           3. it learns to answer: at the end it does so more often than at the start, and more often than not
           4. it learns to stop: at least four times in five it ends by itself, and more often than at the start
           5. it forgets to ask back: less often at the end than at the start
           6. the loss on answers falls by more than half, that on the questions before them by less than a quarter
           7. the imitator does not overtake its crowd: its answers are worth less (in gold) than the demonstrations
BREAK IT   --break nomask   the questions are learned as well -> 1, 6
           --break noend    the end token (EOS) of an answer is not learned -> 3, 4
           --break one      one demonstration, shown again and again -> 3, 6
EXERCISES  (2 min, run) --break nomask: what does the model write after a lone <user>?
           (5 min, change) in section 3 write 4 for recipe.sft.batch_size in sft.epochs, and four times
           the n_steps (680 with --fast, else 1200): does the loss on unseen answers fall further?
           (15 min, think) one demonstration in twelve is wrong. Can any loss of this kind find out which?
           (20 min, curve) SFT on 32, 256 and all demonstrations, for equally many steps (few need more epochs in
           sft.epochs), without replay (replace(recipe.sft, replay_weight=0.0)): log the loss on unseen answers in
           look(). Where does it turn?
           (write) minialign check 3
           (3 min, answer) minialign quiz 3
"""

# %% [markdown]
# A new colleague starts at the help desk. She has read every letter in the archive, so she knows the language, the
# products and the tone. But she has never sat at a telephone. Ask her something and she carries on as letters do. What
# she lacks is not knowledge, it is the *form*: somebody asks, you answer, you stop. Show her a few thousand good calls,
# and she will pick it up within the week.
#
# That is supervised fine-tuning, SFT. It takes the base model of lesson 2, a format for conversations, and a pile of
# demonstrations: a question, an answer that somebody wrote, the end.
#
# ```text
#  <user> w h a t   d o e s   a   c o w   s a y ? <bot> i t   s a y s   m o o . <eos> <pad> <pad>
#  mask:  0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0   0   1 1 1 1 1 1 1 1 1 1 1 1   1     0     0
#         |<--- read, and never learned --------->|      |<-- learned, token by token -->|
# ```

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

import numpy as np

from minialign import batch, evaluate, sft
from minialign.autograd import Tensor
from minialign.checkpoint import trainable_copy
from minialign.figures import lesson_plots
from minialign.generate import generate
from minialign.likelihood import log_probs_array
from minialign.runs.text import shown
from minialign.teach.lesson import Lesson
from minialign.tokenizer import BOT, EOS, PAD, USER, encode
from minialign.world import demonstrations, five_questions, judge, judge_response, report_questions

lesson = Lesson(__file__, __doc__)
recipe, rng = lesson.recipe, lesson.rng

# %% [markdown]
# ## 1. Demonstrations, and what is learned from them
# What is in brackets below is what the loss sees. The question is *read*: every token of the answer is predicted with
# the whole question in view. But it is not *learned*: no loss is computed on its tokens. And the answer's last token is
# the end token `<eos>`: a model that is never taught to say it after an answer does not know that it should. The first
# token of a row is never predicted, so the mask has one entry fewer than the row has tokens.
# NOTE(instructor): write one row on the board and let the class mark what the loss should count. Most forget the EOS.
# %%
lesson.section("1. Demonstrations")
base = lesson.need("base").model
crowd = demonstrations(rng, recipe.demonstrations)
data = batch.conversations(crowd, recipe.model.context_length)
for row in range(2):
    print("   " + batch.show(data[row : row + 1], colour=False).replace("<bot>", "\n      <bot>"))
print("   [what the mask lets through]")
lesson.show("answer-mask")
lesson.predict(
    "Suppose that we forget the mask, and learn the questions as well. Which habit will the model gain?",
    ["none: the questions are there anyway", "it no longer stops", "it also learns to ask"],
    2,
    "whatever the loss counts becomes more probable. After a lone <user> it then asks far more often than here.",
)

# %% [markdown]
# ## 2. The loss
# It is the loss of lesson 2, counted where a **mask** $m$ is 1. With $\pi$ for the model,
#
# $$\text{loss} = -\frac{\sum m \log \pi(\text{token} \,|\, \text{all before it})}{\sum m}$$
#
# Two lines of algebra say a great deal about it.
#
# **Where the mask is 0, the gradient is 0, exactly.** The derivative of the loss with respect to one log-probability is
# $-m / \sum m$. No gradient comes from *predicting* a token of the question. (As an input it does matter: the gradient
# of the answer's tokens flows through all that they have read.)
#
# **What would a perfect student do?** Suppose that for some question a share $q(y)$ of the crowd gives answer $y$.
# Count an answer as one sum over its tokens, $\log \pi(y) = \sum_t \log \pi(y_t \,|\, \text{all before})$. The loss,
# averaged over the crowd, is $-\sum_y q(y) \log \pi(y)$. Add and subtract $\sum_y q(y) \log q(y)$:
#
# $$-\sum_y q(y) \log \pi(y) = -\sum_y q(y) \log q(y) + \sum_y q(y) \log \frac{q(y)}{\pi(y)}$$
#
# The first term is the *entropy* of the crowd (how undecided it is), which no training can change. The second is a *KL
# divergence*, $\text{KL}(q \| \pi)$, the mean over the crowd's answers of $\log (q / \pi)$. It is never negative: since
# $\log x \le x - 1$ (with equality at $x = 1$ only),
#
# $$\sum_y q(y) \log \frac{\pi(y)}{q(y)} \le \sum_y q(y) \left( \frac{\pi(y)}{q(y)} - 1 \right) = 1 - 1 = 0$$
#
# So it is 0 only for $\pi = q$, and the best that SFT can do is to *become the crowd*, share for share. Not the best of
# the crowd. If one demonstration in twelve is wrong, the perfect student is wrong one time in twelve. The loss has no
# term that says this is bad.
#
# By hand: three of four demonstrations say A, one says B. A model that gives A one half has the loss ln 2 = 0.693. At
# three quarters the loss is $-(3 \ln 0.75 + \ln 0.25) / 4$ = 0.5623, the entropy. At nine tenths, surer than the crowd,
# it rises again, to 0.6547. The code prints all three.
#
# **A choice to know about.** The sum runs over all answer tokens of the batch, so a long answer weighs more than a
# short one. A mean for each answer first, then over answers, would weight them alike. Programs differ here, and so do
# their numbers.
# %%
lesson.section("2. The loss")
lesson.show("sft-loss")
for p in (0.5, 0.75, 0.9):  # of A, which three of four demonstrations say
    by_hand = sft.sft_loss(np.log([[p, p, p, 1 - p]]), np.ones((1, 4)))[0].item()
    print(f"   A in three of four demonstrations, a model that says it with {p:4.0%}: loss {by_hand:.4f}")
    if p == 0.75:
        lesson.number("as sure as the crowd, by hand", by_hand, ".4f", exact=0.5623, within=5e-5, why="its entropy")
if lesson.fault == "one":
    data.ids[:], data.mask[:] = data.ids[0].copy(), data.mask[0].copy()
is_text = data.ids[:, 1:] != PAD
is_question = (data.mask == 0) & is_text
mask = data.mask.copy()
if lesson.fault == "nomask":
    mask = is_text.astype(mask.dtype)
if lesson.fault == "noend":
    mask[data.ids[:, 1:] == EOS] = 0
taught = batch.Batch(data.ids, mask)

model = trainable_copy(base)
embedding = model.trunk.token_embedding.data
for token in (USER, BOT):  # never seen in pretraining: start them as a kind of space
    embedding[token] = embedding[encode(" ")[0]] + 0.01 * rng.standard_normal(embedding.shape[1])
logprobs = Tensor(log_probs_array(model, data.ids[:16]), requires_grad=True)
sft.sft_loss(logprobs, taught.mask[:16])[0].backward()
to_questions = float(np.abs(logprobs.grad[is_question[:16]]).max())
lesson.number("gradient to a question, largest", to_questions, ".1e", exact=0, within=0, why="0")

# %% [markdown]
# ## 3. Train, and ask on the way
# Three habits are watched on questions that the model has never seen: does it answer, does it stop, does it still ask
# back? Beside the demonstrations it rehearses a little of its old internet (*replay*), because a tiny model forgets
# facts that it does not use. With the internet it also rehearses texts in which people ask, so a lone `<user>` may
# still draw a question from it. Habits need not grow steadily, and each row of the table is a sample of some 80
# answers: compare ends, and do not read much into a single row. Its losses are per character; the by-hand numbers above
# were per answer.
# %%
lesson.section("3. Training")
n_steps = 170 if lesson.fast else 300
questions = report_questions(80)
unseen = batch.conversations(demonstrations(rng, 64))
not_asked = (unseen.mask == 0) & (unseen.ids[:, 1:] != PAD)
visits = {int(step) for step in np.geomspace(5, n_steps, 6).round()} | {0}
snapshots = {name: [] for name in ("step", "answers", "ends", "asks", "loss on answers", "loss on questions")}


def look(step, model, history):
    """What the model does with questions that it has never seen, sampled with the same seed every time."""
    if step in visits:
        rng_of_asking = np.random.default_rng(lesson.seed)
        said = evaluate.answer(model, questions, judge_response, 1.0, rng_of_asking, recipe.max_new_tokens).responses
        snapshots["step"].append(step)
        snapshots["answers"].append(np.mean([evaluate.answers_and_stops(response) for response in said]))
        snapshots["ends"].append(np.mean([response.ended for response in said]))
        snapshots["asks"].append(np.mean(["?" in response.text for response in said]))
        logprobs = log_probs_array(model, unseen.ids)
        snapshots["loss on answers"].append(-logprobs[unseen.mask > 0].mean())
        snapshots["loss on questions"].append(-logprobs[not_asked].mean())


rows = list(sft.epochs(taught, recipe.sft_epochs, recipe.sft.batch_size, rng))[:n_steps]
twin = trainable_copy(base)  # nothing of it but its two new signs is from the model that is trained
twin.trunk.token_embedding.data[[USER, BOT]] = embedding[[USER, BOT]]
expected = -(log_probs_array(twin, rows[0].ids) * rows[0].mask).sum() / rows[0].mask.sum()
replay = sft.windows(*lesson.journey.corpus(), recipe.replay_rows, recipe.window, rng)
history = sft.train_language_model(model, lesson.steps(rows, "sft"), n_steps, recipe.sft, "sft", replay, look)
if lesson.cut_short:
    visits = {len(history["loss"])}
    look(len(history["loss"]), model, history)
lesson.say("answers: states something, asks nothing and ends; ends: writes its end token; asks: has a ? in it.")
print("    step  answers   ends   asks   loss on answers   loss on questions")
for step, answers, ends, asks, on_answers, on_questions in zip(*snapshots.values()):
    print(f"   {step:5d} {answers:8.0%}{ends:7.0%}{asks:7.0%}{on_answers:18.2f}{on_questions:20.2f}")

# %% [markdown]
# ## 4. The numbers
# The first loss is that of the base model: SFT starts exactly where pretraining ended. Then look at the pair "loss on
# unseen answers" and "loss on their questions". The mask decides which of them falls. No gradient comes from a
# question, yet its loss may move a little, up or down: questions and answers share all their weights. The base model
# could already end a text (step 0 of the table); what is learned is to end after the answer.
#
# Last, compare what the demonstrations are worth in *gold* (the judge's grade) with what the imitator's answers are
# worth. A perfect student would reach the crowd: that is the ceiling of section 2. This one is small and briefly
# trained. It has picked up the form of an answer and not all of the facts, so it stays below. (The two are graded on
# different questions, too: only a large difference means something.)
#
# What the mask is worth, with `--fast` and seed 0: after a lone `<user>` this run asks in 40% of the samples, and
# `--break nomask` in 97%. Its loss on the questions ends at 0.32 instead of 2.14; that on the answers, which is what
# one wants, at 0.14 instead of 0.13. Both imitators stay below the crowd's 0.53: -0.06 with the mask, -0.23 without.
# %%
lesson.section("4. The numbers")
first, last = ({name: values[i] for name, values in snapshots.items()} for i in (0, -1))
alone = generate(model, [[USER]] * 60, recipe.max_new_tokens, 1.0, rng).responses()
for response in alone[:3]:
    print(f"   after a lone <user>: {shown(*response, width=64)}")
print("   gold, the judge's grade:")
idk = "i do not know."
for who, said in [("cow", "it says moo."), ("cow", "it says baa."), ("cow", idk), ("plamob", idk)]:
    print(f"   {judge(f'what does a {who} say?', said).gold:+6.2f}   what does a {who} say?   {said}")
answers = evaluate.answer(model, questions, judge_response, 1.0, rng, recipe.max_new_tokens)
worth = np.mean([judge(question, answer).gold for question, answer in crowd[:400]])
same_start = abs(history["loss"][0] - expected)
lesson.number("first loss - the base model's", same_start, ".1e", exact=0, within=1e-5, why="0")
lesson.number("answers, and stops", last["answers"], ".0%")
lesson.number("ends by itself", last["ends"], ".0%")
lesson.number("asks", last["asks"], ".0%")
lesson.number("after a lone <user> it asks", np.mean(["?" in response.text for response in alone]), ".0%")
lesson.number("loss on unseen answers", last["loss on answers"], ".2f")
lesson.number("loss on their questions", last["loss on questions"], ".2f")
lesson.number("gold of the crowd", worth, ".2f")
lesson.number("gold of its imitator", answers.gold.mean(), ".2f")
lesson.reveal()
print()
greedy = evaluate.answer(model, [p.text for p in five_questions()], judge_response, 0.0, None, recipe.max_new_tokens)
for question, response in zip(greedy.questions, greedy.responses):
    print(f"   {question:<36}{shown(*response, width=48)}")

# %% [markdown]
# ## 5. What was seen
# Misconception: "then SFT is enough, what is RLHF (reinforcement learning from human feedback: lessons 4 to 6) for?"
# SFT can only say: be like this. It cannot say "prefer this one to that one", and it cannot say "not this". The crowd's
# mistakes are imitated like the rest, which is where votes come in.
# %%
lesson.section("5. What was seen")
lesson.claim(1, to_questions == 0)
lesson.claim(2, same_start < 1e-5)
lesson.claim(3, last["answers"] > max(0.5, first["answers"]), f"{first['answers']:.0%} -> {last['answers']:.0%}")
lesson.claim(4, last["ends"] > max(0.8, first["ends"]), f"{first['ends']:.0%} -> {last['ends']:.0%}")
lesson.claim(5, last["asks"] < first["asks"], f"{first['asks']:.0%} -> {last['asks']:.0%}")
fell = {part: 1 - last[f"loss on {part}"] / first[f"loss on {part}"] for part in ("answers", "questions")}
only_answers = fell["answers"] > 1 / 2 and fell["questions"] < 1 / 4
lesson.claim(6, only_answers, "by {answers:.0%} and {questions:.0%}".format(**fell))
lesson.claim(7, answers.gold.mean() < worth, f"{answers.gold.mean():.2f} < {worth:.2f}")
before = evaluate.continue_bare(base, questions, judge_response, 1.0, rng, recipe.max_new_tokens).responses
bare = np.mean([evaluate.begins_with_question(response.text) for response in before])
lesson.picture("shares", *lesson_plots.learning_to_answer(snapshots, bare))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# Also *instruction tuning*; a demonstration is a *prompt* with its *completion* or *response*; the fixed frame of
# `<user>` and `<bot>` is the *chat template*; learning by imitation is *behaviour cloning*. That the model must later
# continue its own text, and not the demonstrator's, so that small slips can add up, is called *exposure bias*.
#
# What goes wrong: the padding token and the end token are the same, the loss ignores padding, and the model never
# learns to stop. The mask is shifted by one, and the first token of every answer goes untaught. The template at
# training has a space that the template in use lacks. Too many passes over too few demonstrations: the loss on unseen
# ones rises, though for RLHF people often accept that. And facts in demonstrations that the model did not know before
# do not teach it those facts so much as the habit of sounding sure.
#
# Very little data can be enough for the form. It is never enough for knowledge: that comes from pretraining, or not at
# all.
#
# ## In TRL today
# As of September 2026: `SFTTrainer`. With columns `prompt` and `completion` the prompt is masked by default; with a
# single `text` column nothing is, unless you ask for it. The loss is a mean over all tokens of the batch, as here.
#
# ## Further reading
# * Ouyang et al., *Training Language Models to Follow Instructions with Human Feedback*, 2022 (arXiv 2203.02155),
#   section 3.5: SFT as the first of three steps.
# * Zhou et al., *LIMA: Less Is More for Alignment*, 2023 (arXiv 2305.11206): a thousand demonstrations.
# * Ross, Gordon, Bagnell, *A Reduction of Imitation Learning and Structured Prediction to No-Regret Online Learning*,
#   2011 (arXiv 1011.0686): why imitators drift.
