"""How a backbone is trained: the trainer, the learner of one loss, several processes."""
