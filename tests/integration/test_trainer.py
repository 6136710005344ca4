"""NercTrainer against slow references: one sentence at a time, one piece at a time, nothing padded, nothing shared."""

from __future__ import annotations

import copy
import gc
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, log_softmax
from transformers import DataCollatorForTokenClassification, Trainer, TrainerCallback, TrainingArguments

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.oracle import TruthOracle
from nerc_trainer.active.sampler import EntropySamplerCallback
from nerc_trainer.corpus.batches import IGNORED
from nerc_trainer.corpus.encode import EncodedText, PieceDataset, encode_words
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.errors import NercError
from nerc_trainer.evaluation.metrics import entity_scores
from nerc_trainer.recipe.sections import Recipe
from nerc_trainer.training.callbacks import RoundCallback
from nerc_trainer.training.precision import Precision
from nerc_trainer.training.trainer import NercTrainer
from nerc_trainer.training.training_set import TrainingSet

if TYPE_CHECKING:
    from transformers import BertForTokenClassification, PreTrainedTokenizerFast

SENTENCES = 40
LONGEST_PIECE = 16
WORDS = ("the", "treehouse", "on", "being", "a1", "unhousetree", "x", "b.c", "areonthe")

MakeTrainer = Callable[..., NercTrainer]
Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def text(wordpiece: PreTrainedTokenizerFast) -> EncodedText:
    rng = np.random.default_rng(2)
    sentences = [rng.choice(WORDS, size=rng.integers(1, 25)).tolist() for _ in range(SENTENCES)]
    text = encode_words(sentences, wordpiece, LONGEST_PIECE)
    assert np.bincount(text.piece_sentence).max() >= 3, "some sentences have to be in several pieces"
    return text


@pytest.fixture(scope="module")
def word_labels(text: EncodedText, labels: LabelSet) -> np.ndarray:
    return np.random.default_rng(3).integers(0, len(labels.tags), size=len(text.word_positions))


@pytest.fixture
def corpus(text: EncodedText, word_labels: np.ndarray) -> PieceDataset:
    return PieceDataset(text, np.arange(SENTENCES), word_labels)


@pytest.fixture
def make_trainer(tagger: BertForTokenClassification, labels: LabelSet, tmp_path: Path) -> MakeTrainer:
    """``make_trainer(train, batch_size=..., ...)``: a trainer with its own copy of the tagger."""

    def make(
        train: PieceDataset | None = None,
        *,
        model: BertForTokenClassification | None = None,
        batch_size: int = 8,
        token_budget: int = 64,
        callbacks: list[TrainerCallback] | None = None,
        **arguments: Any,
    ) -> NercTrainer:
        trainer = NercTrainer(
            copy.deepcopy(model if model is not None else tagger),
            training_arguments(tmp_path, **arguments),
            labels,
            batch_size=batch_size,
            token_budget=token_budget,
            callbacks=callbacks,
        )
        trainer.train_dataset = train
        return trainer

    return make


def training_arguments(folder: Path, **arguments: Any) -> TrainingArguments:
    defaults = {
        "use_cpu": True,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "seed": 5,
    }
    return TrainingArguments(output_dir=str(folder), **defaults | arguments)


@torch.no_grad()
def slow_logits(model: BertForTokenClassification, text: EncodedText, sentence: int) -> torch.Tensor:
    """Logits of the words of one sentence, in float64: [words, labels]."""
    model.eval()
    rows = []
    for piece in np.flatnonzero(text.piece_sentence == sentence):
        input_ids = text.input_ids[text.piece_offsets[piece] : text.piece_offsets[piece + 1]]
        positions = text.word_positions[text.piece_words[piece] : text.piece_words[piece + 1]]
        rows.append(model(torch.tensor(input_ids[None].astype(np.int64))).logits[0, positions.tolist()].double())
    return torch.cat(rows)


