"""How good a tagger is."""
