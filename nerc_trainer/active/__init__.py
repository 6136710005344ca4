"""Active learning: score the pool, choose, ask the oracle, and run the rounds."""