def slow_uncertainty(model: BertForTokenClassification, text: EncodedText, sentences: Sequence[int]) -> list[float]:
    values = []
    for sentence in sentences:
        log_p = log_softmax(slow_logits(model, text, sentence), dim=-1)
        values.append(-(log_p.exp() * log_p).sum(-1).mean().item())
    return values


def same(first: Weights, second: Weights) -> bool:
    """Whether the weights are equal to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def weights(trainer: NercTrainer) -> Weights:
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


# Scoring


def test_uncertainty_is_that_of_one_sentence_at_a_time(
    make_trainer: MakeTrainer, tagger: BertForTokenClassification, text: EncodedText, corpus: PieceDataset
) -> None:
    wanted = slow_uncertainty(tagger, text, range(SENTENCES))
    assert np.ptp(wanted) > 0.1, "sentences that are all alike would show no mistake"
    np.testing.assert_allclose(make_trainer().uncertainty(corpus), wanted, atol=1e-5)


@pytest.mark.parametrize("token_budget", [1, 40, 10_000])
def test_uncertainty_does_not_hang_on_the_token_budget(
    make_trainer: MakeTrainer, corpus: PieceDataset, token_budget: int
) -> None:
    np.testing.assert_allclose(
        make_trainer(token_budget=token_budget).uncertainty(corpus), make_trainer().uncertainty(corpus), atol=1e-5
    )


def test_uncertainty_stands_in_the_order_of_the_pool(
    make_trainer: MakeTrainer, tagger: BertForTokenClassification, text: EncodedText
) -> None:
    pool = np.random.default_rng(0).permutation(SENTENCES)[:17]
    np.testing.assert_allclose(
        make_trainer().uncertainty(PieceDataset(text, pool)), slow_uncertainty(tagger, text, pool), atol=1e-5
    )


def dtypes_of(trainer: NercTrainer, work: Callable[[], Any]) -> set[torch.dtype]:
    """What the linear layers of a tagger compute in while the work is done."""
    seen: set[torch.dtype] = set()
    hooks = [
        module.register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
        for module in trainer.model.modules()
        if isinstance(module, torch.nn.Linear)
    ]
    work()
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize(
    ("bf16", "score_in", "scored", "evaluated"),
    [
        (True, None, torch.bfloat16, torch.bfloat16),
        (True, "float32", torch.float32, torch.bfloat16),
        (False, "bfloat16", torch.bfloat16, torch.float32),
        (False, None, torch.float32, torch.float32),
    ],
)
def test_precision_is_what_was_asked_for_before_and_after_training(
    make_trainer: MakeTrainer,
    corpus: PieceDataset,
    trained: bool,
    bf16: bool,
    score_in: Precision | None,
    scored: torch.dtype,
    evaluated: torch.dtype,
) -> None:
    trainer = make_trainer(corpus, bf16=bf16)
    trainer.score_in = score_in
    if trained:
        trainer.train_round(1)
        assert dtypes_of(trainer, lambda: trainer.train_round(1)) == {torch.bfloat16 if bf16 else torch.float32}
    assert dtypes_of(trainer, lambda: trainer.uncertainty(corpus)) == {scored}
    assert dtypes_of(trainer, lambda: trainer.evaluate(corpus)) == {evaluated}


def test_entropy_of_scores_in_bfloat16_is_computed_in_float32(make_trainer: MakeTrainer, corpus: PieceDataset) -> None:
    trainer = make_trainer()
    exact = trainer.uncertainty(corpus)
    with trainer.scoring_in("bfloat16"):
        scores = trainer.uncertainty(corpus)
    assert not np.array_equal(scores, exact)
    np.testing.assert_allclose(scores, exact, atol=0.05)
    # A number of bfloat16 has 8 significant bits; sums of entropies have more.
    assert not np.array_equal(torch.tensor(scores * corpus.text.words()).bfloat16().double().numpy(), scores)


def test_scoring_has_no_dropout_and_moves_no_random_state(make_trainer: MakeTrainer, corpus: PieceDataset) -> None:
    trainer = make_trainer()
    trainer.model.train()
    state = torch.get_rng_state()
    first = trainer.uncertainty(corpus)
    assert torch.equal(torch.get_rng_state(), state)
    trainer.model.train()
    np.testing.assert_array_equal(trainer.uncertainty(corpus), first)


def test_scores_that_are_no_numbers_mean_that_training_has_diverged(
    make_trainer: MakeTrainer, corpus: PieceDataset
) -> None:
    trainer = make_trainer()
    with torch.no_grad():
        trainer.model.classifier.bias.fill_(torch.nan)
    with pytest.raises(NercError, match=r"diverged; lower training\.learning_rate"):
        trainer.uncertainty(corpus)


def live_elements() -> int:
    """Elements of all tensors that are alive, those that share memory counted once."""
    tensors = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]
    return sum({tensor.data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}.values()) // 4


@pytest.mark.parametrize("keeps_logits", [False, True])
def test_scoring_keeps_no_logits(
    make_trainer: MakeTrainer,
    wordpiece: PreTrainedTokenizerFast,
    labels: LabelSet,
    keeps_logits: bool,
) -> None:
    """Tensors alive at the last batch are those at the second; a tagger that keeps its logits shows that they count."""
    sentences, words = 2000, 4
    text = encode_words([["tree"] * words] * sentences, wordpiece, LONGEST_PIECE)
    trainer = make_trainer(token_budget=600)
    batches = -(-sentences // (600 // (words + 2)))
    calls = itertools.count(1)
    live: dict[int, int] = {}
    kept: list[torch.Tensor] = []

    def watch(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        number = next(calls)
        if keeps_logits:
            kept.append(output.logits)
        if number in (2, batches):
            live[number] = live_elements()

    trainer.model.register_forward_hook(watch)
    trainer.uncertainty(PieceDataset(text, np.arange(sentences)))
    all_logits = sentences * words * len(labels.tags)
    grown = live[batches] - live[2]
    assert (grown > 0.5 * all_logits) if keeps_logits else (grown < 0.05 * all_logits)


# Evaluating


def test_tags_and_loss_are_those_of_one_sentence_at_a_time(
    make_trainer: MakeTrainer,
    tagger: BertForTokenClassification,
    text: EncodedText,
    word_labels: np.ndarray,
    labels: LabelSet,
) -> None:
    chosen = np.random.default_rng(1).permutation(SENTENCES)[:23]
    first_word = np.cumsum([0, *text.words()])
    tags, losses = [], []
    for sentence in chosen:
        logits = slow_logits(tagger, text, sentence)
        truth = torch.from_numpy(word_labels[first_word[sentence] : first_word[sentence + 1]])
        tags.append(labels.decode(logits.argmax(-1).tolist()))
        losses.append(cross_entropy(logits, truth, reduction="none"))
    wanted_loss = torch.cat(losses).mean().item()
    references = [
        labels.decode(word_labels[first_word[sentence] : first_word[sentence + 1]].tolist()) for sentence in chosen
    ]
    dataset = PieceDataset(text, chosen, word_labels)

    trainer = make_trainer()
    predicted, loss = trainer.predict_tags(dataset)
    assert predicted == tags
    assert loss == pytest.approx(wanted_loss, abs=1e-5)
    words = trainer.predict_words(dataset)
    assert words.losses == pytest.approx([one.sum().item() for one in losses], abs=1e-4)
    assert (words.probability > 1 / len(labels.tags)).all()
    scores = entity_scores(tags, references)
    metrics = trainer.evaluate(dataset, metric_key_prefix="dev")
    assert metrics.pop("dev_loss") == pytest.approx(wanted_loss, abs=1e-5)
    assert metrics == {f"dev_{name}": value for name, value in scores.items()}
    output = trainer.predict(dataset)
    assert output.predictions == tags
    assert output.metrics == {"test_loss": pytest.approx(wanted_loss, abs=1e-5)}


@pytest.mark.parametrize("token_budget", [1, 100, 10_000])
def test_figures_do_not_hang_on_the_batches(make_trainer: MakeTrainer, corpus: PieceDataset, token_budget: int) -> None:
    one, other = make_trainer().evaluate(corpus), make_trainer(token_budget=token_budget).evaluate(corpus)
    assert one.pop("eval_loss") == pytest.approx(other.pop("eval_loss"), abs=1e-6)
    assert one == other


def test_unlabelled_sentences_have_tags_and_no_loss(
    make_trainer: MakeTrainer, text: EncodedText, corpus: PieceDataset
) -> None:
    trainer = make_trainer()
    unlabelled = PieceDataset(text, np.arange(SENTENCES))
    tags, loss = trainer.predict_tags(unlabelled)
    assert loss is None
    assert tags == trainer.predict_tags(corpus)[0]
    assert trainer.predict(unlabelled).metrics == {}


# Training


def one_step(trainer: Trainer) -> tuple[float, float]:
    """Loss and gradient norm of the one optimizer step that training on eight sentences takes."""
    trainer.train()
    assert trainer.state.global_step == 1
    log = next(row for row in trainer.state.log_history if "grad_norm" in row)
    return log["loss"], log["grad_norm"]


ONE_STEP = {"num_train_epochs": 1, "logging_strategy": "steps", "logging_steps": 1}


@pytest.fixture
def without_dropout(tagger: BertForTokenClassification) -> BertForTokenClassification:
    for module in tagger.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return tagger


@pytest.fixture
def eight(text: EncodedText, word_labels: np.ndarray) -> PieceDataset:
    """Eight sentences of one piece each and of different lengths."""
    single = np.flatnonzero(np.bincount(text.piece_sentence) == 1)
    words = text.words()[single]
    chosen = single[np.argsort(words)][[0, 1, 2, 3, -4, -3, -2, -1]]
    dataset = PieceDataset(text, chosen, word_labels)
    assert len(dataset) == 8
    return dataset


@pytest.mark.parametrize(("micro_batch", "accumulation"), [(4, 2), (2, 4), (1, 8)])
def test_loss_and_gradient_do_not_hang_on_accumulation(
    make_trainer: MakeTrainer,
    without_dropout: BertForTokenClassification,
    eight: PieceDataset,
    micro_batch: int,
    accumulation: int,
) -> None:
    whole = make_trainer(eight, model=without_dropout, **ONE_STEP)
    shared = make_trainer(
        eight,
        model=without_dropout,
        per_device_train_batch_size=micro_batch,
        gradient_accumulation_steps=accumulation,
        **ONE_STEP,
    )
    assert one_step(shared) == pytest.approx(one_step(whole), rel=1e-5)
    _, mean = make_trainer(model=without_dropout).predict_tags(eight)
    loss = next(row["loss"] for row in whole.state.log_history if "loss" in row)
    assert loss == pytest.approx(mean, rel=1e-4), "the loss is not the mean over the words"


def test_stock_trainer_has_no_such_loss(
    without_dropout: BertForTokenClassification,
    wordpiece: PreTrainedTokenizerFast,
    eight: PieceDataset,
    tmp_path: Path,
) -> None:
    """Shows that the test above can fail, and when the stock loss is mended that NercTrainer's own may go."""
    rows = []
    for index in range(len(eight)):
        item = eight[index]
        row_labels = np.full(len(item["input_ids"]), IGNORED)
        row_labels[item["word_positions"]] = item["labels"]
        rows.append({"input_ids": item["input_ids"].tolist(), "labels": row_labels.tolist()})

    def step(micro_batch: int, accumulation: int) -> tuple[float, float]:
        arguments = training_arguments(
            tmp_path,
            per_device_train_batch_size=micro_batch,
            gradient_accumulation_steps=accumulation,
            **ONE_STEP,
        )
        return one_step(
            Trainer(
                copy.deepcopy(without_dropout),
                arguments,
                data_collator=DataCollatorForTokenClassification(wordpiece),
                train_dataset=rows,
            )
        )

    loss, gradient = step(8, 1)
    shared_loss, shared_gradient = step(4, 2)
    assert shared_loss > 1.5 * loss
    assert shared_gradient > 1.5 * gradient


