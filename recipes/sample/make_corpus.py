"""Generate the sample corpus: news-like sentences with POS, chunk and named-entity tags, all of it invented.

    python recipes/sample/make_corpus.py --seed 13 --train 1500 --dev 400 --test 400 --out recipes/sample

The sentences come from a small probabilistic grammar (``sample_templates``) over invented names (``sample_names``).
Output is the same byte for byte on every supported Python: the only source of chance is ``random.Random.random``, whose
sequence Python promises to keep, and nothing depends on the order of a set.
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import random
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# The sibling modules are found too when this file is loaded by its path.
sys.path.insert(0, str(Path(__file__).resolve().parent))
import sample_names
import sample_phrases
import sample_templates

RECENT = 10_000  # a sentence is not repeated within this many
MIN_TOKENS, MAX_TOKENS = 3, 45
RULE_EXPONENT, TEMPLATE_EXPONENT, NAME_EXPONENT = 0.8, 0.9, 0.5
# Of 20 parts of the space of sentences, how many belong to a split: no sentence can stand in two splits.
PARTS = {"train": range(16), "dev": range(16, 18), "test": range(18, 20)}
INTEGER = re.compile(r"<(\d+)-(\d+)>")
NOMINAL_OPENERS = frozenset(("DT", "PRP", "PRP$", "POS", "WP", "WP$", "WDT", "EX"))
NOMINAL = NOMINAL_OPENERS | {"NN", "NNS", "NNP", "NNPS", "CD", "$", "JJ", "JJR", "JJS"}
OTHER_CHUNKS = {"IN": "PP", "TO": "PP", "IN^": "SBAR", "RB": "ADVP", "RBR": "ADVP", "WRB": "ADVP", "RP": "PRT"}
VERBAL = frozenset(("MD", "VB", "VBD", "VBG", "VBN", "VBP", "VBZ"))
AUXILIARIES = frozenset(("be", "is", "are", "was", "were", "been", "has", "have", "had"))


class Sentence(NamedTuple):
    """One sentence; the four tuples have one entry a token, and the last two hold BIO tags."""

    tokens: tuple[str, ...]
    pos_tags: tuple[str, ...]
    chunk_tags: tuple[str, ...]
    ner_tags: tuple[str, ...]


class Word(NamedTuple):
    """A literal token; a ``glued`` one joins the token before it and gives it its POS tag."""

    text: str
    pos: str
    glued: bool


class Slot(NamedTuple):
    """A symbol to expand; ``entity`` is the type of the mention that it makes, ``echo`` repeats the last value."""

    symbol: str
    entity: str | None
    echo: bool


class Rule(NamedTuple):
    """Alternatives, their cumulative weights, and the type of the mention that the symbol makes by default."""

    alternatives: tuple[tuple[Word | Slot, ...], ...]
    cumulative: tuple[float, ...]
    entity: str | None


def zipf(count: int, exponent: float) -> tuple[float, ...]:
    """Return cumulative weights of ranks 1 to ``count``, rounded so that every platform's ``pow`` gives the same."""
    return tuple(itertools.accumulate(round(rank**-exponent, 6) for rank in range(1, count + 1)))


def draw(rng: random.Random, cumulative: tuple[float, ...]) -> int:
    """Draw an index with a chance in proportion to its step in ``cumulative``."""
    return min(bisect.bisect(cumulative, rng.random() * cumulative[-1]), len(cumulative) - 1)


