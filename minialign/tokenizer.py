"""Characters <-> ids.  Four ids are not characters: PAD (nothing), EOS (the end), USER and BOT (who speaks).

PAD and EOS are different ids: if they were one, masking the padding would also mask the end, and the model would never
learn to stop.
"""

from numbers import Integral
from string import ascii_lowercase, digits

PAD, EOS, USER, BOT = 0, 1, 2, 3
SPECIAL = ("<pad>", "<eos>", "<user>", "<bot>")
ALPHABET = " .,?!'abcdefghijklmnopqrstuvwxyz"


class Tokenizer:
    """One id per character of an alphabet, after the four special ones."""

    def __init__(self, alphabet):
        if not isinstance(alphabet, str) or not alphabet:
            raise ValueError(f"an alphabet must be a text of at least one character, not {alphabet!r}")
        if len(set(alphabet)) < len(alphabet):
            raise ValueError(f"an alphabet must have each character once, unlike {alphabet!r}")
        if "<" in alphabet:
            raise ValueError(f"an alphabet must have no '<', by which special tokens are known in texts, unlike {alphabet!r}")
        self.alphabet = alphabet
        self.vocab_size = len(SPECIAL) + len(alphabet)
        self.characters = frozenset(alphabet)
        self._id_of = {character: i + len(SPECIAL) for i, character in enumerate(alphabet)}

    def __eq__(self, other):
        return isinstance(other, Tokenizer) and self.alphabet == other.alphabet

    def __hash__(self):
        return hash(self.alphabet)

    def __repr__(self):
        return f"Tokenizer({self.alphabet!r})"  # without an address: votes, and so their tokenizer, are part of cache keys

    def encode(self, text):
        """text -> list of ids.  Raises ValueError naming the first character outside the alphabet.

        >>> Tokenizer("abc").encode("cab")
        [6, 4, 5]
        """
        for character in text:
            if character not in self._id_of:
                raise ValueError(f"the model knows only {self.words()} and not {character!r}")
        return [self._id_of[character] for character in text]

    def decode(self, ids):
        """ids -> text; special ids appear by name, so that nothing a model wrote is hidden.  ValueError for other ids.

        >>> Tokenizer("abc").decode([USER, 6, 4, 5, BOT, 4, EOS])
        '<user>cab<bot>a<eos>'
        """
        for i in ids:
            if not isinstance(i, Integral) or isinstance(i, bool) or not 0 <= i < self.vocab_size:
                raise ValueError(f"ids must be whole numbers from 0 to {self.vocab_size - 1}, not {i!r}")
        return "".join(SPECIAL[i] if i < len(SPECIAL) else self.alphabet[i - len(SPECIAL)] for i in ids)

    def words(self):
        """The alphabet as a person would list it: a-z, space and . , ? ! '"""
        named = {"a-z": ascii_lowercase, "0-9": digits, "space": " "}
        named = {name: characters for name, characters in named.items() if set(characters) <= set(self.alphabet)}
        others = " ".join(sorted(set(self.alphabet) - set("".join(named.values())), key=self.alphabet.index))
        return " and ".join(filter(None, (", ".join(named), others)))


CHARACTERS = Tokenizer(ALPHABET)  # of the toy world; the default everywhere
VOCAB_SIZE = CHARACTERS.vocab_size
encode, decode = CHARACTERS.encode, CHARACTERS.decode