def test_padding_and_missing_labels_carry_no_loss(
    make_trainer: MakeTrainer, without_dropout: BertForTokenClassification, eight: PieceDataset
) -> None:
    """The loss of two sentences together is the mean over the words of both, not over them and the padding."""
    trainer = make_trainer(model=without_dropout)
    short, long = (PieceDataset(eight.text, eight.sentences[[index]], eight.labels) for index in (0, 7))
    both = PieceDataset(eight.text, eight.sentences[[0, 7]], eight.labels)
    totals = [trainer.predict_tags(part)[1] * len(part[0]["labels"]) for part in (short, long)]
    wanted = sum(totals) / sum(len(part[0]["labels"]) for part in (short, long))
    whole = make_trainer(both, model=without_dropout, batch_size=2, per_device_train_batch_size=2, **ONE_STEP)
    assert one_step(whole)[0] == pytest.approx(wanted, rel=1e-4)


def test_a_second_round_is_a_fresh_training_from_the_same_weights(
    make_trainer: MakeTrainer, corpus: PieceDataset
) -> None:
    """Nothing but the weights goes from round to round: neither Adam's moments nor the learning rate's schedule."""
    trainer = make_trainer(corpus)
    trainer.train_round(2)
    after_first = weights(trainer)
    trainer.round_number = 1
    trainer.train_round(1)

    fresh = make_trainer(corpus)
    fresh.load_weights(after_first)
    fresh.round_number = 1
    fresh.train_round(1)
    assert same(weights(fresh), weights(trainer))
    assert not same(weights(fresh), after_first)


