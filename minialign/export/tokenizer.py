"""The character tokenizer and the chat format, as Hugging Face's tokenizer.json, tokenizer_config.json and chat template.

    <user>what does a cow say?<bot>it says moo.<eos>          one id for each character, one for each name in < >

A character outside the alphabet is an error there as it is here: WordLevel looks for its unknown token, and there is none.
"""

from typing import Any

from ..tokenizer import BOT, EOS, PAD, SPECIAL, USER, Tokenizer

# `ended: false` in a message: the answer was cut off, so nothing ends it.  What is between `generation` marks is learned by
# TRL's SFTTrainer(assistant_only_loss=True).
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'user' %}<user>{{ message.content }}"
    "{% else %}<bot>{% generation %}{{ message.content }}"
    "{% if message.ended is not defined or message.ended %}<eos>{% endif %}{% endgeneration %}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<bot>{% endif %}"
)


def tokenizer_json(tokenizer: Tokenizer) -> dict[str, Any]:
    """The content of tokenizer.json, the format of the `tokenizers` library."""
    as_it_is = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    names = [*SPECIAL, *tokenizer.alphabet]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": name} | as_it_is for i, name in enumerate(SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[\\s\\S]"}, "behavior": "Isolated", "invert": False},
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": {name: i for i, name in enumerate(names)}, "unk_token": "<unk>"},
    }


def tokenizer_config(context_length: int) -> dict[str, Any]:
    """The content of tokenizer_config.json."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context_length,
        "eos_token": SPECIAL[EOS],
        "pad_token": SPECIAL[PAD],
        "additional_special_tokens": [SPECIAL[USER], SPECIAL[BOT]],
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }


def alphabet_of(content: dict[str, Any]) -> str:
    """The alphabet of a tokenizer.json that `tokenizer_json` has written.  Raises ValueError for any other."""
    try:
        vocabulary = sorted(content["model"]["vocab"].items(), key=lambda item: item[1])
        names = [name for name, _ in vocabulary]
        if tuple(names[: len(SPECIAL)]) != SPECIAL or [i for _, i in vocabulary] != list(range(len(names))):
            raise ValueError("it has another vocabulary")
        return Tokenizer("".join(names[len(SPECIAL) :])).alphabet
    except (LookupError, TypeError, AttributeError) as problem:
        raise ValueError(f"it is not one that minialign writes ({problem!r})") from None
