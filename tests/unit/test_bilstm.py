"""The BiLSTM tagger: words gathered, padding without effect, any encoder, saved and loaded, half precision."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForTokenClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ModernBertConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    pipeline,
)

from nerc_trainer.corpus.encode import encode_words
from nerc_trainer.modeling import BiLSTMConfig, BiLSTMForTokenClassification
from nerc_trainer.modeling.bilstm import _words
from nerc_trainer.modeling.word_starts import word_starts

SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 37}
CONFIGS = [
    BertConfig(vocab_size=200, **SIZE),
    RobertaConfig(vocab_size=200, **SIZE),
    DistilBertConfig(vocab_size=200, dim=32, n_layers=2, n_heads=2, hidden_dim=37),
    DebertaV2Config(vocab_size=200, relative_attention=True, pos_att_type=["p2c", "c2p"], **SIZE),
    ModernBertConfig(
        vocab_size=200, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, **SIZE
    ),
]
SENTENCES = [["Unthe", "be-on", "U.S.", "treehouse"], ["the"], ["be"] * 9]


def tagger(config: PretrainedConfig, seed: int = 0) -> BiLSTMForTokenClassification:
    torch.manual_seed(seed)
    own = BiLSTMConfig(config.to_dict(), lstm_hidden_size=8, num_labels=5, id2label={i: f"tag {i}" for i in range(5)})
    return BiLSTMForTokenClassification(own, AutoModel.from_config(config)).eval()


def padded_ids(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(10, 200, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).long()
    return ids * mask, mask


def test_words_are_their_first_sub_words() -> None:
    starts = torch.tensor([[0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]], dtype=torch.bool)
    hidden = torch.arange(18.0).reshape(3, 6, 1)
    word_of, words, counts = _words(starts, hidden)
    assert counts.tolist() == [2, 1, 6]
    assert words[0, :2, 0].tolist() == [1.0, 4.0]
    assert words[1, 0, 0] == 6.0
    assert words[2, :, 0].tolist() == hidden[2, :, 0].tolist()
    assert word_of.tolist() == [[0, 0, 0, 0, 1, 1], [0] * 6, [0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_neither_padding_nor_company_changes_a_sentence(config: PretrainedConfig) -> None:
    model = tagger(config)
    model.starts_word[::3] = False
    ids, mask = padded_ids([12, 3, 7])
    with torch.no_grad():
        together = model(input_ids=ids, attention_mask=mask).logits
        for row, length in enumerate([12, 3, 7]):
            alone = model(input_ids=ids[row : row + 1, :length]).logits
            assert torch.allclose(together[row, :length], alone[0], atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_every_weight_learns(config: PretrainedConfig) -> None:
    """DDP waits for ever for the gradient of a weight that nothing uses."""
    model = tagger(config).train()
    ids, mask = padded_ids([12, 3, 7])
    model(input_ids=ids, attention_mask=mask, labels=torch.where(mask.bool(), ids % 5, -100)).loss.backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_saved_and_loaded_it_says_the_same(config: PretrainedConfig, tmp_path: Path) -> None:
    model = tagger(config)
    model.starts_word[::3] = False
    ids, mask = padded_ids([12, 3, 7])
    model.save_pretrained(tmp_path)
    loaded = AutoModelForTokenClassification.from_pretrained(tmp_path).eval()
    assert type(loaded) is BiLSTMForTokenClassification
    assert loaded.config.id2label[3] == "tag 3"
    with torch.no_grad():
        # The last bit may hang on where in memory weights lie that are mapped from a file.
        torch.testing.assert_close(
            model(input_ids=ids, attention_mask=mask).logits, loaded(input_ids=ids, attention_mask=mask).logits
        )


def test_the_lstm_hears_the_words_before_and_after() -> None:
    model = tagger(CONFIGS[0])
    words = torch.randn(1, 5, 32)
    changed = words.clone()
    changed[0, 2] += 1
    with torch.no_grad():
        moved = (model.lstm(words)[0] != model.lstm(changed)[0]).any(-1)[0]
    assert moved.tolist() == [True] * 5


def test_bfloat16_and_float32_agree() -> None:
    model = tagger(CONFIGS[0])
    ids, mask = padded_ids([12, 3, 7])
    with torch.no_grad():
        exact = model(input_ids=ids, attention_mask=mask).logits
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = model(input_ids=ids, attention_mask=mask).logits
        whole = model.bfloat16()(input_ids=ids, attention_mask=mask).logits
    for logits in (rough, whole):
        assert logits.dtype == torch.bfloat16
        assert (logits.float() - exact)[mask.bool()].abs().max() < 0.05 * exact.abs().max()


def test_loss_is_that_of_the_words_that_count() -> None:
    model = tagger(CONFIGS[0])
    ids, mask = padded_ids([6])
    labels = torch.tensor([[-100, 2, -100, 1, 0, -100]])
    with torch.no_grad():
        output = model(input_ids=ids, attention_mask=mask, labels=labels)
    log_probabilities = output.logits.log_softmax(-1)[0]
    expected = -(log_probabilities[1, 2] + log_probabilities[3, 1] + log_probabilities[4, 0]) / 3
    assert torch.allclose(output.loss, expected)


@pytest.mark.parametrize("name", ["wordpiece", "byte_level", "unigram"])
def test_the_first_sub_word_of_every_word_begins_one(name: str, request: pytest.FixtureRequest) -> None:
    tokenizer: PreTrainedTokenizerFast = request.getfixturevalue(name)
    starts = word_starts(tokenizer, len(tokenizer))
    text = encode_words(SENTENCES, tokenizer, 64)
    firsts = np.concatenate(
        [
            text.piece_offsets[piece] + text.word_positions[text.piece_words[piece] : text.piece_words[piece + 1]]
            for piece in range(len(SENTENCES))
        ]
    )
    assert starts[text.input_ids[firsts]].all()
    assert not starts[[index for index in tokenizer.all_special_ids if index != tokenizer.unk_token_id]].any()


def test_sub_words_that_go_on_begin_none(wordpiece: PreTrainedTokenizerFast) -> None:
    starts = word_starts(wordpiece, len(wordpiece) + 3)
    ids = wordpiece("treehouse the")["input_ids"]
    assert starts[ids].tolist() == [False, True, False, True, False]
    assert starts[len(wordpiece) :].all()


def test_the_stock_pipeline_and_a_python_without_this_package_use_it(
    wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    model = tagger(BertConfig(vocab_size=len(wordpiece), **SIZE))
    model.starts_word.copy_(torch.from_numpy(word_starts(wordpiece, len(wordpiece))))
    model.save_pretrained(tmp_path)
    wordpiece.save_pretrained(tmp_path)
    found = pipeline("token-classification", model=str(tmp_path))("the treehouse")
    assert [one["index"] for one in found] == [1, 2, 3]
    assert found[1]["score"] == found[2]["score"]  # of one word
    program = (
        "import sys\n"
        "from transformers import pipeline\n"
        f"model = pipeline('token-classification', model={str(tmp_path)!r}, trust_remote_code=True)\n"
        "assert 'nerc_trainer' not in sys.modules\n"
        "print([float(one['score']) for one in model('the treehouse')])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    scores = json.loads(ended.stdout.strip().splitlines()[-1])
    assert scores == pytest.approx([float(one["score"]) for one in found], rel=1e-5)
