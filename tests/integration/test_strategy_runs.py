"""Strategies on real taggers against slow references, and runs that are taken up again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification

from nerc_trainer.active.batch import affordable
from nerc_trainer.active.diversity import coreset, near_duplicates
from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.rounds import Rounds
from nerc_trainer.active.sampler import EntropySamplerCallback
from nerc_trainer.active.stage import build_rounds
from nerc_trainer.active.strategies import MEASURES
from nerc_trainer.corpus.conll import read_conll
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.active import ActiveSection
from nerc_trainer.recipe.load import load_recipe
from nerc_trainer.recipe.shipped import recipes_folder
from nerc_trainer.training.arguments import training_arguments
from nerc_trainer.training.scores import dropout_masks, encoder_means
from nerc_trainer.training.training_set import EXPERT

SENTENCES = 80
STRATEGIES = ActiveSection.model_json_schema()["properties"]["strategy"]["enum"]
LEARNS = ("training.learning_rate=0.01", "active.fine_tune_epochs=4")  # so that models differ from round to round

Start = Callable[..., Rounds]


@pytest.fixture(scope="module")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the sample corpus; the LLM was asked about the first 60 train sentences, and one reply was rejected."""
    folder = tmp_path_factory.mktemp("corpus")
    for split in ("train", "dev"):
        text = (recipes_folder() / "sample" / f"{split}.conll").read_text(encoding="utf-8")
        (folder / f"{split}.conll").write_text("\n\n".join(text.split("\n\n")[:SENTENCES]) + "\n", encoding="utf-8")
    train = read_conll(folder / "train.conll")
    rows = [
        {"tokens": tokens, "llm_tags": tags, "llm_confidence": 0.5 + 0.5 * (number % 3 == 0)}
        for number, (tokens, tags) in enumerate(zip(train.tokens, train.ner_tags, strict=True))
    ][:60]
    rows[7] = {"tokens": rows[7]["tokens"], "llm_status": "rejected: no JSON"}
    (folder / "llm.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture
def start(corpus_folder: Path, tmp_path: Path) -> Iterator[Start]:
    """``start("active.strategy=bald", ...)``: a run on one rank, begun or taken up again, in the test's own folder."""
    journals: dict[Path, RunJournal] = {}

    def begin(*settings: str, run: str = "run", llm: bool = True, restore: bool = True) -> Rounds:
        folder = tmp_path / run
        recipe = load_recipe(
            "tiny",
            [
                *(f"data.{split}={corpus_folder / split}.conll" for split in ("train", "dev")),
                *(f"run.dir={folder}", "data.test=null", "training.use_cpu=true", "active.query_size=5"),
                "active.score_in=float32",  # as the references compute, whatever this machine is faster in
                *([f"annotation.labels={corpus_folder / 'llm.jsonl'}"] if llm else []),
                *settings,
            ],
        )
        torch.set_num_threads(1)
        corpus = load_corpus(recipe.data, recipe.annotation.labels)
        if folder in journals:
            journals[folder].close()  # as a process that ends does
        journal = journals[folder] = RunJournal(folder)
        journal.open(recipe, corpus.fingerprints, {})
        rounds = build_rounds(recipe, training_arguments(recipe), corpus, journal)
        if restore:
            rounds.restore()
        return rounds

    yield begin
    for journal in journals.values():
        journal.close()


def play(rounds: Rounds) -> dict[str, Any]:
    """One whole round, as `Rounds.run` plays it."""
    assert rounds.reason_to_stop() is None
    number = len(rounds.history)
    rounds.trainer.begin_round(number)
    rounds.publish(number, rounds.evaluate(number, rounds.train(number)))
    return rounds.history[-1]


@torch.no_grad()
def hidden_and_logits(rounds: Rounds, sentence: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Last hidden states and logits of the words of one sentence of one piece, alone: [W, H], [W, L]."""
    text, model = rounds.bench.text, rounds.trainer.model.eval()
    (piece,) = text.pieces_of(np.array([sentence]))
    input_ids = text.input_ids[text.piece_offsets[piece] : text.piece_offsets[piece + 1]]
    places = text.word_positions[text.piece_words[piece] : text.piece_words[piece + 1]].tolist()
    hidden = model.bert(torch.tensor(input_ids[None].astype(np.int64))).last_hidden_state[0, places]
    return hidden, model.classifier(hidden)


def entropy(p: torch.Tensor) -> torch.Tensor:
    return -(p * p.log()).sum(-1)


def asked_by(reference: Callable[[int], float], pool: np.ndarray, ids: list[str], count: int) -> list[str]:
    values = np.array([reference(sentence) for sentence in pool])
    return [ids[pool[index]] for index in np.argsort(-values)[:count]]


def test_bald_asks_for_what_a_slow_reference_does(start: Start) -> None:
    rounds = start("active.strategy=bald")
    play(rounds)
    pool = rounds.sampler.training_set.pool()
    masks = torch.from_numpy(dropout_masks(16, 32, 0.1, (13, 1)))

    @torch.no_grad()
    def reference(sentence: int) -> float:
        hidden, _ = hidden_and_logits(rounds, sentence)
        p = torch.stack([rounds.trainer.model.classifier(hidden * mask).double().softmax(-1) for mask in masks])
        return float((entropy(p.mean(0)) - entropy(p).mean(0)).mean())

    wanted = asked_by(reference, pool, rounds.sampler.training_set.ids, 5)
    state = torch.get_rng_state()
    rounds.trainer.begin_round(1)
    assert rounds.sampler.selection["ids"] == wanted
    assert torch.equal(torch.get_rng_state(), state)


def test_committee_asks_the_models_of_the_last_rounds(start: Start) -> None:
    rounds = start("active.strategy=committee", "active.committee=2", "active.max_iterations=4", *LEARNS)
    for _ in range(3):
        play(rounds)
    folder = rounds.journal.run_dir / "rounds"
    members = [AutoModelForTokenClassification.from_pretrained(folder / f"round-0{n}" / "model") for n in (1, 2)]
    pool = rounds.sampler.training_set.pool()

    @torch.no_grad()
    def reference(sentence: int, asked: Sequence[torch.nn.Module] = members) -> float:
        answers = []
        for member in asked:
            rounds.trainer.model.load_state_dict(member.state_dict())
            answers.append(hidden_and_logits(rounds, sentence)[1].double().softmax(-1))
        return float(entropy(torch.stack(answers).mean(0)).mean())

    ids = rounds.sampler.training_set.ids
    alone = asked_by(lambda sentence: reference(sentence, members[1:]), pool, ids, 5)
    wanted = asked_by(reference, pool, ids, 5)
    rounds.trainer.begin_round(3)
    assert rounds.sampler.selection["ids"] == wanted != alone


def test_a_committee_whose_model_was_changed_is_not_asked(start: Start) -> None:
    rounds = start("active.strategy=committee")
    play(rounds)
    play(rounds)
    weights = rounds.journal.round(0).model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\\0\\0\\0\\0")
    with pytest.raises(NercError, match="not the model of round 0 any more"):
        rounds.trainer.begin_round(2)


def test_disagreement_is_with_the_labels_of_the_llm(start: Start) -> None:
    rounds = start("active.strategy=disagreement", "mixing.mode=concat")
    play(rounds)
    training_set = rounds.sampler.training_set
    pool, tags = training_set.pool(), training_set.tag_ids()

    def reference(sentence: int) -> float:
        p = hidden_and_logits(rounds, sentence)[1].double().softmax(-1).numpy()
        said = tags[training_set.words_of(np.array([sentence]))]
        return 1.0 if (said < 0).any() else 1 - p[np.arange(len(said)), said].mean()

    wanted = asked_by(reference, pool, training_set.ids, 5)
    rounds.trainer.begin_round(1)
    assert rounds.sampler.selection["ids"] == wanted


def test_the_pool_is_what_the_llm_was_asked_about(start: Start) -> None:
    with_llm, without = start(run="one"), start(run="two", llm=False)
    assert with_llm.sampler.training_set.pool().tolist() == list(range(60))
    assert without.sampler.training_set.pool().tolist() == list(range(SENTENCES))


def test_an_open_mode_is_decided_once_by_the_first_sentences(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("mixing.mode=null", "active.initial_expert=0.3")
    play(start(*settings))
    assert capsys.readouterr().out.count("mixing.mode: ") == 1
    state = json.loads((tmp_path / "run" / "state.json").read_text(encoding="utf-8"))
    assert state["decided"]["mixing"] == "concat"  # the labels are the truth
    state["decided"]["mixing"] = "llm_then_expert"
    (tmp_path / "run" / "state.json").write_text(json.dumps(state), encoding="utf-8")
    rounds = start(*settings)
    assert play(rounds)["mixing"] == "llm_then_expert"
    expert = len(rounds.sampler.training_set.labelled_by(EXPERT))
    assert len(rounds.trainer.train_dataset) == expert, "what the first start has decided holds"


def pieces_trained_on(rounds: Rounds) -> list[int]:
    """Filled with the size of each training's data, in pieces, as rounds are played."""
    sizes, train = [], rounds.trainer.train

    def noting(*values: Any, **named: Any) -> Any:
        sizes.append(len(rounds.trainer.train_dataset.pieces))
        return train(*values, **named)

    rounds.trainer.train = noting  # type: ignore[method-assign]
    return sizes


@pytest.mark.parametrize("unlabelled", [True, False])
def test_a_first_round_without_an_llm_learns_from_text_too(start: Start, unlabelled: bool) -> None:
    rounds = start("mixing.mode=self_train", f"mixing.unlabelled={unlabelled}", llm=False)
    sizes = pieces_trained_on(rounds)
    play(rounds)
    expert = len(rounds.sampler.training_set.labelled_by(EXPERT))
    assert min(sizes) == expert
    assert max(sizes) == (len(rounds.bench.text.piece_sentence) if unlabelled else expert)


@pytest.mark.parametrize("begin", ["warm", "cold"])
def test_later_rounds_learn_from_text_where_they_begin_anew(start: Start, begin: str) -> None:
    rounds = start("mixing.mode=self_train", "mixing.teachers=1", f"active.start={begin}", llm=False)
    play(rounds)
    sizes = pieces_trained_on(rounds)
    assert play(rounds)["mixing"] == "self_train"
    expert, all_text = len(rounds.sampler.training_set.labelled_by(EXPERT)), len(rounds.bench.text.piece_sentence)
    assert sizes == ([expert] if begin == "warm" else [expert, all_text])


def test_encoder_means_are_those_of_one_sentence_at_a_time(start: Start) -> None:
    rounds = start()
    chosen = np.random.default_rng(1).permutation(SENTENCES)[:11]
    wanted = [hidden_and_logits(rounds, sentence)[0].mean(0).numpy() for sentence in chosen]
    np.testing.assert_allclose(
        encoder_means(rounds.trainer, PieceDataset(rounds.bench.text, chosen)), np.array(wanted), atol=1e-5
    )


def test_encoder_means_of_sentences_in_pieces(start: Start) -> None:
    whole, split = start(run="one", llm=False), start("model.max_length=16", run="two", llm=False)
    assert np.bincount(split.bench.text.piece_sentence).max() >= 2
    means = encoder_means(split.trainer, PieceDataset(split.bench.text, np.arange(SENTENCES)))
    one_piece = np.bincount(split.bench.text.piece_sentence) == 1
    wanted = encoder_means(whole.trainer, PieceDataset(whole.bench.text, np.arange(SENTENCES)))
    np.testing.assert_allclose(means[one_piece], wanted[one_piece], atol=1e-5)
    assert np.isfinite(means).all()
    # Pieces do not see each other, so states differ; but every word counts once, so no mean grows with the pieces.
    assert np.abs(means[~one_piece]).max() < 2 * np.abs(wanted).max()


def test_diversity_compares_sentences_of_the_pool_as_it_is_now(start: Start) -> None:
    """Positions in a pool that has shrunk would give the vectors of other sentences."""
    rounds = start("active.strategy=longest", "active.diversity=coreset", "active.initial_expert=0.3", llm=False)
    play(rounds)
    training_set = rounds.sampler.training_set
    pool, ids, tokens = training_set.pool(), training_set.ids, rounds.bench.corpus.train["tokens"]
    assert (pool != np.arange(len(pool))).any()
    order = sorted(pool, key=lambda sentence: (-len(tokens[int(sentence)]), ids[sentence]))
    compared = order[:50]
    vectors = np.array([hidden_and_logits(rounds, sentence)[0].mean(0).numpy() for sentence in compared])
    wanted = [compared[place] for place in coreset(vectors, 10)]
    repeats = near_duplicates(lambda position: tokens[int(wanted[position])])
    words = np.array([len(tokens[int(sentence)]) for sentence in wanted])
    batch = affordable(words, 5, np.inf, np.inf, repeats)
    rounds.trainer.begin_round(1)
    assert rounds.sampler.selection["ids"] == [ids[wanted[place]] for place in batch]


@pytest.mark.parametrize("diversity", ["kmeans", "coreset"])
def test_no_sentence_stands_in_a_diverse_batch_with_one_nearly_the_same(
    start: Start, corpus_folder: Path, tmp_path: Path, diversity: str
) -> None:
    """Each train sentence three times, with other digits and a number in front: all equals are equally uncertain."""
    text = (corpus_folder / "train.conll").read_text(encoding="utf-8").strip()
    line = text.splitlines()[0].split(" ", 1)[1]
    copies = [f"{digit}0{digit}1 {line}\n{block}" for block in text.split("\n\n")[:20] for digit in (1, 2, 3)]
    (tmp_path / "train.conll").write_text("\n\n".join(copies) + "\n", encoding="utf-8")
    settings = (f"data.train={tmp_path / 'train.conll'}", "active.query_size=6", "active.initial_expert=0.05")
    alike, diverse = (
        start(*settings, f"active.diversity={how}", run=str(how), llm=False) for how in ("null", diversity)
    )
    for rounds in (alike, diverse):
        play(rounds)
        rounds.trainer.begin_round(1)
    words = dict(zip(diverse.bench.corpus.train["id"], diverse.bench.corpus.train["tokens"], strict=True))

    def different(rounds: Rounds) -> int:
        return len({tuple(words[name][1:]) for name in rounds.sampler.selection["ids"]})

    assert len(diverse.sampler.selection["ids"]) == len(alike.sampler.selection["ids"]) == 6
    assert different(diverse) == 6
    assert different(alike) < 6, "so the batch would hold such sentences without it"


@pytest.mark.parametrize(
    "settings",
    [
        ("active.strategy=bald", "active.diversity=kmeans"),
        ("active.strategy=committee", "active.query_words=40"),
        ("active.strategy=mnlp", "active.llm_doubt=1", "active.diversity=coreset"),
        ("active.pool_fraction=0.4", "active.query_size=2", "active.llm_doubt=1", "active.diversity=kmeans"),
    ],
    ids=["bald", "committee", "doubt", "part"],
)
def test_a_run_taken_up_again_asks_for_the_same(start: Start, settings: tuple[str, ...]) -> None:
    undisturbed = start(*settings, "active.max_iterations=3", run="one")
    for _ in range(3):
        play(undisturbed)
    undisturbed.trainer.begin_round(3)

    for _ in range(3):
        again = start(*settings, "active.max_iterations=3", run="two")
        play(again)
        again.journal.close()
    again = start(*settings, "active.max_iterations=3", run="two")
    again.trainer.begin_round(3)
    assert [row["ids"] for row in again.history] == [row["ids"] for row in undisturbed.history]
    assert again.sampler.selection == undisturbed.sampler.selection
    assert again.trainer.steps_taken == undisturbed.trainer.steps_taken > 0, "so trackers count on"


PART = (
    "active.pool_fraction=0.3",
    "active.query_size=1",
    "active.min_iterations=6",
    "active.max_iterations=6",
    *LEARNS,
)


def test_a_round_that_scores_a_part_chooses_from_it(start: Start) -> None:
    rounds = start(*PART)
    for _ in range(7):
        play(rounds)
    scoring = [row["scoring"] for row in rounds.history]
    pools = [row["pool_left"] + 1 for row in rounds.history]
    assert scoring[0] is None
    wanted = [pools[1], *(round(0.3 * pool) for pool in pools[2:6]), pools[6]]
    assert [one["scored"] for one in scoring[1:]] == wanted
    assert [one["found"] for one in scoring[1:6]] == [None] * 5
    assert scoring[6]["found"] in (0.0, 1.0), "the one sentence that round 6 asked for was in the part or not"


def test_a_whole_round_asks_for_what_it_would_without_parts(start: Start) -> None:
    part, whole = start(*PART, run="part"), start(*PART[1:], run="whole")
    for _ in range(2):
        assert play(part)["ids"] == play(whole)["ids"]
    assert "scored" not in whole.history[1]["scoring"]


def test_every_strategy_that_scores_can_score_a_part(start: Start) -> None:
    rounds = start(*PART)
    play(rounds)
    pool, asked = rounds.sampler.training_set.pool(), []
    for strategy in sorted({*STRATEGIES} - {"random", "longest"}):
        active = rounds.recipe.active.model_copy(update={"strategy": strategy})
        sampler = EntropySamplerCallback(
            rounds.recipe.model_copy(update={"active": active}),
            rounds.sampler.training_set,
            rounds.sampler.oracle,
            rounds.journal,
        )
        whole, part = (sampler._select(rounds.trainer, number) for number in (1, 2))
        assert whole["scoring"] == {"scored": len(pool), "found": None}
        assert part["scoring"] == {"scored": round(0.3 * len(pool)), "found": None}
        asked.append(part["ids"] == whole["ids"])
    # The model is the same, so what was most uncertain still is; BALD and the committee ask others in each round.
    assert sum(asked) >= len(asked) - 2


def test_a_start_that_ends_between_scores_and_selection_is_taken_up_with_the_same_part(start: Start) -> None:
    rounds = start(*PART)
    play(rounds)
    play(rounds)
    rounds.trainer.begin_round(2)
    selection = rounds.sampler.selection
    folder = rounds.journal.run_dir
    rounds.journal.close()
    (folder / "rounds" / "round-02.partial" / "labels.jsonl").unlink()
    (folder / "rounds" / "round-02.partial" / "selection.json").unlink()
    assert (folder / "scores" / "round-02.npy").exists()

    again = start(*PART)
    again.trainer.begin_round(2)
    assert again.sampler.selection == selection


def test_a_part_is_scored_where_only_the_doubt_about_the_llm_is(start: Start) -> None:
    rounds = start(*PART, "active.strategy=random", "active.llm_doubt=1")
    for _ in range(3):
        play(rounds)
    left = rounds.history[1]["pool_left"]
    assert rounds.history[2]["scoring"]["scored"] == round(0.3 * left)


def test_doubt_about_the_llm_counts_how_sure_it_says_it_is(start: Start) -> None:
    """Where the strategy has no say, being nearly 0 beside the doubt, that alone orders the pool."""
    rounds = start("active.strategy=longest", "active.llm_doubt=1e6", "active.query_size=20")
    play(rounds)
    training_set = rounds.sampler.training_set
    pool, ids = training_set.pool(), training_set.ids
    labels = training_set.tag_ids()
    dataset = PieceDataset(rounds.bench.text, pool, labels)
    agreed = 1 - rounds.trainer.uncertainty(dataset, MEASURES["disagreement"])
    sure = np.array([0.5 + 0.5 * (sentence % 3 == 0) for sentence in pool])
    rounds.trainer.begin_round(1)
    asked = rounds.sampler.selection["ids"]
    assert asked == [ids[sentence] for sentence in pool[np.argsort(sure * agreed)][:20]]
    assert asked != [ids[sentence] for sentence in pool[np.argsort(agreed)][:20]], "so its own confidence shows"


def test_sub_words_of_another_corpus_are_deleted(start: Start, tmp_path: Path) -> None:
    old = tmp_path / "run" / "encoded" / "train-0123"
    old.mkdir(parents=True)
    rounds = start()
    assert not old.exists()
    assert sorted(path.name.split("-")[0] for path in old.parent.iterdir()) == ["dev", "train"]
    assert len(rounds.bench.text.input_ids) > 0


@pytest.mark.parametrize(("doubt", "scores"), [(0, False), (1, True)])
def test_precision_is_noted_where_only_the_doubt_about_the_llm_is_scored(
    start: Start, doubt: int, scores: bool
) -> None:
    rounds = start("active.strategy=random", f"active.llm_doubt={doubt}", "active.score_in=bfloat16")
    play(rounds)
    rounds.trainer.begin_round(1)
    assert (rounds.precision.found is not None) == scores
    assert not scores or rounds.journal.round(1).agreement() is not None


def test_every_strategy_has_an_order_of_its_own(start: Start) -> None:
    rounds = start()
    play(rounds)
    orders: dict[str, list[str]] = {}
    priorities: dict[str, list[float]] = {}
    for strategy in STRATEGIES:
        recipe = rounds.recipe.model_copy(
            update={"active": rounds.recipe.active.model_copy(update={"strategy": strategy, "query_size": 50})}
        )
        sampler = EntropySamplerCallback(
            recipe,
            rounds.sampler.training_set,
            rounds.sampler.oracle,
            rounds.journal,
            rounds.bench.corpus.train["tokens"],
        )
        selection = sampler._select(rounds.trainer, 1)
        assert selection["strategy"] == strategy
        assert len(selection["ids"]) == 50
        assert np.isfinite(selection["priorities"]).all()
        orders[strategy], priorities[strategy] = selection["ids"], selection["priorities"]
    assert len({tuple(ids) for strategy, ids in orders.items() if strategy != "committee"}) == len(STRATEGIES) - 1
    # There is one model so far.
    np.testing.assert_allclose(priorities["committee"], priorities["entropy"], atol=1e-6)


def test_heads_of_the_study_can_be_thinned_too(start: Start) -> None:
    rounds = start("active.strategy=bald", "model.head=bilstm", "model.lstm_hidden_size=8")
    play(rounds)
    rounds.trainer.begin_round(1)
    priorities = rounds.sampler.selection["priorities"]
    assert all(priority > 0 for priority in priorities)
    assert priorities == sorted(priorities, reverse=True)


# Stopping


RULES = (
    "active.stop.sentences=30",
    "active.stop.uncertainty=1e-9",
    "active.stop.kappa=1",
    "active.max_iterations=4",
    *LEARNS,
)


def test_signs_are_kept_so_that_a_run_taken_up_again_decides_by_them(start: Start) -> None:
    rounds = start(*RULES, "active.min_iterations=4")
    play(rounds)
    play(rounds)
    number = len(rounds.history)
    assert rounds.reason_to_stop() is None
    seen = rounds.sampler.stop_set.signs(rounds.trainer, 1)
    assert seen[0].kappa is None
    assert seen[1].kappa is not None
    assert -1 <= seen[1].kappa < 1
    assert all(0 < sign.uncertainty < np.log(9) for sign in seen if sign.uncertainty is not None)
    rounds.trainer.begin_round(number)
    rounds.train(number)  # the next round's model is there already when the run is taken up again
    rounds.journal.close()

    again = start(*RULES, "active.min_iterations=4")
    assert again.sampler.stop_set.sentences.tolist() == rounds.sampler.stop_set.sentences.tolist()
    assert again.sampler.stop_set.signs(again.trainer, 1) == seen


@pytest.mark.parametrize(("worth", "ends"), [(1e-9, True), (1e9, False)])
def test_points_that_cost_more_than_they_are_worth_end_the_run(start: Start, worth: float, ends: bool) -> None:
    rules = ("active.min_iterations=0", "active.max_iterations=4", "active.improvement_threshold=0")
    rounds = start(*rules, *LEARNS, "active.patience=9", f"active.stop.dollars_per_point={worth}")
    reason = rounds.run()
    assert rounds.history[3]["f1"] > rounds.history[0]["f1"], "so the price is one of a gain"
    assert len(rounds.history) == (4 if ends else 5)
    assert ("points of F1 on dev for" in str(reason)) == ends


def test_without_a_rule_nothing_is_measured(start: Start) -> None:
    rounds = start("active.stop.dollars_per_point=1e9")
    play(rounds)
    assert rounds.reason_to_stop() is None
    assert not (rounds.journal.run_dir / "stopping").exists()


def test_a_tagger_that_is_as_sure_as_asked_for_ends_the_run(start: Start) -> None:
    rounds = start("active.stop.uncertainty=5", "active.min_iterations=1", "active.patience=9")
    reason = rounds.run()
    assert len(rounds.history) == 2
    assert reason.startswith("the tagger is sure of the sentences that are left: mean token entropy ")
