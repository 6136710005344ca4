"""Stage 1: an LLM labels the corpus, and every reply is kept."""
