"""The proof of `minialign export`: transformers and TRL, given the exported models and votes, find our numbers.

    python tests/hf_proof.py RUN        with PyTorch and TRL: pip install torch trl

It prints one line for each comparison, with its largest difference and what is allowed, and exits with 1 if one is larger.
"""

import minialign  # isort: skip  # noqa: F401  first: it asks BLAS for one thread

import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np

PRIVATE = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
os.environ |= {"HF_HOME": PRIVATE.name, "HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "TOKENIZERS_PARALLELISM": "false"}

import names  # noqa: E402
import torch  # noqa: E402
from datasets import load_dataset  # noqa: E402
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer  # noqa: E402
from transformers.utils import logging  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

from minialign import dpo, grpo, preferences, sft  # noqa: E402
from minialign.batch import collate, minibatches, prompt_ids, render  # noqa: E402
from minialign.checkpoint import frozen_copy, trainable_copy  # noqa: E402
from minialign.export import datasets, settings  # noqa: E402
from minialign.export.folder import read_model  # noqa: E402
from minialign.export.run import export_run  # noqa: E402
from minialign.generate import generate  # noqa: E402
from minialign.interop import from_hugging_face, to_hugging_face  # noqa: E402
from minialign.likelihood import token_log_probs_of  # noqa: E402
from minialign.models import POLICIES  # noqa: E402
from minialign.pipeline import TOY_WORLD  # noqa: E402
from minialign.reward import Scorer  # noqa: E402
from minialign.runs.contents import load_model, load_run  # noqa: E402
from minialign.runs.recipe import recipe_of  # noqa: E402

STEPS = 10  # of DPO
OF_ONE_PROCESS = ["--use_cpu", "true", "--train_sampling_strategy", "sequential"]  # the rows in our order
failed = []


def compare(what, ours, theirs, limit, relative=False):
    """Print one line; remember it if the difference is too large.  relative: as a share of the largest number of theirs."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    apart = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape and ours.size else np.inf
    apart /= float(np.abs(theirs).max()) if relative else 1.0
    print(f"   {what:<72} {apart:8.1e}  (at most {limit:.0e}){'' if apart <= limit else '   TOO LARGE'}", flush=True)
    if not apart <= limit:
        failed.append(what)


def same(what, ours, theirs):
    """The same for texts and ids: how many differ."""
    different = sum(a != b for a, b in zip(ours, theirs, strict=True))
    print(f"   {what:<72} {different} of {len(ours)} differ{'   TOO MANY' if different else ''}", flush=True)
    if different:
        failed.append(what)


def check_names():
    """docs/names.md: what is said to be in PyTorch, transformers and TRL is there."""
    theirs = sorted({name for _, theirs in names.rows() for name in theirs})
    same(f"docs/names.md: {len(theirs)} names in PyTorch, transformers and TRL", theirs, [n if names.is_there(n) else "" for n in theirs])


def losses_in(folder):
    """The loss at every step, as TRL's trainer has written it down."""
    history = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    return [line["loss"] for line in history if "loss" in line]


@contextmanager
def quiet():
    """Without the trainers' bars and logs, which are all on stdout and stderr."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def trl(script, config, *flags):
    """Run an exported script, as a person would in its folder, but in this process: importing TRL takes long."""
    argv, sys.argv = sys.argv, [script, "--config", config, *OF_ONE_PROCESS, *flags]
    try:
        with quiet():
            runpy.run_path(script, run_name="__main__")
    finally:
        sys.argv = argv


def check_models(out, run, source, votes):
    """Logits, token ids and greedy answers."""
    tokenizer = AutoTokenizer.from_pretrained(out / "sft")
    pairs = [(q, answer) for q, answer in zip(votes.prompts[:16] * 2, votes.chosen[:16] + votes.rejected[:16])]
    rows = [render(q, answer.text, answer.ended) for q, answer in pairs]
    said = [tokenizer.apply_chat_template(datasets.asked(q) + datasets.answered(a), return_dict=False) for q, a in pairs]
    same("token ids of 32 conversations, by the chat template", [row[0].tolist() for row in rows], said)
    batch = collate(rows)
    real = batch.ids != 0
    for name in POLICIES:
        ours = load_model(source, name, run)[0]
        model = AutoModelForCausalLM.from_pretrained(out / name).eval()
        inputs = {"input_ids": torch.tensor(batch.ids), "attention_mask": torch.tensor(real).long()}
        with torch.no_grad():
            single, double = model(**inputs).logits.numpy()[real], model.double()(**inputs).logits.numpy()[real]
        mine = from_hugging_face(*in_dtype(to_hugging_face(ours), "float64"))
        mine.trunk.cos, mine.trunk.sin = their_angles(model, batch.ids.shape[1])
        mine_single, mine_double = ours(batch.ids).data[real], mine(batch.ids).data[real]
        # Logits reach 30, and a float32 has 7 digits: each program is off by some 1e-6 of that from its own float64, because
        # it adds in an order of its own.  The two cannot be nearer to each other than they are to the truth.
        compare(f"{name}: logits of {real.sum()} tokens, {type(model).__name__}, float32, / max|logit|", mine_single, single, 1e-5, True)
        compare(f"{name}: the same, theirs in float32 beside theirs in float64", single, double, 1e-5, True)
        compare(f"{name}: the same, ours in float32 beside theirs in float64", mine_single, double, 1e-5, True)
        compare(f"{name}: ours in float64, with their float32 rotary angles", mine_double, double, 1e-12, True)
        model = model.float()
        if name != "base":
            check_greedy(name, ours, model, tokenizer, run["recipe"]["max_new_tokens"])


def their_angles(model, T):
    """cos and sin (T, D/2) as transformers computes them: in float32, even inside a float64 model."""
    cos, sin = model.base_model.rotary_emb(torch.zeros(1, T, 1, dtype=torch.float64), torch.arange(T)[None])
    return tuple(x[0, :, : x.shape[-1] // 2].numpy() for x in (cos, sin))


def in_dtype(exported, dtype):
    config, weights = exported
    return config, {name: array.astype(dtype) for name, array in weights.items()}


def check_greedy(name, ours, model, tokenizer, limit):
    questions = [str(q) for q in TOY_WORLD.report_questions()[:100]]
    mine = generate(ours, [prompt_ids(q) for q in questions], limit, temperature=0).responses()
    texts = [tokenizer.apply_chat_template(datasets.asked(q), tokenize=False, add_generation_prompt=True) for q in questions]
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    written = model.generate(**inputs, do_sample=False, max_new_tokens=limit)[:, inputs["input_ids"].shape[1] :]
    theirs = tokenizer.batch_decode(written, skip_special_tokens=True)
    same(f"{name}: greedy answers to 100 questions", [response.text for response in mine], theirs)


def check_reward(out, scorer, votes):
    """The score in PyTorch, and how far the classifier alone is from it."""
    score = reward_function_of(out)(out / "reward", out / "sft")
    batch = votes.batch()
    prompts = [datasets.asked(q) for q in votes.prompts * 2]
    answers = [ids[1:][m > 0].tolist() for ids, m in zip(batch.ids, batch.mask)]
    ours = scorer(batch)
    compare(f"reward model: scores of {len(ours)} answers by reward_function.py", ours, score(prompts, answers), 1e-4)
    model = AutoModelForSequenceClassification.from_pretrained(out / "reward").eval()
    with torch.no_grad():
        plain = model(input_ids=torch.tensor(batch.ids)).logits[:, 0].numpy()
    r = np.corrcoef(ours, plain)[0, 1]
    print(f"   (the classifier alone, at the last token: correlation {r:.2f} with the score; export/reward.py says why)")


def reward_function_of(folder):
    return runpy.run_path(str(folder / "reward_function.py"))["reward_function"]


def check_sft(out, base, recipe):
    """The loss of SFT on the first minibatch of demonstrations."""
    lines = (out / "demonstrations.jsonl").read_text(encoding="utf-8").splitlines()[: recipe.sft.batch_size]
    pairs = [(row["prompt"][0]["content"], row["completion"][0]["content"]) for row in map(json.loads, lines)]
    batch = collate([render(q, a) for q, a in pairs])
    ours = sft.sft_loss(token_log_probs_of(base, batch.ids, batch.mask), batch.mask)[0].item()
    trl("train_sft.py", "sft.yaml", "--max_steps", "1")
    compare("SFT: the loss of the first minibatch", [ours], losses_in(out / "trained/sft"), 1e-4)


def check_dpo(out, model, votes, recipe):
    """Ten steps of DPO: the loss at each, and the weights at the end; then with two processes."""
    votes = votes[range(STEPS * recipe.dpo.batch_size)]
    both, n = votes.batch(), len(votes)
    longest = np.maximum(both.lengths[:n], both.lengths[n:])
    order = np.concatenate(list(minibatches(n, recipe.dpo.batch_size, np.random.default_rng(0), longest)))
    datasets.write_votes(votes[order], out / "ten-steps.jsonl")
    policy, config = trainable_copy(model), replace(recipe.dpo, epochs=1)
    history = dpo.train_dpo(policy, frozen_copy(model), votes, config, np.random.default_rng(0))
    ours = list(history["loss"])
    flags = ["--data", "ten-steps.jsonl", "--num_train_epochs", "1"]
    trl("train_dpo.py", "dpo.yaml", *flags)
    theirs = losses_in(out / "trained/dpo")
    compare(f"DPO: the losses of {STEPS} steps", ours, theirs, 1e-4)
    print("   " + " ".join(f"{loss:.4f}" for loss in theirs))
    back = read_model(out / "trained/dpo").named_parameters()
    mine = np.concatenate([p.data.ravel() for p in policy.named_parameters().values()])
    compare("DPO: the weights after them, imported back", mine, np.concatenate([back[k].data.ravel() for k in policy.named_parameters()]), 1e-3)

    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]  # and --use_cpu
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "train_dpo.py", "--config", "dpo.yaml", *OF_ONE_PROCESS, *flags]
    launch += ["--per_device_train_batch_size", str(recipe.dpo.batch_size // 2), "--output_dir", "trained/dpo-2"]
    done = subprocess.run(launch, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        print(done.stderr[-3000:])
    compare("DPO: two processes of accelerate beside one", theirs, losses_in(out / "trained/dpo-2") if not done.returncode else [], 1e-4)


def check_grpo(out, model, scorer, recipe, questions):
    """The losses of three rollouts, two steps each: TRL gets the answers that our policy wrote, and everything else is its own."""
    config = replace(recipe.grpo, iterations=3, prompts=8, group_size=4, minibatch_size=32, epochs=2, lr_decay=False)
    rollouts, losses, asked, real = [], [], [], (grpo.roll_out, grpo.grpo_loss)

    def recorded_rollout(policy, reference, how, texts, *more):
        rollouts.append(real[0](policy, reference, how, texts, *more))
        asked.extend(texts[:: config.group_size])
        return rollouts[-1]

    def recorded_loss(*arguments):
        losses.append(real[1](*arguments))
        return losses[-1]

    grpo.roll_out, grpo.grpo_loss = recorded_rollout, recorded_loss
    try:
        grpo.train_grpo(trainable_copy(model), frozen_copy(model), scorer, questions, config, np.random.default_rng(0))
    finally:
        grpo.roll_out, grpo.grpo_loss = real

    replay = iter(rollouts)

    def rollout_func(prompts, trainer):
        rollout = next(replay)
        rows = list(zip(rollout.batch.ids, rollout.batch.mask, rollout.logprobs))
        return {
            "prompt_ids": [ids[: int(np.argmax(m)) + 1].tolist() for ids, m, _ in rows],
            "completion_ids": [ids[1:][m > 0].tolist() for ids, m, _ in rows],
            "logprobs": [logp[m > 0].tolist() for _, m, logp in rows],
        }

    datasets.write_questions(asked, out / "asked.jsonl")
    values = settings.grpo(replace(recipe, grpo=config)).values()
    penalty = values.pop("missing_eos_penalty")
    with_penalty = reward_function_of(Path())(missing_eos_penalty=penalty)
    arguments = GRPOConfig(**values, use_cpu=True, shuffle_dataset=False)
    data = load_dataset("json", data_files="asked.jsonl", split="train")
    with quiet():
        trainer = GRPOTrainer("sft", reward_funcs=with_penalty, args=arguments, train_dataset=data, rollout_func=rollout_func)
        trainer.train()
    theirs = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    ours = [loss.item() for loss, _ in losses]
    compare(f"GRPO: the losses of {len(ours)} steps on three rollouts", ours, theirs, 1e-4)
    print("   " + " ".join(f"{loss:.5f}" for loss in theirs))


def main(source):
    start, source = time.time(), Path(source).resolve()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    run = load_run(source)
    recipe = recipe_of(run)
    out = Path(PRIVATE.name) / "hf"
    export_run(source, out)
    print(f"{source.name} in PyTorch {torch.__version__}: largest differences from minialign")
    check_names()
    votes = preferences.load_jsonl(source / "votes-train.jsonl")
    reward_model, scale = load_model(source, "reward", run)
    scorer = Scorer(reward_model, recipe.reward.pooling, float(scale["mean"]), float(scale["std"]))
    base, model = (load_model(source, name, run)[0] for name in ("base", "sft"))
    check_models(out, run, source, votes)
    check_reward(out, scorer, votes[range(40)])
    here = os.getcwd()
    os.chdir(out)
    sys.path.insert(0, ".")  # train_grpo.py imports reward_function.py from its own folder
    try:
        check_sft(out, base, recipe)
        check_dpo(out, model, votes, recipe)
        check_grpo(out, model, scorer, recipe, TOY_WORLD.prompts(np.random.default_rng(0), 100, "train", recipe.mix))
    finally:
        os.chdir(here)
    print(f"{len(failed)} too large, in {time.time() - start:.0f} s" if failed else f"all agree, in {time.time() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
