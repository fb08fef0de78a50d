"""The report: one page that needs no network, its figures and its tables, from a run's files alone."""
