"""The score of the run's reward model in PyTorch, for TRL's `reward_funcs`: it needs the folders reward/ and sft/.

    score = (mean_t (w . h_t + b) + a mean_t log pi_SFT(y_t) + c min_t log pi_SFT(y_t) - mean) / std

over the answer's tokens y_t, <eos> included; less a penalty if the answer does not end.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer


def reward_function(reward: str = "reward", sft: str = "sft", missing_eos_penalty: float = 0.0) -> Callable[..., list[float]]:
    """A function of prompts and completion_ids (lists of lists) -> list of scores, as GRPOTrainer calls it."""
    about = json.loads(Path(reward, "score.json").read_text(encoding="utf-8"))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(sft)
    scalar = AutoModelForSequenceClassification.from_pretrained(reward).eval().to(device)
    reference = AutoModelForCausalLM.from_pretrained(sft).eval().to(device)

    def ids_of(prompt):
        text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    @torch.no_grad()
    def score(prompts, completion_ids, **rest):
        before = [ids_of(prompt) for prompt in prompts]
        rows = [torch.tensor(p + list(y)) for p, y in zip(before, completion_ids)]
        ids = pad_sequence(rows, batch_first=True, padding_value=tokenizer.pad_token_id).to(device)  # (B, T)
        column = torch.arange(ids.shape[1], device=device)
        start = torch.tensor([len(p) for p in before], device=device)[:, None]  # (B, 1)
        end = torch.tensor([len(row) for row in rows], device=device)[:, None]
        answer = (start <= column) & (column < end)  # (B, T)
        seen = (column < end).long()

        h = scalar.base_model(input_ids=ids, attention_mask=seen).last_hidden_state  # (B, T, C)
        r = scalar.score(h)[..., 0] + about["b"]
        judged = answer if about["pooling"] == "mean" else column == end - 1
        raw = (r * judged).sum(1) / judged.sum(1)
        logits = reference(input_ids=ids, attention_mask=seen).logits[:, :-1]
        logp = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None])[..., 0]  # (B, T-1)
        inside = answer[:, 1:]
        raw = raw + about["a"] * (logp * inside).sum(1) / inside.sum(1) + about["c"] * (logp * inside).min(1).values
        ended = ids.gather(1, end - 1)[:, 0] == tokenizer.eos_token_id
        return ((raw - about["mean"]) / about["std"] - missing_eos_penalty * ~ended).tolist()

    return score
