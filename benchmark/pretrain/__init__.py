"""Pretraining of a backbone: the loop around a trainer, its files, and what it has seen."""