def test_stock_training_goes_on_with_the_old_optimizer(make_trainer: MakeTrainer, corpus: PieceDataset) -> None:
    """Shows that the test above can fail."""
    trainer = make_trainer(corpus, num_train_epochs=1)
    trainer.train_round(1)
    after_first = weights(trainer)
    optimizer = trainer.optimizer
    trainer._micro_batches = 0
    trainer.train()
    assert trainer.optimizer is optimizer

    fresh = make_trainer(corpus, num_train_epochs=1)
    fresh.load_weights(after_first)
    fresh.train_round(1)
    assert not same(weights(fresh), weights(trainer))


def test_training_repeats_to_the_bit_whatever_the_global_random_state(
    make_trainer: MakeTrainer, corpus: PieceDataset
) -> None:
    def trained(number: int, disturbance: int, **arguments: Any) -> Weights:
        trainer = make_trainer(corpus, **arguments)
        trainer.round_number = number
        torch.manual_seed(disturbance)
        np.random.seed(disturbance)
        trainer.train_round(1)
        return weights(trainer)

    first = trained(0, disturbance=1)
    assert same(trained(0, disturbance=2), first)
    assert not same(trained(1, disturbance=1), first)
    assert not same(trained(0, disturbance=1, seed=6), first)


def test_dropout_belongs_to_seed_round_and_micro_batch(make_trainer: MakeTrainer, eight: PieceDataset) -> None:
    """With one batch of all sentences and no learning, the losses differ by their dropout alone."""

    def losses(number: int) -> list[float]:
        trainer = make_trainer(eight, learning_rate=0.0, logging_strategy="steps", logging_steps=1)
        trainer.round_number = number
        trainer.train_round(3)
        return [row["loss"] for row in trainer.state.log_history if "grad_norm" in row]

    first = losses(0)
    assert len(set(first)) == 3
    assert losses(0) == first
    assert not set(losses(1)) & set(first)


