"""A tagger at work: loaded from a folder or the Hub, it tags text and is measured on labelled text."""
