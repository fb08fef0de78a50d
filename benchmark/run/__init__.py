"""From a plan to the files of its cells."""
