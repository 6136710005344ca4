"""What the page needs and the run's figures do not hold: words of sentences, and what earlier models said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nerc_trainer.errors import NercError
from nerc_trainer.report.collect import RunData


def find_tokens(run: RunData, ids: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The words of sentences, from the LLM's labels or else from the corpus of the recipe; and notes on what failed."""
    found = {name: list(run.llm_labels[name]["tokens"]) for name in ids if name in run.llm_labels}
    missing = [name for name in ids if name not in found]
    if not missing or run.recipe is None:
        return found, [] if not missing else ["Sentences are not shown: the run has no recipe that names its corpus."]
    from nerc_trainer.corpus.load import load_corpus

    asks_people = run.recipe.active.oracle == "files"  # about sentences that nobody has labelled, as a rule
    try:
        corpus = load_corpus(run.recipe.data, unlabelled_train=asks_people, context=run.recipe.model.context)
    except (NercError, OSError):
        return found, ["Some sentences are not shown, because the corpus cannot be read any more where it was."]
    if run.state is not None and run.state["corpus"].get("train") != corpus.fingerprints["train"]:
        return found, [
            "Some sentences are not shown, because the corpus is no longer the one that the run was made on."
        ]
    place = {name: index for index, name in enumerate(corpus.train["id"])}
    rows = corpus.train["tokens"]
    return found | {name: list(rows[place[name]]) for name in missing if name in place}, []


def tags_before(
    run: RunData, shown: Mapping[int, Sequence[str]], tokens: Mapping[str, Sequence[str]]
) -> tuple[dict[int, dict[str, list[str]]], list[str]]:
    """What the model of the round before said of each round's sentences, and notes on rounds whose model is gone."""
    said: dict[int, dict[str, list[str]]] = {}
    gone = []
    notes: list[str] = []
    for number, ids in shown.items():
        folder = run.folder / "rounds" / f"round-{number - 1:02d}" / "model"
        names = [name for name in ids if name in tokens]
        if not names:
            continue
        if not (folder / "config.json").is_file():
            gone.append(number - 1)
            continue
        from nerc_trainer.prediction.tagger import load_tagger

        try:
            tagger = load_tagger(str(folder))
        except (NercError, OSError):
            gone.append(number - 1)
            continue
        if tagger.context and not notes:
            notes = ["What the model said before is shown as it reads each sentence alone, without its document."]
        tagged = tagger.tag([tokens[name] for name in names])
        said[number] = {name: one.tags for name, one in zip(names, tagged, strict=True)}
    if not gone:
        return said, notes
    rounds = ", ".join(map(str, gone))
    return said, [
        *notes,
        f"What the model said before is not shown where that of round {rounds} is gone or cannot be loaded.",
    ]