def test_evaluating_between_rounds_does_not_change_training(make_trainer: MakeTrainer, corpus: PieceDataset) -> None:
    plain, evaluated = make_trainer(corpus), make_trainer(corpus)
    plain.train_round(1)
    evaluated.evaluate(corpus)
    evaluated.uncertainty(corpus)
    evaluated.train_round(1)
    assert same(weights(plain), weights(evaluated))


def test_training_learns(make_trainer: MakeTrainer, text: EncodedText, labels: LabelSet) -> None:
    """Labels that follow from the word itself can be learnt by heart."""
    by_word = text.input_ids[text.piece_offsets[:-1].repeat(np.diff(text.piece_words)) + text.word_positions]
    dataset = PieceDataset(text, np.arange(SENTENCES), (by_word % len(labels.tags)).astype(np.int64))
    trainer = make_trainer(dataset, learning_rate=1e-2)
    before = trainer.evaluate(dataset)
    trainer.train_round(80)
    after = trainer.evaluate(dataset)
    assert after["eval_loss"] < 0.2 * before["eval_loss"]
    assert after["eval_f1"] > 0.9


# Weights


def test_cold_start_takes_the_weights_that_it_is_given(
    make_trainer: MakeTrainer, tagger: BertForTokenClassification, corpus: PieceDataset
) -> None:
    trainer = make_trainer(corpus)
    trainer.train_round(1)
    assert not same(weights(trainer), tagger.state_dict())
    trainer.load_weights(tagger.state_dict())
    assert same(weights(trainer), tagger.state_dict())
    trainer.round_number = 1
    trainer.train_round(1)
    cold = make_trainer(corpus)
    cold.round_number = 1
    cold.train_round(1)
    assert same(weights(trainer), weights(cold))


