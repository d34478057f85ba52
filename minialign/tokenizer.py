"""Characters <-> ids.  Four ids are not characters: PAD (nothing), EOS (the end), USER and BOT (who speaks).

PAD and EOS are different ids: if they were one, masking the padding would also mask the end, and the model would never
learn to stop.
"""

PAD, EOS, USER, BOT = 0, 1, 2, 3
SPECIAL = ("<pad>", "<eos>", "<user>", "<bot>")
ALPHABET = " .,?!'abcdefghijklmnopqrstuvwxyz"
VOCAB_SIZE = len(SPECIAL) + len(ALPHABET)

_id_of = {character: i + len(SPECIAL) for i, character in enumerate(ALPHABET)}


def encode(text):
    """text -> list of ids.  Raises ValueError naming the first character outside the alphabet."""
    for character in text:
        if character not in _id_of:
            raise ValueError(f"the model knows only a-z, space and . , ? ! ' and not {character!r}")
    return [_id_of[character] for character in text]


def decode(ids):
    """ids -> text; special ids appear by name, so that nothing a model wrote is hidden."""
    return "".join(SPECIAL[i] if i < len(SPECIAL) else ALPHABET[i - len(SPECIAL)] for i in ids)
