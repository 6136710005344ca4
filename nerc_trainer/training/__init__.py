"""The Trainer subclass, its callbacks and the training set."""