def test_weights_of_another_model_are_refused(make_trainer: MakeTrainer, tagger: BertForTokenClassification) -> None:
    state = dict(tagger.state_dict())
    del state["classifier.bias"]
    with pytest.raises(RuntimeError, match=r"classifier\.bias"):
        make_trainer().load_weights(state)


def test_saved_weights_come_back_to_the_bit(make_trainer: MakeTrainer, corpus: PieceDataset, tmp_path: Path) -> None:
    from nerc_trainer.modeling.load import read_weights

    trainer = make_trainer(corpus)
    trainer.train_round(1)
    trainer.save_weights(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["config.json", "model.safetensors"]
    assert same(read_weights(tmp_path / "model", "unused"), weights(trainer))


# Rounds


class Listener(RoundCallback):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def on_round_begin(self, args: Any, state: Any, control: Any, *, trainer: NercTrainer, round_number: int) -> None:
        self.heard.append(("begin", (round_number, trainer.round_number)))

    def on_round_end(self, args: Any, state: Any, control: Any, *, trainer: NercTrainer, record: Any) -> None:
        self.heard.append(("end", record))


def test_round_events_reach_round_callbacks_and_no_others(make_trainer: MakeTrainer) -> None:
    listener = Listener()
    trainer = make_trainer(callbacks=[TrainerCallback(), listener])
    trainer.begin_round(4)
    trainer.end_round({"round": 4})
    assert listener.heard == [("begin", (4, 4)), ("end", {"round": 4})]


def test_a_round_asks_for_the_sentences_that_a_slow_reference_finds_least_certain(
    make_trainer: MakeTrainer,
    make_recipe: Callable[..., Recipe],
    text: EncodedText,
    labels: LabelSet,
) -> None:
    recipe = make_recipe(active={"initial_expert": 0.2, "query_size": 6})
    ids = [f"s{index:02d}" for index in range(SENTENCES)]
    training_set = TrainingSet(ids, text, labels)
    oracle = TruthOracle(ids, [["O"] * count for count in text.words()])
    sampler = EntropySamplerCallback(recipe, training_set, oracle, RunJournal(recipe.run.dir))
    trainer = make_trainer(callbacks=[sampler])
    for number, count in ((0, 8), (1, 6), (2, 6)):
        pool = training_set.pool()
        by_reference = slow_uncertainty(trainer.model, text, pool)
        trainer.begin_round(number)
        assert len(sampler.selection["ids"]) == count
        if number > 0:
            order = np.argsort(by_reference)[::-1][:count]
            assert sampler.selection["ids"] == [ids[pool[index]] for index in order]
        assert training_set.counts()["expert_sentences"] == 8 + 6 * number
        trainer.train_round(1)
