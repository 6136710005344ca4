"""The verbs of the command line, a file a stage. Each imports what is heavy only when it is called."""
