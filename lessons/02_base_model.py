# %% [markdown]
"""Lesson 2 - The base model: what does an autocomplete do with a question?

QUESTION   A model reads a little internet and learns one thing only: which character comes next. Now ask it something.
NEEDS      the base model (made once if it is missing)
TIME       4 min for the base model, then about 20 s; --fast about 40 s the first time, then 8 s
EQUATION   loss = - mean log pi(next character | all before it)                          [eq: next-token]
           attention: each takes a weighted mean of what it and those before it offer      [eq: causal-attention]
WATCH      1. a model without opinions (equal logits) has a loss of exactly ln V: it guesses among V characters
           2. changing the future changes no past prediction, not even in the last digit: the answer cannot be copied
           3. the attention weights sum to 1: what a character takes is a mean
           4. equal seeds, equal numbers: trained again, its first ten losses are the recorded ones
           5. its loss ends below what counting triples (trigrams) reaches, but not near 0: texts are not predictable
           6. at least four in five of the words that it writes are words of its training texts
           7. asked a question, it mostly goes on with another question: it is not failing, it is continuing
BREAK IT   --break nomask   attention may look at the future -> 2, 4, 5, 6, 7
           --break shift    the target is the character that the model already sees -> 4, 5, 6
           --break nopos    no character knows its position -> 4, 6
EXERCISES  (2 min, run) --break nomask: the loss is better than it should be. Why is that the worst sign of all?
           (5 min, change) temperature: in section 4 write 0.5 for 1.0 in both calls of continue_bare: what do the
           continuations gain, and what do they lose?
           (15 min, think) "a base model is a broken assistant": how could you get an answer from it without training?
           (20 min, curve) the first 60 steps of pretraining at a third of the learning rate, and at three times: for
           each a new build(rng), and replace(recipe.base, lr=..., muon_lr=...), the rates of two optimisers (rules for
           the step): AdamW's, and that of Muon, which moves the matrices inside. Plot the losses
           (write) minialign check 2
           (3 min, answer) minialign quiz 2
"""

# %% [markdown]
# The keyboard of your phone suggests the next word. It does not understand you. It has seen a great many messages, and
# knows what usually follows "see you". Make the model larger, feed it the internet instead of messages, and let it go
# on and on from its own suggestions: that is a base model. It has one skill, to say what probably comes next, and it
# was never asked to be helpful.
#
# How can a machine learn that? It needs a measure of how wrong it is (the loss), and a way to look at everything that
# came before (attention).
#
# ```text
#  what a base model reads:   what does a cat s a y ? _          "_": which character is next?
#  position t asks:           query q_t   "I am after a question mark: what was asked, and about whom?"
#  every position s up to t:  key k_s     "I am the name of an animal"         --> score q_t . k_s
#                             value v_s   "it was: cat"                        --> taken in proportion
# ```

# %%
import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread, and makes training steps faster

import math
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import numpy as np

from minialign import functional, pipeline, sft
from minialign.autograd import no_grad
from minialign.evaluate import begins_with_question, continue_bare
from minialign.figures import lesson_plots
from minialign.likelihood import log_probs_array
from minialign.model import LanguageModel
from minialign.runs.text import shown
from minialign.teach.lesson import Lesson
from minialign.teach.measurements import attention_of, counting_loss
from minialign.tokenizer import VOCAB_SIZE, decode, encode
from minialign.world import five_questions, judge_response, report_questions

lesson = Lesson(__file__, __doc__)

# %% [markdown]
# ## 1. Its internet
# A few of the documents that it reads. They are short, they repeat themselves, and they contain the facts of this
# little world, and people's mistakes about them. In some of them people ask one question after another.
#
# The alphabet has a few extra signs beside the letters: `<user>` and `<bot>` for the conversations of lesson 3, `<eos>`
# for the end of a text, `<pad>` to fill up. Pretraining uses `<eos>` alone. A sample taken early on may contain the
# others all the same, in the middle of a word: they are characters like any other to a model that has not yet learned
# that they never come.
# %%
lesson.section("1. The internet that it reads")
recipe = lesson.recipe
if lesson.fast or lesson.fault:  # it is about pretraining, so it pretrains: for a shorter time, a broken model too
    recipe = replace(pipeline.FAST, shipped_base=False, base_steps=400)
    lesson.journey = pipeline.Journey(recipe, lesson.seed, lesson.journey.folder, lesson.journey.say)
