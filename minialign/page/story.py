"""The words of the seven scenes that are the same for every run: claim, gesture, one sentence, and what is under "more"."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Telling:
    """tab: its name in the list of scenes; title: the claim; gesture: what the viewer does; sentence: what it means.

    lead, equation: under "more".  notes: for the speaker's window.  tells: what its caption and its picture give away, and
    asks: what its guess does (see `hide` on the page); of_truth: what its sentence adds where gold is not hidden.
    """

    tab: str
    stage: str
    title: str
    gesture: str
    sentence: str
    lead: str
    equation: str
    notes: str
    tells: str = ""
    asks: str = ""
    of_truth: str = ""


STORY = {
    "base": Telling(
        "Autocomplete",
        "the base model",
        "The base model goes on, as the internet does",
        "Pick a branch, or change the temperature: low takes the likeliest, high evens them out.",
        "The base model has learned one thing: to predict the next character. Branches: the likeliest characters (EOS, the "
        "end token, ends the text). Moving the temperature slider jumps to a place where several compete. A "
        "text of your own: in More.",
        "The base model has read a small internet. After every character it gives each possible next one a probability; one is "
        "drawn, and the next prediction depends on it. At a low temperature it is nearly always the likeliest; a high one "
        "evens them out.",
        "p(next character | all before it) = softmax(logits / temperature)",
        "Ask: is this an answer? Step character by character to a place where it hesitates, and pick the unlikely branch. "
        "Expect: 'it does not understand the question'. It never saw a question as something to be answered.",
    ),
    "sft": Telling(
        "Imitation",
        "SFT, or supervised fine-tuning",
        "Shown how to answer, it answers, and stops",
        "Drag the slider, over the steps of its training.",
        "The same model learns to imitate demonstrations (example answers), and the EOS at their end: so it stops. It copies "
        "their form first; truth need not follow, as some of them are wrong.",
        "There are a few thousand demonstrations, good ones and bad ones. It is trained on the answers and on the end token "
        "(EOS) after them, not on the questions. Each row is the same model some steps later, asked the same question. Scene 1 "
        "gave the base model the bare question; here a chat template marks it, <user> question <bot>: it goes on differently.",
        "loss = - mean log p(answer | question)",
        "Drag slowly. Ask: when does it look like an answer, and when is it a good one? Form comes long before truth. "
        "Expect: 'it sounds right'. It copies how people answer, their mistakes included.",
    ),
    "votes": Telling(
        "Votes",
        "votes, or preferences",
        "Comparing is easier than writing",
        "Vote: A or B.",
        "Nobody writes the right answer: raters only say which of two is better (a preference). Nothing is trained yet: the "
        "votes are collected.",
        "The SFT model answers twice, and somebody says which answer is better. Vote, and then see what the raters of this "
        "run said, and what a judge who knows the truth says. Your votes can be saved as a file, for minialign tour --votes.",
        "P(a is preferred) = sigma(r(a) - r(b))",
        "Show of hands for every pair before you press A or B. One pair comes twice: do not say so. "
        "At the count ask how often two votes of one person should agree.",
        tells="gold",
        of_truth="Truth, shown after your vote, is the score of a judge who knows, \u22122.5 to +1.2: being right counts most, "
        "a friendly phrase +0.1; helping with harm is bad.",
    ),
    "reward": Telling(
        "Scores",
        "the reward model",
        "Votes become a number",
        "Press Play: its last layer is trained.",
        "The reward model gives every answer a score, so that the preferred one of a pair scores higher. Here its last layer "
        "learns again, from zero: the curve (its loss: how badly it predicts the votes) falls from a coin toss, 0.69. The "
        "votes on the pairs shown are held out: it learns from others, so it can get one wrong, and grow surer of it.",
        "The reward model is a copy of the SFT model that ends in one number. In this page its last layer is trained from "
        "zero, on votes of this run, on yours, or on both: the loss is convex, and a few Newton steps find its only minimum.",
        "loss = - mean log sigma(r(chosen) - r(rejected))",
        "Press Play once. Ask what ln 2 = 0.693 means. Then train on the audience's votes alone: few votes, other tastes. "
        "The answer on top is the one that the last layer likes best at this moment.",
    ),
    "ppo": Telling(
        "The loop",
        "PPO",
        "Better than expected? Then more of it",
        "Your turn: press \u203a, and follow one answer around.",
        "An answer that scores better than expected, right or wrong, becomes more probable; the leash (KL penalty) charges for "
        "distance from SFT. Answers are sampled here: drawn at random, each as often as it is probable. So one that has become "
        "less probable can still come up.",
        "PPO is proximal policy optimization, with four models in memory. The policy draws an answer, the reward model scores "
        "it, the critic had predicted the outcome, and the reference, a frozen copy of the SFT model, charges beta for every "
        "nat of distance (the KL penalty).",
        "advantage = score - beta log(policy / reference) - expected",
        "Go around once, slowly, naming the four models. Ask which of them learn (policy and critic), and which are frozen "
        "(reward model and reference). Then let it play to the last iteration.",
    ),
    "leash": Telling(
        "The leash",
        "the leash, or KL penalty",
        "The leash decides how far it may go",
        "Drag to the right: the leash loosens.",
        "The score only estimates the truth; the looser the leash (KL penalty), the more the model says whatever scores best.",
        "Nothing is trained here. The best policy for each beta is known exactly: the SFT model's own answers, each weighted "
        "by exp(score / beta). The score is a proxy, what the reward model thinks; gold is the truth, which it cannot see.",
        "pi(y) = SFT(y) exp(proxy(y) / beta) / Z",
        "Hand the mouse over. Say nothing until it is at the right end; then read the answer on top aloud. The needles begin "
        "with one question where the truth falls, if the run has one; then show the mean, and ask what it hides. "
        "Ask which of the two needles the training can see. Expect: 'both'. The score alone; the truth was never in it.",
        tells="gold",
        asks="gold",
    ),
    "dpo": Telling(
        "The shortcut",
        "PPO, GRPO and DPO",
        "Three roads from votes to a policy",
        "Press Play: they set out.",
        "A policy says how probable each answer is. In a world of just thirteen answers (aa, ba ...) the best policy "
        "(highest mean reward minus leash) is known. PPO draws answers, and asks a reward model and a critic; GRPO (group "
        "relative policy optimization) compares answers with one another and needs no critic; DPO (direct preference "
        "optimization) draws nothing and asks neither: it learns from the votes directly.",
        "PPO and GRPO ask a reward model; DPO moves the policy by the votes directly: no reward model, no sampling. "
        "Outlines are the exact optimum, bars the policy at this step.",
        "loss = - log sigma(beta [moved(chosen) - moved(rejected)])",
        "Let them bet. Who gets there first means little, as the learning rates are chosen by hand; ask instead what each of "
        "them needs. DPO sees every vote here, without noise: say so. Then go on to the last screen and let the audience "
        "ask all models.",
        tells="gold",
    ),
}