def _definitions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the two sides of every "name = body"; an indented line goes on with the body before it."""
    for line in text.replace("\n    ", " ").split("\n"):
        if line:
            name, _, body = line.partition(" = ")
            yield name, body


class Grammar:
    """The compiled grammar of one split; splits differ in their names and in their mix of topics."""

    def __init__(self, split: str) -> None:
        self._pos = {word: pos for pos, words in _definitions(sample_phrases.LEXICON) for word in words.split()}
        self.shared_share = sample_names.SHARED_SHARE[split]
        self.names = {
            symbol: [(names, zipf(len(names), NAME_EXPONENT)) for names in (pools["shared"], pools[split])]
            for symbol, pools in sample_names.build_leaves().items()
        }
        self.rules: dict[str, Rule] = {}
        for text, in_name in ((sample_names.NAME_RULES, True), (sample_phrases.PHRASES, False)):
            for head, body in _definitions(text):
                symbol, _, entity = head.partition(":")
                self.rules[symbol] = self._rule(body.split(" | "), RULE_EXPONENT, entity or None, in_name)
        column = 0 if split == "train" else 1
        self.topics = tuple(sample_templates.TOPIC_WEIGHTS)
        self.topic_weights = tuple(
            itertools.accumulate(pair[column] for pair in sample_templates.TOPIC_WEIGHTS.values())
        )
        self.templates: dict[str, Rule] = {}
        self.kinds: dict[str, tuple[str, ...]] = {}
        for topic in self.topics:
            lines = sample_templates.TOPICS[topic].strip().split("\n")
            self.kinds[topic] = tuple(line[: line.find("= ") + 1] for line in lines)
            bodies = [line[len(kind) :] for line, kind in zip(lines, self.kinds[topic], strict=True)]
            self.templates[topic] = self._rule(bodies, TEMPLATE_EXPONENT)

    def _rule(self, bodies: list[str], exponent: float, entity: str | None = None, in_name: bool = False) -> Rule:
        alternatives = tuple(tuple(self._item(part, in_name) for part in body.split()) for body in bodies)
        return Rule(alternatives, zipf(len(bodies), exponent), entity)

    def _item(self, part: str, in_name: bool) -> Word | Slot:
        if part.startswith("{") and part.endswith("}"):
            symbol, _, entity = part[1:-1].lstrip("@").partition(":")
            return Slot(symbol, entity or None, part[1] == "@")
        text, slash, pos = part.lstrip("~").rpartition("/")
        if not slash:
            text = pos
            pos = "CD" if INTEGER.search(text) else self._pos.get(text if in_name else text.lower(), "")
        if not pos and not text[0].isupper() and text not in ('"', "_"):
            raise KeyError(f"no POS tag for {text!r} in sample_phrases.LEXICON")
        return Word(text, pos or "NNP", part.startswith("~"))


class Draft:
    """A sentence under construction: what has been written, and what later slots may refer to."""

    def __init__(self, grammar: Grammar, rng: random.Random) -> None:
        self._grammar = grammar
        self._rng = rng
        self.tokens: list[str] = []
        self.pos: list[str] = []
        self.ner: list[str] = []
        self.chunk_breaks: set[int] = set()
        self._values: dict[str, str] = {}
        self._mention: list[str] = []

    def expand(self, items: tuple[Word | Slot, ...], topic: tuple[Word | Slot, ...], inside: bool = False) -> None:
        """Write ``items``; ``topic`` stands for the symbol "clause"; ``inside`` a mention no further one begins."""
        for item in items:
            if isinstance(item, Word):
                self._add_word(item)
                continue
            start = len(self.tokens)
            rule = self._grammar.rules.get(item.symbol)
            entity = None if inside else item.entity or (rule.entity if rule else None)
            if item.echo:
                self._add_name(self._echo(item.symbol))
            elif item.symbol == "clause":
                self.expand(topic, topic)
            elif rule:
                self.expand(rule.alternatives[draw(self._rng, rule.cumulative)], topic, inside or entity is not None)
                self._values[item.symbol] = " ".join(self.tokens[start:])
            else:
                self._add_name(self._draw_name(item.symbol))
            if entity:
                self._mention = self.tokens[start:]
                self.ner[start:] = [f"B-{entity}"] + [f"I-{entity}"] * (len(self.tokens) - start - 1)

    def _add_word(self, word: Word) -> None:
        text = INTEGER.sub(self._integer, word.text) if "<" in word.text else word.text
        if text == "_":
            self.chunk_breaks.add(len(self.tokens))
        elif word.glued:
            self.tokens[-1] += text
            self.pos[-1] = word.pos
        else:
            pos = word.pos
            if text == '"':
                pos = "''" if self.tokens.count('"') % 2 else "``"
            self.tokens.append(text)
            self.pos.append(pos)
            self.ner.append("O")

    def _integer(self, bounds: re.Match[str]) -> str:
        low, high = bounds.groups()
        value = int(low) + int(self._rng.random() * (int(high) - int(low) + 1))
        return str(value).zfill(len(low)) if low.startswith("0") and len(low) > 1 else str(value)

    def _add_name(self, name: str) -> None:
        pos = "NNP"
        if name == self._values.get("nationality"):
            pos = "JJ"
        elif name == self._values.get("citizens"):
            pos = "NNPS"
        for part in name.split():
            self.tokens.append(part)
            self.pos.append(pos)
            self.ner.append("O")

    def _draw_name(self, symbol: str) -> str:
        names, cumulative = self._grammar.names[symbol][self._rng.random() >= self._grammar.shared_share]
        name = names[draw(self._rng, cumulative)]
        while name in self.tokens:  # two names of a sentence differ
            name = names[draw(self._rng, cumulative)]
        self._values[symbol] = name
        return name

    def _echo(self, symbol: str) -> str:
        if symbol == "initials":
            return "".join(token[0] for token in self._mention if token[0].isupper())
        return self._values[symbol]


def tag_chunks(tokens: list[str], pos_tags: list[str], breaks: Iterable[int], ner_tags: list[str]) -> list[str]:
    """Give every token its BIO chunk tag by rules over POS tags; ``breaks`` are indices at which a chunk must begin."""
    chunks: list[str] = []
    kind = "O"
    for index, pos in enumerate(pos_tags):
        following = pos_tags[index + 1] if index + 1 < len(pos_tags) else "."
        previous = kind
        begins = index in breaks
        in_name = pos == "CC" and ner_tags[index].startswith("I-")
        adverb_in_verbs = pos == "RB" and previous == "VP" and following in VERBAL
        if pos in NOMINAL or in_name:
            kind = "NP"
            begins |= pos in NOMINAL_OPENERS
        elif pos in VERBAL or adverb_in_verbs or (pos == "TO" and following == "VB"):
            kind = "VP"
        else:
            kind = OTHER_CHUNKS.get(pos, "O")
        chunks.append("O" if kind == "O" else f"{'B' if begins or kind != previous else 'I'}-{kind}")
    return _headless_to_adjective_phrases(chunks, pos_tags)


def _headless_to_adjective_phrases(chunks: list[str], pos_tags: list[str]) -> list[str]:
    """Turn noun phrases that hold adjectives alone into ADJP."""
    end = len(chunks)
    for index in range(len(chunks) - 1, -1, -1):
        if chunks[index] == "B-NP":
            if all(pos.startswith("JJ") for pos in pos_tags[index:end]):
                chunks[index:end] = [chunk.replace("NP", "ADJP") for chunk in chunks[index:end]]
            end = index
        elif not chunks[index].startswith("I-"):
            end = index
    return chunks


def _finish(draft: Draft, kind: str) -> Sentence:
    """Turn a draft into a sentence: participles, a or an, chunks, capitals."""
    tokens, pos_tags = draft.tokens, draft.pos
    for index in range(1, len(tokens)):
        before = index - 2 if pos_tags[index - 1] == "RB" and index > 1 else index - 1
        if pos_tags[index] == "VBD" and tokens[before] in AUXILIARIES:
            pos_tags[index] = "VBN"
        if tokens[index - 1] == "a" and tokens[index][0].lower() in "aeiou":
            tokens[index - 1] = "an"
    chunks = tag_chunks(tokens, pos_tags, draft.chunk_breaks, draft.ner)
    if kind == "^=":
        tokens = [token.upper() for token in tokens]
    else:
        tokens[0] = tokens[0][0].upper() + tokens[0][1:]
        if tokens[0] == '"':
            tokens[1] = tokens[1][0].upper() + tokens[1][1:]
    return Sentence(tuple(tokens), tuple(pos.rstrip("^") for pos in pos_tags), tuple(chunks), tuple(draft.ner))


def _has_nested_quotes(sentence: Sentence) -> bool:
    return sentence.tokens[0] == '"' and sentence.tokens.count('"') > 2


def generate(split: str, count: int, seed: int) -> Iterator[Sentence]:
    """Yield ``count`` sentences of "train", "dev" or "test"; memory does not grow with ``count``.

    No token sequence stands in two splits, whatever the seeds, and none comes twice within ``RECENT`` sentences.
    """
    if split not in PARTS:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(PARTS)}")
    grammar = Grammar(split)
    rng = random.Random(f"{seed}/{split}")
    recent: dict[str, None] = {}
    while count > 0:
        topic = grammar.topics[draw(rng, grammar.topic_weights)]
        rule = grammar.templates[topic]
        template = draw(rng, rule.cumulative)
        kind = grammar.kinds[topic][template]
        items = rule.alternatives[template]
        draft = Draft(grammar, rng)
        if kind:
            draft.expand(items, items)
        else:
            frames = grammar.rules[sample_templates.FRAMES.get(topic, "frame")]
            draft.expand(frames.alternatives[draw(rng, frames.cumulative)], items)
        sentence = _finish(draft, kind)
        text = " ".join(sentence.tokens)
        part = zlib.crc32(text.encode()) % 20
        readable = MIN_TOKENS <= len(sentence.tokens) <= MAX_TOKENS and not _has_nested_quotes(sentence)
        if readable and part in PARTS[split] and text not in recent:
            if len(recent) == RECENT:
                del recent[next(iter(recent))]
            recent[text] = None
            count -= 1
            yield sentence


def format_conll(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield one block a sentence: a line "token POS chunk NER" for every token, and a blank line."""
    for sentence in sentences:
        yield "".join(" ".join(columns) + "\n" for columns in zip(*sentence, strict=True)) + "\n"


def main() -> None:
    """Write the three splits as CoNLL columns."""
    parser = argparse.ArgumentParser(description="Generate the sample corpus.")
    parser.add_argument("--seed", type=int, default=13)
    for split, count in (("train", 1500), ("dev", 400), ("test", 400)):
        parser.add_argument(f"--{split}", type=int, default=count, metavar="SENTENCES")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, metavar="DIR")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for split in PARTS:
        with (arguments.out / f"{split}.conll").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(format_conll(generate(split, getattr(arguments, split), arguments.seed)))


if __name__ == "__main__":
    main()