stream, starts = lesson.journey.corpus()
for start in starts[[0, 1, 2, 6]]:
    print("   " + shown(decode(stream[start + 1 : start + 110]).split("<eos>")[0], True, 84))
words = set(decode(stream[:400_000]).replace("<eos>", " ").split())
lesson.predict(
    "The model has read all of it. You write: what does a cat say?  How does it go on?",
    ["it says meow.", "with another question", "with letters at random"],
    1,
    "in its texts questions follow questions. It continues the text; nobody told it that you want an answer.",
)

# %% [markdown]
# ## 2. What it computes, and what nobody may do: look ahead
# **The loss.** Write $\pi(c \,|\, \text{before})$ for the probability that the model gives to the next character $c$.
# The probability of a whole text is the product along the way, and its logarithm is a sum,
# $\log \pi(\text{text}) = \sum_t \log \pi(c_t \,|\, \text{before})$. Turn the sign round, take the mean over all
# characters:
#
# $$\text{loss} = -\text{mean} \log \pi(\text{next character} \,|\, \text{all before it})$$
#
# This is the **cross-entropy**. It is measured in **nats**: the logarithm is natural, and one nat is a factor of $e$.
# It is 0 for a model that is always sure and right, and $\ln V$ for one that guesses evenly among $V$ characters (36
# here). $e^{\text{loss}}$ is the **perplexity**: the model is as undecided as if it chose evenly among that many
# characters. The loss cannot reach 0: nobody can guess which animal the next document is about.
#
# The network ends in $V$ numbers, the **logits** $z$. **Softmax** makes probabilities of them: exponentiate, so that
# all are positive (first subtract the largest: `exp(1000)` is infinite, and a shift cancels), and divide by the sum,
# $p_c = e^{z_c} / \sum_j e^{z_j}$. Lesson 1 derives what training then does to the logits: the gradient of the loss is
# $p$ minus 1 at the right character. A step against it raises the logit of the character that came; the others fall in
# proportion to their probabilities.
#
# **Attention.** Each position carries a vector: first the one learned for its character (the *embedding*). To predict,
# position $t$ needs things that are further back: which animal was it? So it sends out a question and takes a mean of
# the answers. Three linear maps of each vector, each to $D$ numbers, make this
# possible: a **query** $q$ (what am I looking for?), a **key** $k$ (what do I have to offer?) and a **value** $v$ (the
# offer itself). Step by step:
#
# 1. Score every position $s \le t$, its own included, by how well its key fits the query:
#    $S_{ts} = q_t \cdot k_s / \sqrt{D}$. A dot product sums $D$ random terms of size 1; their variances add up to $D$,
#    so it is about $\sqrt{D}$ large. Dividing keeps the softmax from being sure before it has learned anything.
# 2. Remove the future: $S_{ts} = -\infty$ for $s > t$. Otherwise position $t$ would copy the very character that it is
#    asked to predict.
# 3. Softmax over $s$: weights $A_{ts}$, positive, with the sum 1.
# 4. Take the mean: $y_t = \sum_s A_{ts} v_s$.
#
# In matrices, $y = A v$ with $A = \text{softmax}(q k^T / \sqrt{D})$: the code shown divides $q$ beforehand, and goes
# block by block. Several such **heads** work side by side, each with its own three maps; their means, put end to end,
# go through one more. As a mean does not know about order, queries and keys are first turned, each pair of their
# numbers at a speed of its own, by an angle that grows with the position (**rotary** positions). Turned by $a t$ and
# $a s$, they meet at an angle that has changed by $a (t - s)$: a score depends on how far apart two positions are.
#
# By hand, with $D = 1$: three positions, all queries 1, keys 0, ln 2 and 0, values 2, 4 and 10. The third position sees
# scores 0, ln 2, 0. Their exponentials are 1, 2, 1, so the weights are 1/4, 1/2, 1/4, and the mean is 0.5 + 2 + 2.5 =
# 5.000. The second position may not see the third: weights 1/3 and 2/3, mean 10/3. The code prints all three.
#
# Between attention layers every position thinks for itself (a small network of two layers). Everything is *added* to
# the vector that was there: through a sum a gradient passes unchanged.
# %%
lesson.section("2. Attention, and the loss")
lesson.show("causal-attention")
three = ([1, 1, 1], [0, math.log(2), 0], [2, 4, 10])  # queries, keys, values
by_hand = functional.causal_attention(*(np.array(x, float).reshape(1, 1, 3, 1) for x in three)).data.ravel()
print("   attention by hand, at three positions: " + ", ".join(f"{y:.3f}" for y in by_hand))
lesson.number("attention, the third by hand", by_hand[2], exact=5.000, why="2/4 + 4/2 + 10/4")
lesson.show("next-token")
c, width = recipe.model, recipe.model.d_model
lesson.say(
    f"The whole model: {c.vocab_size} characters -> vectors of {width} numbers; {c.n_layer} times: layer norm, "
    f"attention with {c.n_head} heads of D = {width // c.n_head}, added; layer norm, {width} -> {4 * width} -> "
    f"{width}, added; finally layer norm, and {width} -> {c.vocab_size} logits."
)


