"""Make `tiny-encoder/`, the configuration and tokenizer of a BERT so small that its runs take seconds.

    python recipes/sample/make_tiny_encoder.py [--out DIR]

It has no weights: recipes use it with `model.random_weights: true`. The vocabulary comes from `train.conll`: every
character, then the commonest words; ties go by the alphabet, so that the same corpus gives the same files.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

HERE = Path(__file__).parent
SPECIAL_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
VOCABULARY_SIZE = 2048
POSITIONS = 128


def make_vocabulary(corpus: Path) -> list[str]:
    """Sub-words in the order of their ids: special tokens, characters, common words in lower case."""
    lines = corpus.read_text(encoding="utf-8").splitlines()
    counts = Counter(line.split(" ")[0].lower() for line in lines if line)
    characters = sorted({character for word in counts for character in word})
    by_frequency = sorted(counts, key=lambda word: (-counts[word], word))
    starts = [*SPECIAL_TOKENS.values(), *characters, *(f"##{character}" for character in characters)]
    return list(dict.fromkeys([*starts, *by_frequency]))[:VOCABULARY_SIZE]


def make_tokenizer(vocabulary: list[str]) -> Tokenizer:
    """A WordPiece tokenizer like BERT's over `vocabulary`."""
    ids = {piece: index for index, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS.values()))
    return tokenizer


def main() -> None:
    """Write config.json, tokenizer.json and tokenizer_config.json."""
    parser = argparse.ArgumentParser(description="Make the tiny encoder's configuration and tokenizer.")
    parser.add_argument("--out", type=Path, default=HERE / "tiny-encoder", help="folder to write to")
    folder: Path = parser.parse_args().out
    vocabulary = make_vocabulary(HERE / "train.conll")
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": len(vocabulary),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "pad_token_id": 0,
    }
    special = {f"{name}_token": token for name, token in SPECIAL_TOKENS.items()}
    tokenizer_config = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": True,
        "model_max_length": POSITIONS,
    } | special
    folder.mkdir(parents=True, exist_ok=True)
    make_tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    for name, content in (("config.json", config), ("tokenizer_config.json", tokenizer_config)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
