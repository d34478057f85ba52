"""The words of the seven scenes that are the same for every run: what each is about, and its equation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Telling:
    """tab: its name in the list of scenes; tells: what its caption and its picture give away (see `hide` on the page)."""

    tab: str
    stage: str
    title: str
    lead: str
    equation: str
    tells: str = ""


STORY = {
    "base": Telling(
        "Autocomplete",
        "the base model",
        "A brilliant autocomplete",
        "It has read a little internet and learned one thing: which character comes next. Asked a question, it goes on as the "
        "internet does after a question.",
        "p(next character | all before it)",
    ),
    "sft": Telling(
        "Imitation",
        "supervised fine-tuning",
        "The same question, again and again",
        "The same model imitates a few thousand demonstrations, good and bad ones. It is trained on the answers and on the end "
        "token (EOS) after them, not on the questions. Watch one question along the way.",
        "loss = - mean log p(answer | question)",
    ),
    "votes": Telling(
        "Votes",
        "votes, or preferences",
        "Two answers, one click",
        "The SFT model answers twice, and somebody says which answer is better: a vote, called a preference in papers. Here it "
        "is your turn; then see what the raters of this run said, and what a judge who knows the truth says.",
        "P(a is preferred) = sigma(r(a) - r(b))",
        tells="gold",
    ),
    "reward": Telling(
        "Scores",
        "the reward model",
        "Votes become a number",
        "A copy of the SFT model learns to give every answer a score, so that the chosen answer of each pair has the "
        "higher one. It was not trained on the pairs that you see here.",
        "loss = - mean log sigma(r(chosen) - r(rejected))",
    ),
    "ppo": Telling(
        "The loop",
        "PPO",
        "Try, score, improve, on a leash",
        "The policy answers, the reward model scores, and what scored above expectation becomes more probable. The spring is "
        "the leash, a KL penalty: its length is the measured distance from the SFT model, the reference model.",
        "maximise  E[score] - beta KL(policy || SFT)",
    ),
    "leash": Telling(
        "The leash",
        "the leash, or KL penalty",
        "How tight?",
        "Nothing is trained here. The best policy for each beta is known exactly: the SFT model's own answers, each weighted "
        "by exp(score / beta). Move the leash, and compare the proxy (what the reward model thinks) with gold (what is true).",
        "pi(y) = SFT(y) exp(proxy(y) / beta) / Z",
        tells="gold",
    ),
    "dpo": Telling(
        "The shortcut",
        "DPO, and everybody",
        "The shortcut",
        "From the same votes straight into the policy: no reward model, no sampling. Then ask all models, side by side.",
        "loss = - log sigma(beta [moved(chosen) - moved(rejected)])",
        tells="gold",
    ),
}
