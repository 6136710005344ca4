"""Word vectors that a training set has no use for take no part in training, and training is the same without them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_bilstm import CONFIGS, SIZE
from transformers import AutoModelForTokenClassification, BertConfig, PretrainedConfig, PreTrainedModel

from nerc_trainer.modeling.used_rows import only_used_rows

IDS = [[5, 9, 7, 5], [9, 30, 0, 0]]


def tagger(config: PretrainedConfig) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForTokenClassification.from_config(config).eval()


def used(vocabulary: int) -> np.ndarray:
    used = np.zeros(vocabulary, dtype=bool)
    used[np.unique(IDS)] = True
    return used


def three_steps(model: PreTrainedModel) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0)
    for _ in range(3):
        loss = model(input_ids=torch.tensor(IDS), labels=torch.zeros(2, 4, dtype=torch.long)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_training_gives_the_same_weights_as_with_all_rows(config: PretrainedConfig) -> None:
    plain, model = tagger(config), tagger(config)
    before = model.get_input_embeddings().weight.detach().clone()
    rows = used(len(before))
    rows[config.pad_token_id] = True
    three_steps(plain)
    with only_used_rows(model, used):
        assert len(model.get_input_embeddings().weight) == rows.sum() < len(before)
        assert {name for name, _ in model.named_parameters()} == {name for name, _ in plain.named_parameters()}
        three_steps(model)
    expected = plain.state_dict()
    assert model.state_dict().keys() == expected.keys()
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-6, msg=name)
    learnt = (model.get_input_embeddings().weight != before).any(1).numpy()
    assert learnt[[5, 7, 9, 30]].all()
    assert not learnt[~rows].any()


def test_what_was_learnt_is_kept_where_training_breaks_off() -> None:
    model = tagger(CONFIGS[0])
    whole = model.get_input_embeddings()

    def break_off() -> None:
        with only_used_rows(model, used):
            torch.nn.init.ones_(model.get_input_embeddings().weight)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert model.get_input_embeddings() is whole
    assert (whole.weight[torch.from_numpy(used(len(whole.weight)))] == 1).all()


def test_a_sub_word_without_a_row_is_an_error_not_another_vector() -> None:
    model = tagger(CONFIGS[0])
    with only_used_rows(model, used), pytest.raises(IndexError):
        model(input_ids=torch.tensor([[5, 6]]))


def test_frozen_vectors_stay_as_they_are() -> None:
    model = tagger(CONFIGS[0])
    whole = model.get_input_embeddings()
    whole.weight.requires_grad_(False)
    with only_used_rows(model, used):
        assert model.get_input_embeddings() is whole


def test_what_is_saved_in_the_middle_is_the_whole() -> None:
    model = tagger(CONFIGS[0])
    names = model.state_dict().keys()
    with only_used_rows(model, used):
        three_steps(model)
        saved = {name: weight.clone() for name, weight in model.state_dict().items()}
    assert saved.keys() == names
    for name, weight in model.state_dict().items():
        assert torch.equal(saved[name], weight), name


def test_the_last_row_learns_where_the_padding_does_not_occur() -> None:
    config = BertConfig(vocab_size=200, pad_token_id=1, **SIZE)
    model = tagger(config)
    before = model.get_input_embeddings().weight.detach().clone()
    with only_used_rows(model, used):
        three_steps(model)
    learnt = (model.get_input_embeddings().weight != before).any(1)
    assert learnt.nonzero().flatten().tolist() == np.unique(IDS).tolist()
