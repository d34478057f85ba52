"""The (curve) exercises, solved: train again with one change, keep the histories, and look at the curves.

    python lessons/solutions/curves.py 8 --fast          prints where each curve begins and ends, and draws them

The journey's models are made if they are missing.  The picture goes to OUT/curves/.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from minialign import batch, dpo, evaluate, grpo, lab, pipeline, ppo, reward, sft
from minialign.autograd import Tensor, tanh
from minialign.checkpoint import frozen_copy, trainable_copy
from minialign.figures import lesson_plots
from minialign.figures.style import save
from minialign.functional import log_sigmoid
from minialign.history import History
from minialign.lab import principles, sycophancy
from minialign.lab.instruments import crowds, feedback
from minialign.lab.instruments.measure import interval
from minialign.likelihood import log_probs_array
from minialign.model import LanguageModel, scalar_model_from
from minialign.preferences import Preferences
from minialign.rlaif import Judge, Reader
from minialign.world import UNBIASED, Raters, Tastes, demonstrations, judge_response, report_questions, sample_prompts
from minialign.world.constitution import CONSTITUTION, read_constitution


def old_gradients(run):
    """Lesson 1: exclusive or, with gradients that are cleared, that fade (momentum), and that stay for ever."""
    inputs, truth = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * 2.0 - 1, np.array([-1.0, 1, 1, -1])
    histories = {}
    for label, stays in (("cleared", 0.0), ("nine tenths stay: momentum", 0.9), ("never cleared", 1.0)):
        rng, history = np.random.default_rng(run.seed), History()
        weights = [Tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((2, 16), (16,), (16,))]
        for step in range(400):
            for w in weights:
                w.grad = None if w.grad is None else stays * w.grad
            hidden = tanh(Tensor(inputs) @ weights[0] + weights[1])
            loss = -log_sigmoid(hidden @ weights[2] * truth).mean()
            loss.backward()
            history.log(step, {"loss": loss.item()})
            for w in weights:
                w.data = w.data - 0.2 * w.grad
        histories[label] = history
    return "loss", histories


def pretraining(run):
    """Lesson 2: the first steps of a base model, at three learning rates."""
    stream, starts = run.corpus()
    r, histories = run.recipe, {}
    for factor in (1 / 3, 1, 3):
        muon_lr = r.base.muon_lr and factor * r.base.muon_lr
        config = replace(r.base, lr=factor * r.base.lr, muon_lr=muon_lr)
        rng = np.random.default_rng(run.seed)
        model = LanguageModel(r.model, rng)
        batches = sft.windows(stream, starts, config.batch_size, r.window, rng)
        histories[f"{factor:.2g} times the learning rate"] = sft.train_language_model(
            model, (next(batches) for _ in range(60)), r.base_steps, config, "base model"
        )
    return "loss", histories


def demonstrations_needed(run):
    """Lesson 3: the same number of steps on few demonstrations and on many."""
    r, histories, n_steps = run.recipe, {}, 150
    unseen = batch.conversations(demonstrations(np.random.default_rng(1), 64))

    def look(step, model, history):
        if step and step % 15 == 0:
            logprobs = log_probs_array(model, unseen.ids)
            histories[label].log(step, {"loss on unseen answers": -logprobs[unseen.mask > 0].mean()})

    for n in (32, 256, r.demonstrations):
        label = f"{n} demonstrations"
        histories[label], rng = History(), np.random.default_rng(run.seed)
        data = batch.conversations(demonstrations(rng, n), r.model.context_length)
        rows = [b for _ in range(n_steps) for b in sft.epochs(data, 1, r.sft.batch_size, rng)][:n_steps]
        alone = replace(r.sft, replay_weight=0.0)  # nothing but the demonstrations
        sft.train_language_model(trainable_copy(run.model("base")), rows, n_steps, alone, "sft", callback=look)
    return "loss on unseen answers", histories


def careless_raters(run):
    """Lesson 4: reward models of a steady and of an unsteady hand, held against gold on pairs that they never saw."""
    train, unseen = run.votes()
    pairs = zip(unseen.prompts, unseen.chosen, unseen.rejected)
    gold = np.array([[judge_response(question, answer).gold for answer in pair] for question, *pair in pairs])
    decided, histories = gold[:, 0] != gold[:, 1], {}
    for name, tau in (("careful", 0.05), ("careless", 2.0)):
        raters, rng, history = Raters(replace(UNBIASED, tau=tau)), np.random.default_rng(run.seed), History()
        sides = zip(train.prompts, train.chosen, train.rejected)
        kept = rng.random(len(train)) < [raters.probability(q, *a, *b) for q, a, b in sides]
        chosen, rejected = zip(*((a, b) if k else (b, a) for k, a, b in zip(kept, train.chosen, train.rejected)))
        votes = Preferences(train.prompts, list(chosen), list(rejected))
        for n in (100, 300, 900):
            model, config = reward_model(run, votes, min(n, len(votes)), rng)
            gaps = reward.score_gaps(reward.Scorer(model, config.pooling), unseen)
            history.log(n, {"agrees with gold": ((gaps > 0) == (gold[:, 0] > gold[:, 1]))[decided].mean()})
        histories[f"{name} raters"] = history
    return "agrees with gold", histories


def reward_model(run, votes, n, rng, epochs=3, callback=None):
    """A reward model trained on the first n votes, and its configuration."""
    config = replace(reward.RewardConfig(warmup_steps=10), pooling=run.recipe.reward.pooling, epochs=epochs)
    model = reward.reward_model_from(run.model("sft"), rng, config.likelihood_weights)
    reward.train_reward_model(model, votes[range(n)], config, rng, callback=callback)
    return model, config


def epochs_of_a_reward_model(run):
    """Lesson 5: few votes, again and again."""
    train, unseen = run.votes()
    histories = {"accuracy": History(), "loss": History()}
    n = min(200, len(train))
    per_epoch = -(-n // reward.RewardConfig().batch_size)

    def look(step, model, history):
        if step and step % per_epoch == 0:
            gaps = reward.score_gaps(reward.Scorer(model, run.recipe.reward.pooling), unseen)
            histories["accuracy"].log(step // per_epoch, {"on unseen votes": reward.pair_accuracy(gaps)})
            histories["loss"].log(step // per_epoch, {"on unseen votes": -log_sigmoid(gaps).data.mean()})

    reward_model(run, train, n, np.random.default_rng(run.seed), epochs=10, callback=look)
    return "on unseen votes", histories


def trained_with_ppo(run, callback=None, **settings):
    """PPO from the SFT model, for a third of the journey's iterations unless the settings say otherwise -> History."""
    model, rng = run.model("sft"), np.random.default_rng(run.seed)
    config = replace(run.recipe.ppo, **{"iterations": max(2, run.recipe.ppo.iterations // 3)} | settings)
    critic = scalar_model_from(run.model("reward"), rng, head="zero")
    questions = [prompt.text for prompt in sample_prompts(rng, 2000, "train", run.recipe.mix)]
    policy, reference = trainable_copy(model), frozen_copy(model)
    return ppo.train_ppo(policy, reference, critic, run.scorer(), questions, config, rng, callback=callback)


def leashes(run):
    """Lesson 6: no leash, the usual one, and one ten times as tight."""
    usual = run.recipe.ppo.kl_coef
    return "objective/kl", {f"kl_coef {beta:g}": trained_with_ppo(run, kl_coef=beta) for beta in (0.0, usual, 10 * usual)}


def without_a_leash(run):
    """Lesson 7: proxy and gold on the way, each in standard deviations of the SFT model's answers; its raters have tastes."""
    recipe = replace(lab.LAB_FAST if lab.quick(run.recipe) else lab.LAB, tastes=lab.HUMAN)
    run = pipeline.Journey(recipe, run.seed, run.folder)
    histories = {"proxy": History(), "gold": History()}
    questions, limit, scale = report_questions()[::2], run.recipe.max_new_tokens, {}

    def look(iteration, model, history):
        if iteration % 4 == 0:
            rng = np.random.default_rng(run.seed)
            said = evaluate.answer(model, questions, judge_response, 1.0, rng, limit)
            for name, values in (("proxy", run.scorer()(said.batch)), ("gold", said.gold)):
                mean, deviation = scale.setdefault(name, (values.mean(), values.std()))
                histories[name].log(iteration, {"gain": (values.mean() - mean) / deviation})

    trained_with_ppo(run, look, kl_coef=0.0, iterations=2 * run.recipe.ppo.iterations)
    return "gain", histories


def trained_with_dpo(run, votes, **settings):
    """DPO from the SFT model -> (policy, History)."""
    model = run.model("sft")
    policy, config = trainable_copy(model), replace(run.recipe.dpo, **settings)
    return policy, dpo.train_dpo(policy, frozen_copy(model), votes, config, np.random.default_rng(run.seed))


def betas(run):
    """Lesson 8: how hard the reference holds."""
    votes = run.votes()[0]
    return "delta/chosen", {f"beta {beta:g}": trained_with_dpo(run, votes, beta=beta)[1] for beta in (0.1, 0.3, 1.0)}


def win_rate_by_votes(run):
    """Lesson 9: DPO on more and more votes, against the SFT model on the same questions."""
    votes, _ = run.votes()
    histories = {name: History() for name in ("win rate", "upper end", "lower end")}

    def golds(model):
        rng = np.random.default_rng(run.seed)
        return evaluate.answer(model, report_questions(), judge_response, 1.0, rng, run.recipe.max_new_tokens).gold

    before = golds(run.model("sft"))
    for n in sorted({min(n, len(votes)) for n in (50, 200, len(votes))}):
        epochs = -(-len(votes) // n)  # as many steps with few votes as with all
        gap = golds(trained_with_dpo(run, votes[range(n)], epochs=epochs)[0]) - before
        won = (gap > 1e-9) + 0.5 * (np.abs(gap) <= 1e-9)
        low, high = interval(won)
        for name, value in zip(histories, (won.mean(), high, low)):
            histories[name].log(n, {"share of questions won, by votes": value})
    return "share of questions won, by votes", histories


def liking_for_yes(run):
    """Lesson 10: the same raters, who like to hear yes more and more."""
    histories = {"false claims": History(), "true claims": History()}
    people = crowds.journeys(run.recipe, {f"{a:g}": Tastes(agreement=a) for a in (0, 0.5, 1.0, 1.5)}, run.seed, run.folder)
    for liking, journey in people.items():
        said = sycophancy.behaviour(journey, journey.model("dpo")).sampled
        for name, share in (("false claims", said.claim_false), ("true claims", said.claim_true)):
            histories[name].log(int(100 * float(liking)), {"says yes, by agreement in hundredths": share})
    return "says yes, by agreement in hundredths", histories


def labels_of_the_ai(run):
    """Lesson 11: DPO on labels that the principles gave."""
    votes = run.votes()[0]
    votes = votes[range(min(len(votes), 640))]
    known = read_constitution(CONSTITUTION.read_text(encoding="utf-8"))
    judge = Judge(Reader(run.model("base")), [known[name] for name in principles.CONSTITUTIONS["ai"]])
    p = judge.labels(votes.prompts, *([answer.text for answer in side] for side in (votes.chosen, votes.rejected))).p
    labels, lr = feedback.voted(votes, p, run.rng("labels")), run.recipe.dpo.lr
    rates = {f"{factor:.2g} times the learning rate": factor * lr for factor in (1 / 3, 1, 3)}
    return "rewards/accuracies", {name: trained_with_dpo(run, labels, lr=rate)[1] for name, rate in rates.items()}


def trained_with_grpo(run, group_size, answers=None):
    """GRPO from the SFT model, with equally many answers whatever the size of a group -> History."""
    model, rng = run.model("sft"), np.random.default_rng(run.seed)
    answers = answers or run.recipe.grpo.prompts * run.recipe.grpo.group_size
    shorter = max(2, run.recipe.grpo.iterations // 3)
    config = replace(run.recipe.grpo, group_size=group_size, prompts=answers // group_size, iterations=shorter)
    questions = run.world.prompts(rng, 2000, "train", run.recipe.mix)
    return grpo.train_grpo(trainable_copy(model), frozen_copy(model), run.scorer(), questions, config, rng)


def critic_or_rivals(run):
    """Lesson 12: as many iterations of both, on the same reward model."""
    rivals = trained_with_grpo(run, run.recipe.grpo.group_size)
    critic = trained_with_ppo(run, iterations=max(2, run.recipe.grpo.iterations // 3))
    return "objective/scores", {"PPO, a critic": critic, "GRPO, rivals": rivals}


def group_sizes(run):
    """Lesson 13: few large groups, or many small ones."""
    histories = {f"groups of {size}": trained_with_grpo(run, size) for size in (2, 4, 8)}
    for label, history in histories.items():
        print(f"   {label}: {history['objective/equal_groups'].mean():.0%} of them agree")
    return "objective/scores", histories


CURVES = {
    1: old_gradients, 2: pretraining, 3: demonstrations_needed, 4: careless_raters, 5: epochs_of_a_reward_model,
    6: leashes, 7: without_a_leash, 8: betas, 9: win_rate_by_votes, 10: liking_for_yes, 11: labels_of_the_ai,
    12: critic_or_rivals, 13: group_sizes,
}  # fmt: skip


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", type=int, choices=CURVES)
    parser.add_argument("--fast", action="store_true", help="the classroom cut")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="runs")
    a = parser.parse_args(arguments)
    run = pipeline.Journey(pipeline.FAST if a.fast else pipeline.FULL, a.seed, Path(a.out) / "cache")
    name, histories = CURVES[a.lesson](run)
    figure, words = lesson_plots.trainings(name, histories)
    path = Path(a.out) / "curves" / f"{a.lesson:02d}"
    path.parent.mkdir(parents=True, exist_ok=True)
    save(figure, path, words)
    for label, history in histories.items():
        values, steps = history[name], history.steps(name)
        points = np.unique(np.linspace(0, len(values) - 1, 6).astype(int))
        print(f"   {label:<32}" + "".join(f"{steps[i]:7d}:{values[i]:8.3f}" for i in points))
    print(f"   {words}\n   picture: {path.as_posix()}.png")


if __name__ == "__main__":
    main()
