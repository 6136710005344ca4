"""Trainings that are compared: truth against LLM labels, and how many expert labels pay."""