def all_seeing(q, k, v):
    """Attention whose mask was forgotten."""
    scores = q @ k.transpose(0, 1, 3, 2) * (1 / math.sqrt(q.shape[-1]))
    return functional.softmax(scores) @ v


def build(rng):
    """A fresh model; with the fault, if there is one."""
    model = LanguageModel(recipe.model, rng)
    if lesson.fault == "nomask":
        model.trunk.ops = SimpleNamespace(**vars(functional) | {"causal_attention": all_seeing})
    if lesson.fault == "nopos":
        model.trunk.cos[:], model.trunk.sin[:] = 1, 0  # every position is turned by the same angle: by none
    return model


stage = lesson.need("base")  # before anything is broken
if lesson.fault == "shift":
    lesson.inject_fault(sft, "token_log_probs_of", ", ids[:, 1:]", ", ids[:, :-1]")
blank = build(np.random.default_rng(0))
blank.unembedding.data[:] = 0
without_opinions = -log_probs_array(blank, stream[:96].reshape(1, -1)).mean()
lesson.number("loss without opinions", without_opinions, ".4f", exact=math.log(VOCAB_SIZE), why="ln V")

# %% [markdown]
# ## 3. The first tenth of the training, before your eyes
# Cut windows out of the internet, each from the start of a document, compute the loss at all positions at once, take a
# step against its gradient. The samples go through the stages of every language model: letters in the right
# proportions, then words, then sentences. The last sample, at 100%, is of the finished model.
# NOTE(instructor): read the samples aloud. First letters, then words, then sentences: only the loss has asked for them.
# %%
lesson.section("3. Training: the first tenth" if not lesson.fault else "3. Training")
lesson.say("<user>, <bot> and <pad> are tokens that this internet never uses: a young model writes them anyway.")
rng = lesson.journey.rng("base")  # the random stream that this base model had
model = build(rng)
batches = sft.windows(stream, starts, recipe.base.batch_size, recipe.window, rng)
n_steps = recipe.base_steps if lesson.fault else recipe.base_steps // 10
question = "what does a cat say?"


def sample(model, share):
    texts = continue_bare(model, [question], judge_response, 1.0, np.random.default_rng(lesson.seed), 60).responses
    print(f"   after {share:4.0%}:  {question} {shown(*texts[0], width=50)}", flush=True)


