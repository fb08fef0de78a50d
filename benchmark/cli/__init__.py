"""The command line: verbs say what each takes, commands do it."""
