"""Learning: the loop of `finetune` and its parts."""