def look(step, model, history):
    if step in (recipe.base_steps // 100, recipe.base_steps // 10):
        sample(model, step / recipe.base_steps)


here = sft.train_language_model(
    model, lesson.steps(islice(batches, n_steps), "base model"), recipe.base_steps, recipe.base, "", callback=look
)
if not lesson.fault:
    model, history = stage.model, stage.history
else:
    history = here
sample(model, 1)

# %% [markdown]
# ## 4. The numbers
# How good is a loss? Beating a guess proves little. One can count letters, pairs (what follows one given letter),
# triples (two given letters): each count predicts the next letter with a certain loss, and the model has to beat them.
#
# The numbers after that are a lie detector. If a later character can move an earlier prediction by as much as the last
# digit, the mask leaks, and the wonderful loss is worth nothing.
# %%
lesson.section("4. The numbers")


ladder = {"guessing: ln V": math.log(VOCAB_SIZE)}
for n, what in enumerate(("letters", "pairs", "triples"), 1):
    ladder[f"counting {what}"] = counting_loss(stream, n, VOCAB_SIZE)
for what, loss in ladder.items():
    print(f"   {what:<36}{loss:.3f}")
end = history.last("loss", 20)
lesson.number("loss at the end", end)

text = np.array([encode(" a cow says moo. what does a cat say? it says")])
other = text.copy()
other[0, 20:] = encode("x")[0]
with no_grad():
    leak = float(np.abs(model(text).data[0, :20] - model(other).data[0, :20]).max())
seen = attention_of(model, text)
sums = max(float(np.abs(weights.sum(-1) - 1).max()) for weights in seen)
lesson.number("past logits, moved by the future", leak, ".1e", exact=0, why="0")
lesson.number("weights of attention, sum - 1", sums, ".1e", exact=0, within=1e-5, why="0")
first = here["loss"][:10]
again = float(np.abs(first - stage.history["loss"][: len(first)]).max())
lesson.number("losses trained again, difference", again, ".1e", exact=0, within=1e-3, why="0")

said = continue_bare(model, report_questions(120), judge_response, 1.0, lesson.rng, recipe.max_new_tokens)
written = [word for response in said.responses for word in response.text.split()[: None if response.ended else -1]]
known = float(np.mean([word in words for word in written])) if written else 0.0
asks = float(np.mean([begins_with_question(response.text) for response in said.responses]))
lesson.number("words of its internet", known, ".0%")
lesson.number("goes on with a question", asks, ".0%")
lesson.reveal()
print()
for prompt in five_questions():
    response = continue_bare(model, [prompt.text], judge_response, 1.0, lesson.rng, 50).responses[0]
    print(f"   {prompt.text} | {shown(*response, width=82 - len(prompt.text))}")

# %% [markdown]
# ## 5. What was seen
# Misconception: "extend a base model to answer questions" (nanoGPT #221). It is a document completer. There is nothing
# to extend: it has to be taught what kind of document a conversation is. That is lesson 3.
# %%
lesson.section("5. What was seen")
lesson.claim(1, abs(without_opinions - math.log(VOCAB_SIZE)) < 1e-6)
lesson.claim(2, leak == 0)
lesson.claim(3, sums < 1e-5)
lesson.claim(4, again < 1e-3)
lesson.claim(5, 0.1 < end < min(ladder.values()), f"{end:.2f}; counting triples {min(ladder.values()):.2f}")
lesson.claim(6, known > 0.8, f"{known:.0%}")
lesson.claim(7, asks > 0.5, f"{asks:.0%}")
short = encode(" what does a cow say? it says")
letters, looks = [decode([token]).replace(" ", "·") for token in short], attention_of(model, np.array([short]))
lesson.picture("autocomplete", *lesson_plots.autocomplete(history, ladder, looks, letters))
lesson.finish()

# %% [markdown]
# ## What the field calls it, and what goes wrong
# The training is *pretraining*, the task *next-token prediction* or *causal language modelling*, the network a
# *decoder-only transformer*. A *token* is usually a piece of a word; here it is a character. The rule about the future
# is the *causal mask*. Drawing from $\pi$ is *sampling*, with a *temperature* $T$, $\text{softmax}(z / T)$: below 1 it
# sharpens, above 1 it flattens. Always taking the likeliest is *greedy decoding*.
#
# What goes wrong: a mask that leaks, or targets not shifted by one, give a loss that is too good to be true. A first
# loss far above $\ln V$ means that the random start is already sure of something. Rubbish samples beside a good loss
# are not overfitting: a model that knows its texts by heart recites them. And the user's mistake: to take a base model
# for a bad assistant. Give it the beginning of a page on which the answer comes next, and it will often give it.
#
# ## In TRL today
# As of September 2026: pretraining is not TRL's business, but `SFTTrainer` on a data set with a `text` column does the
# same thing, cross-entropy on every token, and is used for continued pretraining.
#
# ## Further reading
# * Shannon, *Prediction and Entropy of Printed English*, 1951: the loss, measured on people.
# * Vaswani et al., *Attention Is All You Need*, 2017 (arXiv 1706.03762), section 3.2: attention.
# * Su et al., *RoFormer*, 2021 (arXiv 2104.09864), section 3: rotary positions.
# * Karpathy, *Let's Build GPT: From Scratch, in Code, Spelled Out*, 2023 (video): the same model, typed live.
