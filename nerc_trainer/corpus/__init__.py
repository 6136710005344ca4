"""Text in: label sets, loading of any source into one schema, and the encoding of words into sub-words."""
