"""A corpus that repeats sentences, from the file to the rounds: the expert is asked and paid once for equal ones."""

from __future__ import annotations

from pathlib import Path

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.stage import build_rounds
from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.recipe.load import load_recipe
from nerc_trainer.recipe.shipped import recipes_folder
from nerc_trainer.training.arguments import training_arguments
from nerc_trainer.training.training_set import EXPERT

SENTENCES = 40


def test_the_expert_is_asked_once_for_equal_sentences(tmp_path: Path) -> None:
    sample = (recipes_folder() / "sample" / "train.conll").read_text(encoding="utf-8").split("\n\n")[:SENTENCES]
    (tmp_path / "train.conll").write_text("\n\n".join([*sample, *sample, *sample]) + "\n", encoding="utf-8")
    recipe = load_recipe(
        "tiny",
        [
            *(f"run.dir={tmp_path / 'run'}", f"data.train={tmp_path / 'train.conll'}", "training.use_cpu=true"),
            *("active.strategy=random", "active.initial_expert=0.5", "active.query_size=15"),
        ],
    )
    corpus = load_corpus(recipe.data)
    journal = RunJournal(tmp_path / "run")
    journal.open(recipe, corpus.fingerprints, {})
    rounds = build_rounds(recipe, training_arguments(recipe), corpus, journal)
    training_set = rounds.sampler.training_set
    words = dict(zip(corpus.train["id"], map(tuple, corpus.train["tokens"]), strict=True))
    distinct = len(set(words.values()))
    assert len(words) == 3 * distinct

    asked: list[str] = []
    for number in (0, 1):
        rounds.trainer.begin_round(number)
        asked += rounds.sampler.selection["ids"]
        assert len({words[name] for name in asked}) == len(asked), "equal sentences went to the expert twice"
        assert (training_set.source == EXPERT).sum() == 3 * len(asked)
        counts = training_set.counts()
        assert counts["expert_sentences"] == len(asked)
        assert counts["expert_words"] == sum(len(words[name]) for name in asked)
        assert counts["pool_left"] == distinct - len(asked)
    assert len(asked) == round(0.5 * distinct) + 15
    journal.close()
