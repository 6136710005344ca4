"""Train a named-entity tagger from LLM labels and a little expert time, round by round."""

__version__ = "0.1.0"
