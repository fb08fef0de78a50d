"""The verbs of the command line: what each takes and what its help says; `commands` does what they say."""
