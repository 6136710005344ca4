"""A template that only joins texts and variables gives what jinja2 gives for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nerc_trainer.annotation.templates import Template, TemplateText
from nerc_trainer.errors import NercError

JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
pieces = st.sampled_from(["{{ sentence }}", "{{examples}}", "{{ genre }}", "\n", '"""', " a ", "{# note #}", "{", "%"])


@given(st.lists(pieces, max_size=8).map("".join), st.text(max_size=20))
def test_joined_pieces_are_what_jinja_makes(text: str, sentence: str) -> None:
    variables = {"sentence": sentence, "examples": ["x", 1]}
    try:
        wanted = JINJA.from_string(text).render(genre="news", **variables)
    except Exception:
        with pytest.raises((NercError, TemplateSyntaxError)):
            Template(TemplateText(text, "here"), {"genre": "news"}).render(variables)
        return
    assert Template(TemplateText(text, "here"), {"genre": "news"}).render(variables) == wanted


def test_a_variable_that_is_missing_is_named() -> None:
    template = Template(TemplateText("\n{{ sentence }} {{ answer }}", "file.yaml: user", 4), {})
    with pytest.raises(NercError, match=r"file\.yaml: user, line 5: .*answer"):
        template.render({"sentence": "a"})
